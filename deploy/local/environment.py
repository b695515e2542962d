"""The environment variables of every program of an instance, in one place."""

import os
from collections.abc import Mapping

from deploy.local import postgres
from deploy.local.instance import Instance

PORTS = (
    "kafka",
    "kafka_controller",
    "postgres",
    "s3",
    "simulator",
    "api",
    "receipts",
    "api_ops",
    "persister_ops",
    "dispatcher_ops",
    "callbacks_ops",
)
"""The ports of an instance, by name."""

EXTERNAL_KAFKA = "OCTAVO_EXTERNAL_KAFKA"
"""Variable with host:port of an existing Kafka to use instead of an own one."""

EXTERNAL_DATABASE = "OCTAVO_EXTERNAL_DATABASE"
"""Variable with the URL of an existing PostgreSQL database to use instead of an own server."""

BUCKET = "octavo"
REGION = "eu-west-1"
SNS_TOPIC = f"arn:aws:sns:{REGION}:000000000000:octavo-ses-events"


def addresses(instance: Instance, ports: Mapping[str, int]) -> dict[str, str]:
    """Return where everything of the instance is found: the part of `.local/env` that needs no seed."""
    metrics = [
        f"http://127.0.0.1:{ports[name]}/metrics"
        for name in ("api_ops", "persister_ops", "dispatcher_ops", "callbacks_ops")
    ]
    return {
        "OCTAVO_METRICS_URLS": ",".join(metrics),
        "OCTAVO_ADDRESS": f"127.0.0.1:{ports['api']}",
        "KAFKA_BOOTSTRAP": os.environ.get(EXTERNAL_KAFKA) or f"127.0.0.1:{ports['kafka']}",
        "DATABASE_URL": os.environ.get(EXTERNAL_DATABASE) or postgres.url(instance, ports["postgres"]),
        "SIMULATOR_URL": f"http://127.0.0.1:{ports['simulator']}",
        "RECEIPTS_URL": f"http://127.0.0.1:{ports['receipts']}",
        "S3_ENDPOINT_URL": f"http://127.0.0.1:{ports['s3']}",
        "API_METRICS_URL": f"http://127.0.0.1:{ports['api_ops']}/metrics",
        "PERSISTER_METRICS_URL": f"http://127.0.0.1:{ports['persister_ops']}/metrics",
        "DISPATCHER_METRICS_URL": f"http://127.0.0.1:{ports['dispatcher_ops']}/metrics",
        "CALLBACKS_METRICS_URL": f"http://127.0.0.1:{ports['callbacks_ops']}/metrics",
    }


def common(instance: Instance, ports: Mapping[str, int]) -> dict[str, str]:
    """Return the variables that every service and every command of Octavo gets."""
    where = addresses(instance, ports)
    secrets = instance.secrets
    return {
        "DATABASE_URL": where["DATABASE_URL"],
        "KAFKA_BOOTSTRAP": where["KAFKA_BOOTSTRAP"],
        "OCTAVO_ADDRESS": where["OCTAVO_ADDRESS"],
        "OCTAVO_REFLECTION": "true",
        "OCTAVO_SEALING_KEYS": secrets["sealing_keys"],
        # Nothing of an older release runs here.
        "OCTAVO_SEALED_FORM": "aes-gcm",
        "OCTAVO_HASH_KEY": secrets["hash_key"],
        "OCTAVO_ADMIN_KEY": secrets["admin_key"],
        "OCTAVO_MMG_URL": f"{where['SIMULATOR_URL']}/mmg",
        "OCTAVO_MMG_USERNAME": secrets["mmg_username"],
        "OCTAVO_MMG_PASSWORD": secrets["mmg_password"],
        "OCTAVO_MMG_RECEIPT_TOKEN": secrets["mmg_receipt_token"],
        "OCTAVO_FIRETEXT_URL": f"{where['SIMULATOR_URL']}/firetext",
        "OCTAVO_FIRETEXT_API_KEY": secrets["firetext_api_key"],
        "OCTAVO_FIRETEXT_RECEIPT_TOKEN": secrets["firetext_receipt_token"],
        "OCTAVO_SES_ENDPOINT_URL": where["SIMULATOR_URL"],
        "OCTAVO_EMAIL_FROM": "notifications@octavo.example",
        "OCTAVO_SNS_TOPIC_ARNS": SNS_TOPIC,
        "OCTAVO_SNS_CERTIFICATE_FILE": str(instance.sns_certificate),
        "OCTAVO_S3_ENDPOINT_URL": where["S3_ENDPOINT_URL"],
        "OCTAVO_S3_BUCKET": BUCKET,
        "OCTAVO_AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": secrets["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": secrets["aws_secret_access_key"],
        # Nobody's profile or metadata service is to be asked.
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        # Everything is on this machine.
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def of_service(name: str, instance: Instance, ports: Mapping[str, int]) -> dict[str, str]:
    """Return the variables of one of Octavo's services."""
    return {
        **common(instance, ports),
        "OCTAVO_OPS_PORT": str(ports[f"{name}_ops"]),
        "OCTAVO_API_PORT": str(ports["api"]),
        "OCTAVO_RECEIPTS_PORT": str(ports["receipts"]),
    }


def of_simulator(instance: Instance, ports: Mapping[str, int]) -> dict[str, str]:
    """Return the variables of the provider simulator."""
    return {
        **common(instance, ports),
        "SIMULATOR_PORT": str(ports["simulator"]),
        "SIMULATOR_LEDGER": str(instance.ledger),
        "SIMULATOR_RECEIPTS_URL": f"http://127.0.0.1:{ports['receipts']}",
        "SIMULATOR_SNS_KEY_FILE": str(instance.sns_key),
        "SIMULATOR_SNS_CERTIFICATE_FILE": str(instance.sns_certificate),
        "SIMULATOR_SNS_TOPIC_ARN": SNS_TOPIC,
    }


def of_s3(instance: Instance, ports: Mapping[str, int]) -> dict[str, str]:
    """Return the variables of the S3 server."""
    return {**common(instance, ports), "S3_PORT": str(ports["s3"])}


def s3_access(environment: Mapping[str, str]) -> dict[str, str]:
    """What boto3 is told for a client of the instance's S3, by the variables of its services."""
    return {
        "endpoint_url": environment["OCTAVO_S3_ENDPOINT_URL"],
        "region_name": environment["OCTAVO_AWS_REGION"],
        "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
    }
