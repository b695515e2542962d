"""The stack for one machine: real Kafka, real PostgreSQL, S3, a provider simulator and Octavo's own services.

Everything comes from packages; nothing needs root, Java or Docker. `python -m deploy.local --help` lists the commands,
`deploy.local.stack.Stack` is the same for programs and tests.
"""
