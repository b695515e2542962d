"""Values that are found nowhere else, and the search for them in whatever form they may have taken."""

import base64
from dataclasses import dataclass

from octavo import keys

WORD = "zaunkoenig"
"""In every name, body, subject, address and wrong key that a client sends."""
PLANTED = "rotkehlchen"
"""In what the tests themselves put on Kafka in the clear: there it stays as it came, and goes nowhere else."""

NAME = f"{WORD.capitalize()} Anna"
CODE = f"{WORD}-4711"
ADDRESS = f"{WORD}.a@{WORD}.example"
NUMBER = "07700900471"
WRONG_KEY = f"octavo_{'0' * 32}_{WORD}0123456789abcdef0123456789abc"

DIGITS = {
    "a number": "7700900471",
    "a number that fails for good": "7700900002",
    "a number that fails for now": "7700900003",
    "a number in a file": "7400900471",
    "a premium-rate number": "9098790471",
    "a satellite number": "8816471471",
}


@dataclass(frozen=True)
class Canary:
    """One value, and what it looks like in other clothes."""

    what: str
    forms: tuple[bytes, ...]
    folded: tuple[bytes, ...]
    """Forms that are looked for without regard to case."""

    def found_in(self, data: bytes, folded: bytes) -> bool:
        return any(form in data for form in self.forms) or any(form in folded for form in self.folded)


def canary(what: str, value: str) -> Canary:
    raw = value.encode()
    assert len(raw) >= 7, f"{what} is too short to be told from chance"
    # In base64 the middle of a text looks different at each of three places, and its ends hang on its neighbours.
    encoded = tuple(base64.b64encode(b"\0" * shift + raw).rstrip(b"=")[-(-shift * 4 // 3) : -1] for shift in range(3))
    return Canary(what, encoded, (raw.lower(), raw.hex().encode(), value.lower().encode("utf-16-le")))


def secret_of(key: str) -> str:
    """The part of a service's key that nobody else may see. It can itself hold what separates it from the others."""
    presented = keys.read(key)
    assert presented
    return presented.secret


def all_canaries(secrets: dict[str, str]) -> list[Canary]:
    """What must be found nowhere: personal data, and these secrets by their names."""
    return [
        *(canary("a name, a body, a subject, an address or a key", word) for word in (WORD, WORD.capitalize())),
        *(canary(what, digits) for what, digits in DIGITS.items()),
        *(canary(name, value) for name, value in secrets.items()),
    ]


def sightings(canaries: list[Canary], place: str, data: bytes) -> list[str]:
    """Where a canary is found: the place, which one, and a piece of what is around it."""
    folded = data.lower()
    found = []
    for one in canaries:
        if one.found_in(data, folded):
            at = max(folded.find(form) for form in one.folded)
            found.append(f"{place}: {one.what}: {data[max(0, at - 120) : at + 80]!r}")
    return found
