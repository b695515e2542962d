"""Fields of requests that several calls have in common."""

from datetime import UTC, datetime, timedelta

import pytest

from octavo.domain.errors import Invalid, Reason
from octavo.domain.limits import MAX_SEND_AHEAD
from octavo.v1.job_service_pb2 import CreateJobRequest
from octavo.v1.notification_service_pb2 import SendEmailRequest, SendSmsRequest
from services.api.fields import LATE, check_send_at, read_time

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
REQUESTS = pytest.mark.parametrize("kind", [SendSmsRequest, SendEmailRequest, CreateJobRequest])


@REQUESTS
@pytest.mark.parametrize("after", [-LATE, timedelta(0), MAX_SEND_AHEAD])
def test_send_at_may_be_a_little_late_and_some_days_ahead(kind, after):
    for request, meant in ((kind(send_at=NOW + after), NOW + after), (kind(), None)):
        send_at = read_time(request, "send_at")
        assert send_at == meant
        check_send_at(send_at, NOW)


@REQUESTS
@pytest.mark.parametrize("after", [-LATE - timedelta(seconds=1), MAX_SEND_AHEAD + timedelta(seconds=1)])
def test_send_at_outside_of_that_is_refused(kind, after):
    with pytest.raises(Invalid) as refused:
        check_send_at(read_time(kind(send_at=NOW + after), "send_at"), NOW)
    assert refused.value.violations[0].reason is Reason.SEND_AT_OUT_OF_RANGE
