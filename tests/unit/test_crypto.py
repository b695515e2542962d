from base64 import urlsafe_b64decode
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.fernet import Fernet

from octavo.crypto import HASH_BYTES, Hasher, Randomness, Sealer
from octavo.domain.errors import Malformed
from octavo.v1.messages_pb2 import SealedContent

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
ID, OTHER = b"\x01" * 16, b"\x02" * 16


def content(recipient="+447700900123", owner=ID):
    return SealedContent(notification_id=owner, recipient=recipient, personalisation={"name": "Ann"})


@pytest.mark.asked("S15")
def test_nothing_of_the_content_shows_in_what_is_sealed():
    sealed = Sealer([NEW]).seal(content())
    for secret in (b"447700900123", b"Ann", b"name"):
        assert secret not in sealed


def test_opens_what_it_sealed():
    sealer = Sealer([NEW])
    assert sealer.open(ID, sealer.seal(content())) == content()


def test_what_is_sealed_is_a_fernet_token_and_never_the_same_twice():
    sealer = Sealer([NEW])
    tokens = {sealer.seal(content()) for _ in range(1_000)}
    assert len(tokens) == 1_000
    # The initialisation vector stands behind a version and a time.
    assert len({urlsafe_b64decode(token)[9:25] for token in tokens}) == 1_000
    assert {Fernet(NEW).decrypt(token) for token in tokens} == {content().SerializeToString()}


def test_random_bytes_are_given_once_to_whichever_thread_asks():
    randomness = Randomness()
    with ThreadPoolExecutor(8) as threads:
        given = list(threads.map(lambda _: [randomness.take(10) for _ in range(2_000)], range(8)))
    assert len({one for several in given for one in several}) == 16_000
    assert {len(one) for several in given for one in several} == {10}


def test_refuses_content_that_was_sealed_for_another_notification():
    sealer = Sealer([NEW])
    with pytest.raises(Malformed, match="another notification"):
        sealer.open(OTHER, sealer.seal(content()))


def test_opens_with_an_older_key_and_seals_with_the_first():
    rotated = Sealer([NEW, OLD])
    assert rotated.open(ID, Sealer([OLD]).seal(content())) == content()
    assert Sealer([NEW]).open(ID, rotated.seal(content())) == content()


def test_reseals_under_the_first_key():
    resealed = Sealer([NEW, OLD]).reseal(Sealer([OLD]).seal(content()))
    assert Sealer([NEW]).open(ID, resealed) == content()


def test_without_the_key_it_stays_closed():
    with pytest.raises(Malformed, match="no key"):
        Sealer([NEW]).open(ID, Sealer([OLD]).seal(content()))


def test_needs_a_key():
    with pytest.raises(ValueError, match="at least one"):
        Sealer([])


def test_the_same_recipient_of_two_services_has_two_hashes():
    hasher = Hasher(b"k" * 32)
    assert hasher.recipient(ID, "+447700900123") == hasher.recipient(ID, "+447700900123")
    assert hasher.recipient(ID, "+447700900123") != hasher.recipient(OTHER, "+447700900123")
    assert len(hasher.recipient(ID, "x")) == HASH_BYTES


def test_parts_do_not_run_into_each_other():
    hasher = Hasher(b"k" * 32)
    assert hasher.content(b"ab", b"c") != hasher.content(b"a", b"bc")


def test_a_short_hash_key_is_refused():
    with pytest.raises(ValueError, match="32"):
        Hasher(b"short")
