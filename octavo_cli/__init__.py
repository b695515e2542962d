"""The command line of Octavo: docs/client.md shows how."""

import os

# gRPC's core reads this when it is imported, and would write of each connection that fails on standard error, where the command
# line says itself what is the matter.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
