"""`python -m octavo.seed`: a first service with a key and two templates, for the local stack and the tests. Prints JSON.

Repeating it finds the service and templates again and makes a new key, since no secret can be read back.
"""

import json
import secrets
from datetime import UTC, datetime
from uuid import UUID

import typer
from sqlalchemy import Connection, text

from octavo import keys
from octavo.config import DatabaseSettings
from octavo.domain.ids import uuid7
from octavo.loading import load
from octavo.storage.engine import engine
from octavo.storage.errors import transaction

SMS = "Hello ((name)), your code is ((code))."
EMAIL_SUBJECT = "Welcome, ((name))"
EMAIL = "# Welcome\n\nHello ((name)),\n\nyour account is ready.\n"


def seed(connection: Connection, name: str = "Octavo demo", *, key_type: str = "live") -> dict[str, str]:
    """Makes what is missing; returns service_id, api_key, sms_template_id and email_template_id."""
    service_id = connection.execute(
        text("""
        INSERT INTO services (id, name, reply_to_addresses, sms_senders)
        VALUES (:id, :name, ARRAY['replies@octavo.example'], ARRAY['Octavo'])
        ON CONFLICT (name) DO UPDATE SET updated_at = now() RETURNING id
        """),
        {"id": _id(), "name": name},
    ).scalar_one()
    sms = _template(connection, service_id, "sms", "Code", None, SMS)
    email = _template(connection, service_id, "email", "Welcome", EMAIL_SUBJECT, EMAIL)
    key_id, secret = _id(), keys.new_secret()
    connection.execute(
        text(
            "INSERT INTO api_keys (id, service_id, name, key_type, secret_hash) VALUES (:id, :service, :name, :type, :hash)"
        ),
        {"id": key_id, "service": service_id, "name": "seed", "type": key_type, "hash": keys.hash_secret(secret)},
    )
    return {
        "service_id": str(service_id),
        "api_key": keys.written(key_id, secret),
        "sms_template_id": str(sms),
        "email_template_id": str(email),
    }


def _template(
    connection: Connection, service_id: UUID, kind: str, name: str, subject: str | None, content: str
) -> UUID:
    found = connection.execute(
        text("SELECT id FROM templates WHERE service_id = :service AND notification_type = :kind AND name = :name"),
        {"service": service_id, "kind": kind, "name": name},
    ).scalar()
    if found:
        return UUID(str(found))
    template_id = _id()
    connection.execute(
        text("INSERT INTO templates (id, service_id, notification_type, name) VALUES (:id, :service, :kind, :name)"),
        {"id": template_id, "service": service_id, "kind": kind, "name": name},
    )
    connection.execute(
        text(
            "INSERT INTO template_versions (template_id, version, name, subject, content) "
            "VALUES (:id, 1, :name, :subject, :content)"
        ),
        {"id": template_id, "name": name, "subject": subject, "content": content},
    )
    return template_id


def _id() -> UUID:
    return uuid7(datetime.now(UTC), secrets.token_bytes(10))


def main(name: str = "Octavo demo") -> None:
    """Seeds the database that DATABASE_URL names."""
    (settings,) = load(DatabaseSettings)
    with transaction(engine(settings.database_url.get_secret_value(), pool=1)) as connection:
        typer.echo(json.dumps(seed(connection, name)))


if __name__ == "__main__":
    typer.run(main)
