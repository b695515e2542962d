import hmac
import os
import signal
from base64 import urlsafe_b64decode
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any, get_args

import pytest
from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st

from octavo.crypto import HASH_BYTES, Hasher, Randomness, SealedForm, Sealer
from octavo.domain.errors import Malformed
from octavo.v1.messages_pb2 import SealedContent

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
ID, OTHER = b"\x01" * 16, b"\x02" * 16


def content(recipient="+447700900123", owner=ID):
    return SealedContent(notification_id=owner, recipient=recipient, personalisation={"name": "Ann"})


FORMS = get_args(SealedForm)
in_every_form = pytest.mark.parametrize("form", FORMS)
from_form_to_form = pytest.mark.parametrize(("before", "after"), list(product(FORMS, repeat=2)))


@in_every_form
@pytest.mark.asked("S15")
def test_nothing_of_the_content_shows_in_what_is_sealed(form):
    sealed = Sealer([NEW], form).seal(content())
    for secret in (b"447700900123", b"Ann", b"name", ID):
        assert secret not in sealed


@from_form_to_form
def test_opens_what_was_sealed_in_either_form_whichever_it_seals_in(before, after):
    sealed = Sealer([NEW], before).seal(content())
    assert Sealer([NEW], after).open(ID, sealed) == content()


@in_every_form
@settings(deadline=None)
@given(
    recipient=st.text(max_size=100),
    personalisation=st.dictionaries(st.text(max_size=20), st.text(max_size=2_000), max_size=4),
)
def test_opens_all_that_it_sealed(form, recipient, personalisation):
    whole = SealedContent(notification_id=ID, recipient=recipient, personalisation=personalisation)
    sealer = Sealer([NEW], form)
    assert sealer.open(ID, sealer.seal(whole)) == whole


def test_seals_fernet_tokens_unless_told_otherwise_and_never_the_same_twice():
    sealer = Sealer([NEW])
    tokens = {sealer.seal(content()) for _ in range(1_000)}
    assert len(tokens) == 1_000
    # The initialisation vector stands behind a version and a time.
    assert len({urlsafe_b64decode(token)[9:25] for token in tokens}) == 1_000
    assert {Fernet(NEW).decrypt(token) for token in tokens} == {content().SerializeToString()}


def test_several_threads_seal_and_open():
    sealer = Sealer([NEW, OLD], "aes-gcm")
    earlier = [Sealer([key], form).seal(content(str(form))) for key in (OLD, NEW) for form in FORMS for _ in range(50)]

    def work(number):
        sealed = [sealer.seal(content(f"{number} {one}")) for one in range(500)]
        assert [sealer.open(ID, one).recipient for one in sealed] == [f"{number} {one}" for one in range(500)]
        assert {sealer.open(ID, one).recipient for one in earlier} == set(FORMS)
        return sealed

    with ThreadPoolExecutor(8) as threads:
        sealed = [one for several in threads.map(work, range(8)) for one in several]
    # The salt of all, and the nonce of each.
    assert len({one[1:17] for one in sealed}) == 1
    assert len({one[17:29] for one in sealed}) == 4_000


def test_random_bytes_are_given_once_to_whichever_thread_asks():
    randomness = Randomness()
    with ThreadPoolExecutor(8) as threads:
        # A block ends in the middle of what is asked for, again and again.
        sizes = (10, 12, 16)
        taken = list(threads.map(lambda _: [randomness.take(sizes[n % 3]) for n in range(2_000)], range(8)))
    assert len({one[:10] for several in taken for one in several}) == 16_000
    assert [[len(one) for one in several] for several in taken] == [[sizes[n % 3] for n in range(2_000)]] * 8


def test_more_random_bytes_than_are_drawn_at_once():
    taken = Randomness().take(10_000)
    assert len(taken) == 10_000
    assert len(set(taken)) > 200


# From Python 3.12 on it warns of threads, none of which the child waits for.
@pytest.mark.filterwarnings("ignore:This process")
def test_a_forked_process_gets_other_random_bytes():
    randomness = Randomness()
    randomness.take(12)
    there, here = os.pipe()
    child = os.fork()
    if not child:
        os.write(here, randomness.take(12))
        os._exit(0)
    os.waitpid(child, 0)
    try:
        assert os.read(there, 12) != randomness.take(12)
    finally:
        os.close(there)
        os.close(here)


@pytest.mark.filterwarnings("ignore:This process")
def test_a_forked_process_seals_though_another_thread_was_about_to():
    sealer = Sealer([NEW], "aes-gcm")
    first = sealer.seal(content())
    there, here = os.pipe()
    form: Any = sealer._sealing
    with form._lock, form._remembered._lock:
        child = os.fork()
    if not child:
        signal.alarm(10)
        os.write(here, sealer.seal(content()))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    try:
        assert status == 0
        sealed = os.read(there, 4_096)
        assert sealer.open(ID, sealed) == content()
        assert sealed[1:17] != first[1:17]
    finally:
        os.close(there)
        os.close(here)


