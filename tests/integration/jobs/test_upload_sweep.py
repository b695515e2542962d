"""Uploads that no job names do not stay for ever, and none that a job names goes too early."""

from datetime import timedelta

import pytest

from octavo.domain.errors import Reason, Unavailable
from octavo.objects import ObjectStore
from octavo.seed import seed
from octavo.storage.errors import transaction
from services.persister.jobsweeps import UploadSweep

AT_ONCE = timedelta(0)


@pytest.fixture
def swept(jobs, bucket):
    """`swept(unused_after)`: the sweep goes round once, a few files at a time; what is left in the bucket."""

    def go(unused_after: timedelta = AT_ONCE) -> set[str]:
        sweep = UploadSweep(jobs.engine, bucket.store, unused_after, at_once=2)
        while sweep.once():
            pass
        return {found["Key"] for found in bucket.client.list_objects_v2(Bucket=bucket.name).get("Contents", ())}

    return go


def test_uploads_that_no_job_names_are_erased_once_they_are_old(jobs, bucket, swept):
    with transaction(jobs.engine) as connection:
        another = seed(connection, "Another service")["service_id"]
    unused = [f"{owner}/uploads/{n}.csv" for owner in (jobs.service_id, another) for n in range(5)]
    named = f"{jobs.service_id}/uploads/2a.csv"
    own = f"{jobs.service_id}/mine.csv"
    strangers = "nobody/uploads/1.csv"
    for key in (*unused, named, own, strangers):
        bucket.put(key, b"name\n")
    # Unfinished, however long ago it was created.
    job = jobs.create(object_key=named)
    assert {*unused, named, own, strangers} <= swept(timedelta(days=2))
    left = swept()
    assert left.isdisjoint(unused)
    assert {named, own, strangers} <= left
    # Its file goes with the sweep of jobs, after the service's retention, not with this one.
    jobs.execute("UPDATE jobs SET status = 'read', finished_at = now() WHERE id = :id", id=job.id)
    assert named in swept()


def test_a_bucket_that_can_not_be_listed_is_tried_again_later(jobs, bucket):
    with pytest.raises(Unavailable) as caught:
        UploadSweep(jobs.engine, ObjectStore(lambda: bucket.client, "no-such-bucket"), AT_ONCE).once()
    assert caught.value.reason is Reason.STORE_UNAVAILABLE
