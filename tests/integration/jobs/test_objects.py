"""The store gives a file as long as it is the one that was meant, and says precisely what is wrong otherwise."""

import boto3
import pytest
from botocore.config import Config
from structlog.testing import capture_logs

from octavo.domain.errors import FailedPrecondition, NotFound, Reason, Unavailable
from octavo.objects import PART_BYTES, ObjectStore


@pytest.mark.parametrize("size", [0, 1, 10, 11, 25])
def test_a_file_is_read_in_blocks(bucket, size):
    data = bytes(range(size))
    stored = bucket.put("a.csv", data)
    blocks = list(bucket.store.read(stored, block_bytes=10))
    assert b"".join(blocks) == data
    assert all(len(block) <= 10 for block in blocks)


@pytest.mark.parametrize("size", [5, PART_BYTES, 2 * PART_BYTES + 5])
def test_an_upload_is_there_once_it_is_finished_and_not_before(bucket, size):
    data = b"x" * size
    upload = bucket.store.upload(f"up/{size}.csv")
    while len(data) > PART_BYTES:
        upload.add(data[:PART_BYTES])
        data = data[PART_BYTES:]
        with pytest.raises(NotFound):
            bucket.store.find(f"up/{size}.csv")
    stored = upload.finish(data)
    assert stored.size == size
    assert bucket.store.find(f"up/{size}.csv") == stored
    assert sum(map(len, bucket.store.read(stored))) == size


def test_an_upload_that_is_abandoned_leaves_nothing(bucket):
    upload = bucket.store.upload("never.csv")
    upload.add(b"x" * PART_BYTES)
    upload.abandon()
    upload.abandon()
    with pytest.raises(NotFound):
        bucket.store.find("never.csv")
    assert not bucket.client.list_multipart_uploads(Bucket=bucket.name).get("Uploads")


def test_a_file_that_is_replaced_in_the_middle_is_not_read_on(bucket):
    blocks = bucket.store.read(bucket.put("b.csv", b"x" * 30), block_bytes=10)
    assert next(blocks) == b"x" * 10
    bucket.put("b.csv", b"y" * 30)
    with pytest.raises(FailedPrecondition) as caught:
        next(blocks)
    assert caught.value.reason is Reason.FILE_CHANGED


def test_a_file_that_is_gone_in_the_middle_is_told(bucket):
    blocks = bucket.store.read(bucket.put("c.csv", b"x" * 30), block_bytes=10)
    next(blocks)
    bucket.remove("c.csv")
    with pytest.raises(NotFound) as caught:
        next(blocks)
    assert caught.value.reason is Reason.FILE_NOT_FOUND


def test_a_store_that_is_away_is_tried_again_later(bucket):
    nowhere = boto3.client(
        "s3",
        endpoint_url="http://127.0.0.1:1",
        region_name="eu-west-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )
    with capture_logs() as lines, pytest.raises(Unavailable) as caught:
        ObjectStore(lambda: nowhere, "octavo").find("a.csv")
    assert caught.value.reason is Reason.STORE_UNAVAILABLE
    # Callers are told; operators are, too.
    assert [line["error"] for line in lines] == [caught.value.message]
