"""Ids are UUIDv7s that sort by time, and some of them are functions of what they name."""

import pickle
from copy import copy
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.domain.errors import Invalid, Reason
from octavo.domain.ids import (
    age_of,
    check_request_id,
    first_id_at,
    id_of,
    may_repeat,
    repeatable_id,
    row_id,
    span_of,
    text_of,
    time_of,
    uuid7,
)

NOW = datetime(2026, 3, 1, 12, 0, 0, 123_000, tzinfo=UTC)
KEY = b"k" * 32
SERVICE = UUID("018f4b2a-0000-7000-8000-000000000001")
INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
RANDOMNESS = st.binary(min_size=10, max_size=10)


@given(at=INSTANTS, randomness=RANDOMNESS)
def test_an_id_is_a_uuid7_that_tells_its_millisecond(at, randomness):
    made = uuid7(at, randomness)
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert timedelta(0) <= at - time_of(made) < timedelta(milliseconds=1)


@given(at=INSTANTS, randomness=RANDOMNESS)
def test_an_id_is_a_uuid_as_any_other(at, randomness):
    made = uuid7(at, randomness)
    other = UUID(str(made))
    assert (made, hash(made), made.is_safe, repr(made)) == (other, hash(other), other.is_safe, repr(other))
    assert pickle.loads(pickle.dumps(made)) == copy(made) == other
    with pytest.raises(TypeError):
        made.int = 1  # type: ignore[misc]


@given(st.uuids())
def test_an_id_is_read_and_written_as_its_sixteen_bytes(one):
    assert id_of(one.bytes) == one
    assert text_of(one.bytes) == str(one)


@pytest.mark.parametrize("read", [id_of, text_of])
@pytest.mark.parametrize("length", [0, 15, 17])
def test_nothing_else_is_an_id(read, length):
    with pytest.raises(ValueError, match="16 bytes"):
        read(b"\xff" * length)


@given(st.uuids(), INSTANTS)
def test_any_id_has_an_age_and_a_millisecond_even_one_that_no_calendar_has(one, now):
    first, last = span_of(one)
    age = age_of(one, now)
    assert age_of(first, now) == age_of(last, now) == age
    assert first.int >> 80 == last.int >> 80 == one.int >> 80
    assert (age < timedelta(0)) == (first > first_id_at(now))


@given(at=INSTANTS, randomness=RANDOMNESS)
def test_the_span_of_an_id_of_ours_has_all_ids_of_its_millisecond(at, randomness):
    first, last = span_of(uuid7(at, randomness))
    assert first == first_id_at(at) == span_of(first)[0]
    assert first <= uuid7(at, randomness) <= last
    assert age_of(first, at) == timedelta(0)


@given(early=INSTANTS, late=INSTANTS, first=RANDOMNESS, second=RANDOMNESS)
def test_ids_sort_by_time(early, late, first, second):
    early, late = sorted((early, late))
    if late - early >= timedelta(milliseconds=1):
        assert uuid7(early, first) < uuid7(late, second)
        assert uuid7(early, first).bytes < uuid7(late, second).bytes


@given(at=INSTANTS, randomness=RANDOMNESS)
def test_no_id_of_an_instant_is_below_the_first_one(at, randomness):
    first = first_id_at(at)
    assert first <= uuid7(at, randomness)
    assert first.version == 7
    if at - timedelta(milliseconds=1) >= datetime(1970, 1, 1, tzinfo=UTC):
        assert uuid7(at - timedelta(milliseconds=1), b"\xff" * 10) < first


@given(at=INSTANTS, randomness=RANDOMNESS)
def test_all_random_bits_are_used(at, randomness):
    flipped = bytes([*randomness[:-1], randomness[-1] ^ 1])
    assert uuid7(at, randomness) != uuid7(at, flipped)


