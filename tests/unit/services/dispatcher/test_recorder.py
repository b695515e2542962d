"""The recorder keeps nothing of what it has written."""

import gc
from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

from octavo.domain.notification import KeyType, NotificationType
from octavo.domain.outcome import Accepted, Permanent
from octavo.domain.retry import PROVIDER_BACKOFF
from octavo.messaging import Partition, Place
from services.dispatcher.claims import Claimed
from services.dispatcher.outcomes import Ended
from services.dispatcher.recorder import Recorder

PLACE = Place(Partition("send-sms", 0), 7)


class Written(Recorder):
    """One whose outcomes are always written."""

    def _record(self, ended: Any) -> None:
        """Written."""


def test_what_is_written_is_kept_by_nothing_until_the_collector_comes_by():
    finished: list[Place] = []
    recorder = Written(cast("Any", None), PROVIDER_BACKOFF, finished.extend)
    gc.collect()
    gc.disable()
    try:
        claimed = Claimed(
            id=uuid4(), type=NotificationType.SMS, key_type=KeyType.LIVE, message=Permanent("not looked at"), place=PLACE,
            token=uuid4(), attempt=1, claimed_at=0.0, accepted_at_micros=0,
        )  # fmt: skip
        batch = [Ended(claimed, "mmg", Accepted("theirs"), datetime.now(UTC))]
        recorder.write(batch)
        del claimed, batch
        assert finished == [PLACE]
        assert not [one for one in gc.get_objects() if isinstance(one, Ended | Claimed)]
    finally:
        gc.enable()
