from uuid import UUID

import pytest

from octavo import keys

ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


def test_a_written_key_is_read_back_and_matches_its_hash():
    secret = keys.new_secret()
    presented = keys.read(keys.written(ID, secret))
    assert presented is not None
    assert presented.id == ID
    assert presented.matches(keys.hash_secret(secret))
    assert not presented.matches(keys.hash_secret(keys.new_secret()))


NO_KEYS = {
    "nothing": "",
    "only the prefix": "octavo_",
    "no id": "octavo__secret",
    "no secret": f"octavo_{ID.hex}",
    "an empty secret": f"octavo_{ID.hex}_",
    "something before it": f"Bearer octavo_{ID.hex}_s",
    "an id of other letters": "octavo_" + "z" * 32 + "_s",
    "100 KB": "octavo_" + "x" * 100_000,
    "letters beyond ASCII": f"octavo_{ID.hex}_é",
    "an id with dashes": f"octavo_{ID}_secret",
    "a short id in braces": "octavo_{" + ID.hex[:30] + "}_secret",
    "an id with a minus": f"octavo_-{ID.hex[1:]}_secret",
}


@pytest.mark.parametrize("text", NO_KEYS.values(), ids=NO_KEYS.keys())
def test_what_has_not_the_form_of_a_key_is_none(text):
    assert keys.read(text) is None
