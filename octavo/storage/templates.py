"""Templates and their versions. A version never changes; the current one is that which sends use."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from octavo.domain.errors import NotFound
from octavo.domain.notification import NotificationType
from octavo.telemetry.measured import measured

MOST_BYTES = 2_500_000
"""Text on one page: one template of the longest kind, below the 4 MiB that clients take by default."""

_COLUMNS = (
    "t.id, t.service_id, t.notification_type, t.archived_at, t.created_at, t.version AS current_version, "
    "v.version, v.name, v.subject, v.content, v.created_at AS updated_at"
)
_JOINED = "FROM templates t JOIN template_versions v ON v.template_id = t.id"
_LOCK = text("SELECT FROM templates WHERE id = :id AND service_id = :service_id FOR UPDATE")
_GET = text(f"""
SELECT {_COLUMNS} {_JOINED} AND v.version = CASE WHEN :version = 0 THEN t.version ELSE :version END
WHERE t.id = :id AND t.service_id = :service_id
""")
_INSERT = text(
    "INSERT INTO templates (id, service_id, notification_type, name) VALUES (:id, :service_id, :type, :name)"
)
_INSERT_VERSION = text(
    "INSERT INTO template_versions (template_id, version, name, subject, content) "
    "VALUES (:id, :version, :name, :subject, :content)"
)
_ADVANCE = text("UPDATE templates SET version = :version, name = :name, updated_at = now() WHERE id = :id")
_ARCHIVE = text("""
UPDATE templates SET archived_at = coalesce(archived_at, now()), updated_at = now() WHERE id = :id AND service_id = :service_id
""")
# The lengths are known without reading the texts, so a page is cut before its texts are in anybody's memory.
_PAGE = """
SELECT * FROM (
    SELECT {columns}, count(*) OVER () AS found, row_number() OVER (ORDER BY {order} DESC) AS place,
           sum(octet_length(v.content)) OVER (ORDER BY {order} DESC) AS bytes
    FROM ({picked}) t JOIN template_versions v ON v.template_id = t.id AND v.version = t.shown
) p
WHERE place <= :at_most AND (place = 1 OR bytes <= :most_bytes) ORDER BY place
"""
_LIST = text(
    _PAGE.format(
        columns=_COLUMNS,
        order="t.id",
        picked="""
        SELECT *, version AS shown FROM templates
        WHERE service_id = :service_id AND (CAST(:before AS uuid) IS NULL OR id < :before)
          AND (CAST(:type AS text) IS NULL OR notification_type = :type) AND (:archived OR archived_at IS NULL)
        ORDER BY id DESC LIMIT :at_most + 1
        """,
    )
)
_VERSIONS = text(
    _PAGE.format(
        columns=_COLUMNS,
        order="v.version",
        picked="""
        SELECT t.*, s.version AS shown FROM templates t JOIN template_versions s ON s.template_id = t.id
        WHERE t.service_id = :service_id AND t.id = :id AND (CAST(:before AS integer) IS NULL OR s.version < :before)
        ORDER BY s.version DESC LIMIT :at_most + 1
        """,
    )
)


@dataclass(frozen=True, slots=True)
class Text:
    """What a version says. The subject is None for SMS."""

    name: str
    subject: str | None
    content: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some templates, and whether there are more after them."""

    rows: Sequence[Row[Any]]
    more: bool


@measured
def insert_template(
    connection: Connection, service_id: UUID, template_id: UUID, notification_type: NotificationType, version: Text
) -> Row[Any]:
    """A new template of a service that exists, in version 1."""
    values = {"id": template_id, "service_id": service_id, "type": notification_type.value, "name": version.name}
    connection.execute(_INSERT, values)
    connection.execute(_INSERT_VERSION, _version(template_id, 1, version))
    return get_template(connection, service_id, template_id)


@measured
def get_template(
    connection: Connection, service_id: UUID, template_id: UUID, version: int = 0, *, lock: bool = False
) -> Row[Any]:
    """A template in a version; in the current one if that is 0. Locked until the end of the transaction if asked for.

    Raises NotFound if the service has no such template, or if it has no such version.
    """
    if lock:
        # Before it is read, so that what is read is what the transaction before this one left.
        connection.execute(_LOCK, {"id": template_id, "service_id": service_id})
    values = {"id": template_id, "service_id": service_id, "version": version}
    row = connection.execute(_GET, values).one_or_none()
    if row is not None:
        return row
    if version and connection.execute(_GET, values | {"version": 0}).one_or_none() is not None:
        raise NotFound("version of the template", field="version")
    raise NotFound("template", field="id")


@measured
def add_version(connection: Connection, current: Row[Any], version: Text) -> Row[Any]:
    """The template with a new version, the current one from now on. It must be locked."""
    number = current.current_version + 1
    connection.execute(_INSERT_VERSION, _version(current.id, number, version))
    connection.execute(_ADVANCE, {"id": current.id, "version": number, "name": version.name})
    return get_template(connection, current.service_id, current.id)


@measured
def archive_template(connection: Connection, service_id: UUID, template_id: UUID) -> Row[Any]:
    """The template, archived; harmless to repeat. Raises NotFound if the service has no such template."""
    connection.execute(_ARCHIVE, {"id": template_id, "service_id": service_id})
    return get_template(connection, service_id, template_id)


@measured
def list_templates(
    connection: Connection,
    service_id: UUID,
    notification_type: NotificationType | None,
    before: UUID | None,
    at_most: int,
    *,
    archived: bool,
) -> Page:
    """The templates of a service with ids below `before`, newest first; the archived ones, too, if asked for."""
    values = {
        "service_id": service_id,
        "type": notification_type.value if notification_type else None,
        "archived": archived,
        "before": before,
    }
    return _page(connection.execute(_LIST, values | _bounds(at_most)).all())


@measured
def list_versions(
    connection: Connection, service_id: UUID, template_id: UUID, before: int | None, at_most: int
) -> Page:
    """The versions of a template below `before`, newest first. Raises NotFound if the service has no such template."""
    values = {"service_id": service_id, "id": template_id, "before": before}
    rows = connection.execute(_VERSIONS, values | _bounds(at_most)).all()
    if not rows:
        get_template(connection, service_id, template_id)
    return _page(rows)


def _bounds(at_most: int) -> dict[str, int]:
    return {"at_most": at_most, "most_bytes": MOST_BYTES}


def _page(rows: Sequence[Row[Any]]) -> Page:
    return Page(rows, bool(rows) and rows[0].found > len(rows))


def _version(template_id: UUID, number: int, version: Text) -> dict[str, Any]:
    return {
        "id": template_id,
        "version": number,
        "name": version.name,
        "subject": version.subject,
        "content": version.content,
    }
