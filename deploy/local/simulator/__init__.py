"""The provider simulator: plays MMG, Firetext and Amazon SES over real HTTP, run by `python -m deploy.local.simulator`.

It accepts messages, keeps a durable ledger of what it accepted, sends receipts back until they are taken, and can be
told to be slow, to fail, to hang, to reset connections, and to repeat and reorder receipts. It shares no code with
Octavo, so that it can be its judge.
"""