@in_every_form
def test_refuses_content_that_was_sealed_for_another_notification(form):
    sealer = Sealer([NEW], form)
    with pytest.raises(Malformed, match="another notification"):
        sealer.open(OTHER, sealer.seal(content()))


@from_form_to_form
def test_opens_with_an_older_key_and_seals_with_the_first(before, after):
    rotated = Sealer([NEW, OLD], after)
    sealed = Sealer([OLD], before).seal(content())
    # The second time it is known which key opens it.
    for _ in range(2):
        assert rotated.open(ID, sealed) == content()
    assert Sealer([NEW], before).open(ID, rotated.seal(content())) == content()


@from_form_to_form
def test_reseals_under_the_first_key_in_the_form_that_it_seals_in(before, after):
    resealed = Sealer([NEW, OLD], after).reseal(Sealer([OLD], before).seal(content()))
    assert resealed[:1] == Sealer([NEW], after).seal(content())[:1]
    assert Sealer([NEW], before).open(ID, resealed) == content()


@from_form_to_form
def test_what_the_first_key_sealed_is_current_in_either_form(before, after):
    sealer = Sealer([NEW, OLD], after)
    for _ in range(2):
        assert sealer.is_current(Sealer([NEW], before).seal(content()))
        assert not sealer.is_current(Sealer([OLD], before).seal(content()))


@from_form_to_form
def test_without_the_key_it_stays_closed(before, after):
    closed = Sealer([NEW], after)
    sealed = Sealer([OLD], before).seal(content())
    with pytest.raises(Malformed, match="no key"):
        closed.open(ID, sealed)
    with pytest.raises(Malformed, match="no key"):
        closed.reseal(sealed)
    assert not closed.is_current(sealed)


@in_every_form
@pytest.mark.parametrize("sealed", [b"", b"g", b"\x01", b"\x02", b"not sealed", b"\x00" * 200, b"\xff" * 200])
def test_what_was_never_sealed_stays_closed(form, sealed):
    sealer = Sealer([NEW], form)
    with pytest.raises(Malformed, match="no key"):
        sealer.open(ID, sealed)
    with pytest.raises(Malformed, match="no key"):
        sealer.reseal(sealed)
    assert not sealer.is_current(sealed)


@in_every_form
def test_another_first_byte_closes_it(form):
    sealer = Sealer([NEW], form)
    sealed = sealer.seal(content())
    for first in range(256):
        changed = bytes([first]) + sealed[1:]
        # Fernet itself passes over bytes that are not of base64.
        for other in (changed, bytes([first]) + sealed):
            if other != sealed:
                with pytest.raises(Malformed, match="no key"):
                    sealer.open(ID, other)


@in_every_form
def test_a_missing_end_closes_it(form):
    sealer = Sealer([NEW, OLD], form)
    sealed = sealer.seal(content())
    for length in range(len(sealed)):
        with pytest.raises(Malformed, match="no key"):
            sealer.open(ID, sealed[:length])


# Not of Fernet's: base64 has several endings for the same bytes.
def test_any_changed_bit_closes_it():
    sealer = Sealer([NEW, OLD], "aes-gcm")
    sealed = sealer.seal(content())
    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Malformed, match="no key"):
            sealer.open(ID, bytes(changed))


def test_needs_a_key():
    with pytest.raises(ValueError, match="at least one"):
        Sealer([])


@in_every_form
def test_a_key_of_another_length_is_refused(form):
    with pytest.raises(ValueError, match="32"):
        Sealer([NEW, NEW[:40]], form)


def test_the_same_recipient_of_two_services_has_two_hashes():
    hasher = Hasher(b"k" * 32)
    assert hasher.recipient(ID, "+447700900123") == hasher.recipient(ID, "+447700900123")
    assert hasher.recipient(ID, "+447700900123") != hasher.recipient(OTHER, "+447700900123")
    assert len(hasher.recipient(ID, "x")) == HASH_BYTES


@given(key=st.binary(min_size=32, max_size=100), recipient=st.text())
def test_hashes_are_those_of_hmac_with_the_lengths_of_the_parts(key, recipient):
    hasher, written = Hasher(key), recipient.encode(errors="ignore")
    message = b"recipient" + (16).to_bytes(4, "big") + ID + len(written).to_bytes(4, "big") + written
    assert hasher.recipient(ID, written.decode()) == hmac.digest(key, message, "sha256")[:16]
    assert hasher.content(b"sms", b"") == hmac.digest(key, b"content\0\0\0\3sms\0\0\0\0", "sha256")[:16]


def test_parts_do_not_run_into_each_other():
    hasher = Hasher(b"k" * 32)
    assert hasher.content(b"ab", b"c") != hasher.content(b"a", b"bc")


def test_a_short_hash_key_is_refused():
    with pytest.raises(ValueError, match="32"):
        Hasher(b"short")
