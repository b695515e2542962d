"""Which release this is: the image has the code alone, and no package to ask."""

VERSION = "0.2.0.dev0"
"""As in pyproject.toml."""
