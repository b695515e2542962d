"""Who calls: told by a key, and remembered for as long as nothing newer is known of it."""

from dataclasses import replace
from uuid import uuid4

import pytest

from octavo import keys
from octavo.domain.errors import Unauthenticated
from octavo.domain.notification import KeyType
from octavo.storage.directory import ApiKey, Service
from services.api.serving import authentication
from services.api.serving.authentication import Authenticator
from services.api.serving.caller import ADMIN

ADMIN_KEY = "the admin key, long enough for a secret"


class Directory:
    """What is known: one service with one key, each of which may be known anew."""

    def __init__(self):
        self.secret = keys.new_secret()
        service_id, key_id = uuid4(), uuid4()
        self.service_known = Service(
            id=service_id, name="name", reply_to_addresses=(), sms_senders=(), sms_prefix=True, sms_daily_limit=1,
            email_daily_limit=1, rate_per_minute=1, retention_days=7, trial=False, suspended=False,
            unconfirmed_policy="FAIL",
        )  # fmt: skip
        self.key_known = ApiKey(key_id, service_id, "key", KeyType.LIVE, keys.hash_secret(self.secret), revoked=False)
        self.young = True

    @property
    def metadata(self):
        return (("authorization", f"Bearer {keys.written(self.key_known.id, self.secret)}"),)

    def are_current(self, service, key):
        return self.young and service is self.service_known and key is self.key_known

    async def key(self, key_id):
        return self.key_known if key_id == self.key_known.id else None

    async def service(self, service_id):
        return self.service_known if service_id == self.service_known.id else None


@pytest.fixture
def directory():
    return Directory()


@pytest.fixture
def used():
    return []


@pytest.fixture
def authenticator(directory, used):
    return Authenticator(directory, ADMIN_KEY, used.append)


async def test_who_was_let_in_is_known_again(authenticator, directory, used):
    assert authenticator.again(directory.metadata) is None
    first = await authenticator.caller(directory.metadata)
    assert authenticator.again(directory.metadata) == first
    assert (first.service, first.key) == (directory.service_known, directory.key_known)
    assert used == [directory.key_known.id] * 2


async def test_a_revoked_key_is_not_known_again(authenticator, directory):
    await authenticator.caller(directory.metadata)
    directory.key_known = replace(directory.key_known, revoked=True)
    assert authenticator.again(directory.metadata) is None
    with pytest.raises(Unauthenticated):
        await authenticator.caller(directory.metadata)
    assert authenticator.again(directory.metadata) is None


async def test_a_service_is_known_as_it_is_now(authenticator, directory):
    await authenticator.caller(directory.metadata)
    directory.service_known = replace(directory.service_known, suspended=True)
    assert authenticator.again(directory.metadata) is None
    assert (await authenticator.caller(directory.metadata)).service.suspended
    assert authenticator.again(directory.metadata).service.suspended


async def test_who_was_known_long_ago_is_asked_for(authenticator, directory):
    await authenticator.caller(directory.metadata)
    directory.young = False
    assert authenticator.again(directory.metadata) is None


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_nobody_else_is_known_again(authenticator, directory, scheme):
    [(name, presented)] = directory.metadata
    await authenticator.caller(((name, presented.replace("Bearer", scheme)),))
    for other in (presented + "x", presented[:-1], presented.replace("Bearer", "Basic"), "", "Bearer "):
        assert authenticator.again(((name, other),)) is None
        with pytest.raises(Unauthenticated):
            await authenticator.caller(((name, other),))


async def test_of_two_keys_none_counts(authenticator, directory):
    await authenticator.caller(directory.metadata)
    twice = directory.metadata * 2
    assert authenticator.again(twice) is None
    with pytest.raises(Unauthenticated):
        await authenticator.caller(twice)


async def test_the_admin_is_asked_each_time(authenticator):
    metadata = (("authorization", f"Bearer {ADMIN_KEY}"),)
    assert await authenticator.caller(metadata) is ADMIN
    assert authenticator.again(metadata) is None


async def test_no_more_are_remembered_than_a_bound(authenticator, directory, monkeypatch):
    monkeypatch.setattr(authentication, "MOST_CALLERS", 3)
    [(name, presented)] = directory.metadata
    spellings = [((name, presented + " " * spaces),) for spaces in range(5)]
    for one in spellings:
        await authenticator.caller(one)
    assert [authenticator.again(one) is not None for one in spellings] == [False, False, True, True, True]


async def test_keys_themselves_are_kept_nowhere(authenticator, directory):
    await authenticator.caller(directory.metadata)
    assert directory.secret not in repr(vars(authenticator))
