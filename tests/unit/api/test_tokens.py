"""Tokens are read as they were written, and by nobody else for nothing else."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from octavo.crypto import Hasher
from octavo.domain.errors import Invalid, Reason
from octavo.domain.notification import Status
from octavo.storage.changes import Position
from octavo.v1 import notification_service_pb2 as pb
from octavo.v1 import template_service_pb2
from services.api.page_token import PageTokens
from services.api.resume_token import ResumeTokens

HASHER = Hasher(b"k" * 32)
PAGES, PLACES = PageTokens(HASHER), ResumeTokens(HASHER)
IDS = st.uuids()
FILTERS = st.builds(
    pb.ListNotificationsRequest,
    page_size=st.integers(0, 300),
    reference=st.text(max_size=20).filter(lambda text: text.isprintable()),
    type=st.sampled_from([0, 1, 2]),
    statuses=st.lists(st.integers(1, 10), max_size=3),
)
POSITIONS = st.builds(
    Position,
    st.integers(0, 2**63),
    IDS,
    st.datetimes(datetime(2020, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds UTC
    st.none() | st.sampled_from(list(Status)),
)


def refusal(read, reason):
    with pytest.raises(Invalid) as refused:
        read()
    assert refused.value.reason is reason


@given(service=IDS, request=FILTERS, last=IDS, size=st.integers(0, 1_000))
def test_a_page_token_leads_to_its_page_whatever_its_size(service, request, last, size):
    request.page_token = PAGES.write(service, request, last)
    request.page_size = size
    assert PAGES.read(service, request) == last


@given(service=IDS, other=IDS, request=FILTERS, filters=FILTERS, last=IDS)
def test_a_page_token_serves_one_service_and_one_set_of_filters(service, other, request, filters, last):
    assume(service != other)
    token = PAGES.write(service, request, last)
    filters.page_size = request.page_size
    assume(filters != request)
    request.page_token = filters.page_token = token
    refusal(lambda: PAGES.read(other, request), Reason.INVALID_PAGE_TOKEN)
    refusal(lambda: PAGES.read(service, filters), Reason.INVALID_PAGE_TOKEN)
    another_list = template_service_pb2.ListTemplatesRequest(page_token=token)
    refusal(lambda: PAGES.read(service, another_list), Reason.INVALID_PAGE_TOKEN)


@given(service=IDS, last=IDS, at=st.integers(0, 31), bit=st.integers(0, 7))
def test_a_page_token_with_one_bit_changed_is_refused(service, last, at, bit):
    request = pb.ListNotificationsRequest()
    data = bytearray(urlsafe_b64decode(PAGES.write(service, request, last)))
    data[at] ^= 1 << bit
    request.page_token = urlsafe_b64encode(bytes(data)).decode()
    refusal(lambda: PAGES.read(service, request), Reason.INVALID_PAGE_TOKEN)


@given(service=IDS, token=st.text(min_size=1))
def test_no_made_up_token_is_read(service, token):
    request = pb.ListNotificationsRequest()
    try:
        request.page_token = token
    except (UnicodeEncodeError, ValueError):
        return
    refusal(lambda: PAGES.read(service, request), Reason.INVALID_PAGE_TOKEN)
    refusal(lambda: PLACES.read(service, None, token), Reason.INVALID_RESUME_TOKEN)


@given(service=IDS, watched=st.none() | IDS, place=POSITIONS)
def test_a_resume_token_leads_to_its_place(service, watched, place):
    assert PLACES.read(service, watched, PLACES.write(service, watched, place)) == place


@given(service=IDS, other=IDS, watched=IDS, place=POSITIONS)
def test_a_resume_token_serves_one_stream(service, other, watched, place):
    assume(service != other)
    token = PLACES.write(service, watched, place)
    for read_by, read_for in ((other, watched), (service, other), (service, None)):
        refusal(lambda by=read_by, what=read_for: PLACES.read(by, what, token), Reason.INVALID_RESUME_TOKEN)
