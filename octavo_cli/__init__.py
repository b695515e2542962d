"""The command line of Octavo: docs/client.md shows how."""
