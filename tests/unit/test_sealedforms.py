import os
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from octavo.crypto import Sealer
from octavo.sealedforms import AesGcmForm, Opened
from octavo.v1.messages_pb2 import SealedContent

RAW = bytes(range(32))
KEY, OTHER_KEY = urlsafe_b64encode(RAW).decode(), urlsafe_b64encode(RAW[::-1]).decode()
SALT, NONCE = bytes(range(100, 116)), bytes(range(200, 212))
CONTENT = SealedContent(notification_id=b"\x01" * 16, recipient="+447700900123", personalisation={"name": "Ann"})
KNOWN = bytes.fromhex(
    "01"
    "6465666768696a6b6c6d6e6f70717273"
    "c8c9cacbcccdcecfd0d1d2d3"
    "d875088766ca92d8079ee19588a4b49678c64fd502de7f6eecad091a6e9b4d31"
    "4d133215a1729381c63b8599379cc923a31fd3f0abd757a5a055ef834842"
)
"""CONTENT under KEY, as anybody makes it who knows the form."""


def salt_of(sealed):
    return sealed[1:17]


def test_the_form_is_what_its_page_says():
    derived = HKDF(SHA256(), 32, SALT, b"octavo sealed content 1").derive(RAW)
    plain = CONTENT.SerializeToString(deterministic=True)
    assert b"\x01" + SALT + NONCE + AESGCM(derived).encrypt(NONCE, plain, None) == KNOWN


def test_opens_a_token_that_is_known():
    assert Sealer([OTHER_KEY, KEY]).open(CONTENT.notification_id, KNOWN) == CONTENT


def test_seals_a_token_that_is_known():
    drawn = {16: SALT, 12: NONCE}
    assert AesGcmForm([KEY], drawn.__getitem__).seal(CONTENT.SerializeToString(deterministic=True)) == KNOWN


def test_the_longest_content_is_sealed_without_growing():
    form, content = AesGcmForm([KEY], os.urandom), os.urandom(2_500_000)
    sealed = form.seal(content)
    assert len(sealed) == len(content) + 45
    assert form.open(sealed) == Opened(0, content)


@pytest.mark.parametrize("length", range(47))
def test_what_ends_too_early_is_not_opened(length):
    form = AesGcmForm([KEY], os.urandom)
    assert form.open(form.seal(b"xy")[:length]) is None


def test_a_salt_seals_so_many_messages():
    form = AesGcmForm([KEY], os.urandom, messages_of_a_salt=3)
    sealed = [form.seal(b"x") for _ in range(8)]
    salts = [salt_of(one) for one in sealed]
    assert len(set(salts)) == 3
    assert salts == [salts[0]] * 3 + [salts[3]] * 3 + [salts[6]] * 2
    assert {form.open(one) for one in sealed} == {Opened(0, b"x")}


def test_threads_do_not_seal_more_under_one_salt():
    form = AesGcmForm([KEY], os.urandom, messages_of_a_salt=100)
    with ThreadPoolExecutor(8) as threads:
        sealed = [
            one for several in threads.map(lambda _: [form.seal(b"x") for _ in range(500)], range(8)) for one in several
        ]
    salts = [salt_of(one) for one in sealed]
    assert {salts.count(salt) for salt in set(salts)} == {100}
    assert {form.open(one) for one in sealed} == {Opened(0, b"x")}


def test_every_process_has_a_salt_of_its_own():
    assert salt_of(AesGcmForm([KEY], os.urandom).seal(b"x")) != salt_of(AesGcmForm([KEY], os.urandom).seal(b"x"))


class Counting(AesGcmForm):
    """Notes which keys were derived."""

    def __init__(self, keys, **bounds):
        super().__init__(keys, os.urandom, **bounds)
        self.derived = []

    def _derived(self, key, salt):
        self.derived.append(key)
        return super()._derived(key, salt)


def test_a_key_is_derived_once_for_a_salt_and_the_one_that_opened_goes_first():
    earlier, form = AesGcmForm([OTHER_KEY], os.urandom), Counting([KEY, OTHER_KEY])
    for _ in range(5):
        assert form.open(earlier.seal(b"x")) == Opened(1, b"x")
    assert form.derived == [0, 1]


def test_the_salts_that_were_not_in_use_for_longest_are_forgotten():
    form = Counting([KEY], remembered_salts=2)
    first, second, third = (AesGcmForm([KEY], os.urandom).seal(b"x") for _ in range(3))
    for sealed in (first, second, first, third, first):
        form.open(sealed)
    assert len(form.derived) == 3
    form.open(second)
    assert len(form.derived) == 4


def test_what_no_key_opens_is_not_remembered():
    form, good = Counting([KEY], remembered_salts=2), AesGcmForm([KEY], os.urandom).seal(b"x")
    form.open(good)
    for _ in range(5):
        assert form.open(AesGcmForm([OTHER_KEY], os.urandom).seal(b"x")) is None
    form.derived.clear()
    assert form.open(good) == Opened(0, b"x")
    assert form.derived == []
