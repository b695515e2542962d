"""How names of placeholders, personalisation and CSV columns are compared: ignoring case, spaces, - and _."""

import re

_IGNORED = re.compile(r"[\s_-]+")


def fold(name: str) -> str:
    """The name as it is compared. It is empty if there is nothing in the name but what is ignored."""
    return _IGNORED.sub("", name).casefold()
