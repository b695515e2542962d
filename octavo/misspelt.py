"""Variables that nothing reads, though their names are nearly those of settings."""

from collections.abc import Collection
from difflib import get_close_matches

from octavo.config import PREFIX

NEARLY = 0.9
"""How alike two names are, from 0 to 1, of which one is taken for the other (difflib's ratio)."""


def misspelt(given: Collection[str], read: Collection[str]) -> dict[str, str]:
    """Of the names that are given, those that nothing reads, each with the name that is read, was not given and is nearly it.

    The names of other services, which may share an environment with this one, are not that alike.
    """
    missing = sorted(set(read) - set(given))
    strangers = sorted(name for name in set(given) - set(read) if name.startswith(PREFIX))
    return {name: near[0] for name in strangers if (near := get_close_matches(name, missing, n=1, cutoff=NEARLY))}