@given(at=INSTANTS, randomness=RANDOMNESS)
def test_a_repeated_call_gets_the_same_id_of_the_same_time(at, randomness):
    request = uuid7(at, randomness)
    made = repeatable_id(request, SERVICE, KEY)
    assert made == repeatable_id(request, SERVICE, KEY)
    assert time_of(made) == time_of(request)
    assert made.version == 7


def test_other_services_requests_and_keys_get_other_ids():
    request = uuid7(NOW, b"0123456789")
    ids = {
        repeatable_id(request, SERVICE, KEY),
        repeatable_id(request, uuid4(), KEY),
        repeatable_id(uuid7(NOW, b"9876543210"), SERVICE, KEY),
        repeatable_id(request, SERVICE, b"x" * 32),
        request,
    }
    assert len(ids) == 5


@pytest.mark.parametrize("age", [timedelta(hours=24), timedelta(0), -timedelta(minutes=5)])
def test_a_request_id_within_its_time_is_accepted(age):
    request = uuid7(NOW - age, b"0123456789")
    assert check_request_id(str(request), NOW) == request
    assert check_request_id(str(request).upper(), NOW) == request


@pytest.mark.parametrize("age", [timedelta(hours=24, milliseconds=1), -timedelta(minutes=5, milliseconds=1)])
def test_a_request_id_too_old_or_too_far_ahead_is_refused(age):
    with pytest.raises(Invalid) as caught:
        check_request_id(str(uuid7(NOW - age, b"0123456789")), NOW)
    assert (caught.value.reason, caught.value.field) == (Reason.REQUEST_ID_OUT_OF_RANGE, "request_id")


REQUEST = str(uuid7(NOW, b"0123456789"))
UUID4 = "2d9f1c70-5a1e-4a3b-9c55-6f0e8d7b4a11"
# Of version 7 by its digit, and of a variant that has no versions.
OTHER_VARIANT = f"{REQUEST[:19]}c{REQUEST[20:]}"


@pytest.mark.parametrize(
    "text",
    [
        UUID4,
        OTHER_VARIANT,
        "",
        "x",
        f"{{{REQUEST}}}",
        f"urn:uuid:{REQUEST}",
        REQUEST.replace("-", ""),
        "a" * 36,
        "\x00" * 36,
    ],
)
def test_what_is_not_a_plain_uuid7_is_refused(text):
    with pytest.raises(Invalid) as caught:
        check_request_id(text, NOW)
    assert caught.value.reason is Reason.REQUEST_ID_NOT_UUID7


@given(at=INSTANTS, randomness=RANDOMNESS, first=st.integers(0, 2**24 - 1), second=st.integers(0, 2**24 - 1))
def test_rows_of_a_job_have_ids_in_their_order_and_of_the_jobs_time(at, randomness, first, second):
    job = uuid7(at, randomness)
    assert row_id(job, first) == row_id(job, first)
    assert time_of(row_id(job, first)) == time_of(job)
    assert row_id(job, first).version == 7
    assert (row_id(job, first) < row_id(job, second)) == (first < second)


def test_jobs_of_the_same_millisecond_share_no_row_id():
    one, other = uuid7(NOW, b"0123456789"), uuid7(NOW, b"0123456780")
    assert not {row_id(one, row) for row in range(1000)} & {row_id(other, row) for row in range(1000)}


@pytest.mark.parametrize("row", [-1, 2**24])
def test_a_row_that_no_job_has_is_refused(row):
    with pytest.raises(ValueError, match="no job"):
        row_id(SERVICE, row)


def test_a_new_request_id_can_not_have_come_before():
    one = uuid7(NOW, bytes(10))
    assert not may_repeat(one, NOW)
    assert not may_repeat(one, NOW + timedelta(seconds=2))
    assert may_repeat(one, NOW + timedelta(seconds=2, milliseconds=1))
    # By a clock that goes ahead: nobody knows for how long it has been there.
    assert not may_repeat(one, NOW - timedelta(seconds=2))
    assert may_repeat(one, NOW - timedelta(seconds=2, milliseconds=1))
    assert may_repeat(one, NOW - timedelta(minutes=5))
