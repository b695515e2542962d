"""`python -m octavo_cli`: the same as `octavo`."""

from octavo_cli.app import app

if __name__ == "__main__":
    app(prog_name="octavo")
