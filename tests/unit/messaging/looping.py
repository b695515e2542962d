"""A handler of jobs, what is given to its loop, and what comes of it."""

from octavo.domain.errors import Malformed, Unavailable
from octavo.messaging import Partition
from octavo.topics import JOBS, RECEIPTS, Outgoing, to
from octavo.v1.messages_pb2 import JobMessage, ReceiptMessage

GROUP = "a group"
GARBAGE = b"\xff\xff\xff"


class Handler:
    """Publishes a receipt for each job. `bad` jobs are malformed; `away` is for how many runs the database is away."""

    def __init__(self):
        self.away = 0
        self.bad = set()
        self.handled = []
        self.before = lambda: None

    def __call__(self, batch):
        self.before()
        if self.away:
            self.away -= 1
            raise Unavailable("the database is away")
        ids = [received.message.job_id for received in batch]
        if self.bad & set(ids):
            raise Malformed("a job without rows")
        self.handled += ids
        return [to(RECEIPTS, ReceiptMessage(provider_reference=job.decode())) for job in ids]


def given(broker, *jobs):
    broker.publish([to(JOBS, JobMessage(job_id=job.encode())) for job in jobs])


def garbage(broker, count=1):
    broker.publish([Outgoing(JOBS.name, b"key", GARBAGE, (("trace", b"1"),))] * count)


def published(broker):
    return [ReceiptMessage.FromString(value).provider_reference for value in broker.values(RECEIPTS.name)]


def committed(broker):
    return broker.committed.get((GROUP, Partition(JOBS.name, 0)))
