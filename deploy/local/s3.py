"""An S3 for one machine: moto's server, with Octavo's bucket. Its objects are in memory and end with it."""

import os
import signal

import boto3
from moto.server import ThreadedMotoServer


def main() -> None:
    """Serve until the process is told to stop."""
    server = ThreadedMotoServer(ip_address=os.environ.get("S3_HOST", "127.0.0.1"), port=int(os.environ["S3_PORT"]))
    server.start()
    client = boto3.client("s3", endpoint_url=os.environ["OCTAVO_S3_ENDPOINT_URL"])
    client.create_bucket(
        Bucket=os.environ["OCTAVO_S3_BUCKET"],
        CreateBucketConfiguration={"LocationConstraint": os.environ["OCTAVO_AWS_REGION"]},
    )
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    server.stop()


if __name__ == "__main__":
    main()
