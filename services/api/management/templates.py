"""octavo.v1.TemplateService: services keep their templates; the platform team does it for them if need be."""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Connection, Row

from octavo.crypto import Hasher
from octavo.domain.errors import FailedPrecondition, Invalid, NotFound, Reason, Unavailable
from octavo.domain.ids import uuid7
from octavo.domain.notification import NotificationType
from octavo.storage import registry, templates
from octavo.storage.columns import TYPE, TYPE_OF
from octavo.storage.directory import Directory
from octavo.v1 import template_service_pb2 as pb
from services.api.fields import read_enum, read_id, read_needed_enum, read_page_size, written_time
from services.api.management.preview import placeholders, preview
from services.api.management.template_text import read_text
from services.api.page_token import PageTokens
from services.api.sending.wish import read_personalisation
from services.api.serving.caller import CallerKind, current
from services.api.serving.calls import Context
from services.api.transactions import Transactions


class _Owned(Protocol):
    service_id: str


class TemplateServicer:
    """Makes, shows, changes, archives and previews templates. Parsing and rendering are done in the work's threads."""

    def __init__(
        self, transactions: Transactions, directory: Directory, hasher: Hasher, clock: Callable[[], datetime]
    ) -> None:
        self._transactions = transactions
        self._directory = directory
        self._tokens = PageTokens(hasher)
        self._clock = clock

    async def CreateTemplate(  # noqa: N802 - gRPC's name
        self, request: pb.CreateTemplateRequest, _context: Context
    ) -> pb.CreateTemplateResponse:
        """Makes a template, in version 1."""
        service_id = _owner(request)
        kind = read_needed_enum(TYPE_OF, "type", request.type)
        template_id = uuid7(self._clock(), os.urandom(10))

        def work(connection: Connection) -> pb.Template:
            version = read_text(kind, request.name, request.subject, request.body)
            registry.get_service(connection, service_id, field="service_id")
            return _shown(templates.insert_template(connection, service_id, template_id, kind, version))

        return pb.CreateTemplateResponse(template=await self._transactions.run(work))

    async def GetTemplate(self, request: pb.GetTemplateRequest, _context: Context) -> pb.GetTemplateResponse:  # noqa: N802
        """Shows a template, in any of its versions."""
        service_id, template_id = _owner(request), read_id("id", request.id)
        version = _version("version", request.version)

        def work(connection: Connection) -> pb.Template:
            return _shown(templates.get_template(connection, service_id, template_id, version))

        return pb.GetTemplateResponse(template=await self._transactions.run(work))

    async def UpdateTemplate(  # noqa: N802
        self, request: pb.UpdateTemplateRequest, _context: Context
    ) -> pb.UpdateTemplateResponse:
        """Makes a new version. Two at once come one after the other."""
        service_id, template_id = _owner(request), read_id("id", request.id)
        _version("expected_version", request.expected_version)
        if not any(request.HasField(name) for name in ("name", "subject", "body")):
            raise Invalid.of(
                "body", Reason.MISSING_FIELD, "there is nothing to change: name, subject or body is needed"
            )

        def work(connection: Connection) -> pb.Template:
            before = templates.get_template(connection, service_id, template_id, lock=True)
            version = _next(request, before)
            return _shown(templates.add_version(connection, before, version))

        shown = await self._transactions.run(work, lambda: self._renew(template_id))
        return pb.UpdateTemplateResponse(template=shown)

    async def ListTemplates(  # noqa: N802
        self, request: pb.ListTemplatesRequest, _context: Context
    ) -> pb.ListTemplatesResponse:
        """Shows a page of templates, newest first. A page ends early if its texts are long."""
        service_id, size = _owner(request), read_page_size(request.page_size)
        kind = read_enum(TYPE_OF, "type", request.type) if request.type else None
        before = self._tokens.read(service_id, request)

        def work(connection: Connection) -> pb.ListTemplatesResponse:
            registry.get_service(connection, service_id, field="service_id")
            page = templates.list_templates(
                connection, service_id, kind, before, size, archived=request.include_archived
            )
            return pb.ListTemplatesResponse(
                templates=[_shown(row) for row in page.rows],
                next_page_token=self._tokens.write(service_id, request, page.rows[-1].id) if page.more else "",
            )

        return await self._transactions.run(work)

    async def ListTemplateVersions(  # noqa: N802
        self, request: pb.ListTemplateVersionsRequest, _context: Context
    ) -> pb.ListTemplateVersionsResponse:
        """Shows a page of the versions of a template, newest first. A page ends early if its texts are long."""
        service_id, template_id = _owner(request), read_id("id", request.id)
        size = read_page_size(request.page_size)
        last = self._tokens.read(service_id, request)

        def work(connection: Connection) -> pb.ListTemplateVersionsResponse:
            page = templates.list_versions(connection, service_id, template_id, last.int if last else None, size)
            # A token holds an id: here the number of the version, written as one.
            end = UUID(int=page.rows[-1].version) if page.more else None
            return pb.ListTemplateVersionsResponse(
                versions=[_shown(row) for row in page.rows],
                next_page_token=self._tokens.write(service_id, request, end) if end else "",
            )

        return await self._transactions.run(work)

    async def ArchiveTemplate(  # noqa: N802
        self, request: pb.ArchiveTemplateRequest, _context: Context
    ) -> pb.ArchiveTemplateResponse:
        """Archives a template."""
        service_id, template_id = _owner(request), read_id("id", request.id)

        def work(connection: Connection) -> pb.Template:
            return _shown(templates.archive_template(connection, service_id, template_id))

        shown = await self._transactions.run(work, lambda: self._renew(template_id))
        return pb.ArchiveTemplateResponse(template=shown)

    async def PreviewTemplate(  # noqa: N802
        self, request: pb.PreviewTemplateRequest, _context: Context
    ) -> pb.PreviewTemplateResponse:
        """Shows what a send would send."""
        service_id, template_id = _owner(request), read_id("id", request.id)
        version = _version("version", request.version)

        def work(connection: Connection) -> pb.PreviewTemplateResponse:
            personalisation = read_personalisation(request)
            template = templates.get_template(connection, service_id, template_id, version)
            service = registry.get_service(connection, service_id, field="service_id")
            return preview(template, service.name if service.sms_prefix else None, personalisation)

        return await self._transactions.run(work)

    def _renew(self, template_id: UUID) -> None:
        """Here the change is in force at once; other processes see it when what they know gets old."""
        with suppress(Unavailable):
            self._directory.templates.refresh([template_id])


def _owner(request: _Owned) -> UUID:
    """Whose templates are meant. Raises NotFound if a service names another one."""
    caller = current()
    if caller.kind is CallerKind.ADMIN:
        return read_id("service_id", request.service_id)
    service, _ = caller.as_service()
    if request.service_id and read_id("service_id", request.service_id) != service.id:
        raise NotFound("service", field="service_id")
    return service.id


def _version(field: str, number: int) -> int:
    if number < 0:
        raise Invalid.of(field, Reason.INVALID_ARGUMENT, f"{field} must not be negative")
    return number


def _next(request: pb.UpdateTemplateRequest, before: Row[Any]) -> templates.Text:
    if before.archived_at is not None:
        raise FailedPrecondition(Reason.ARCHIVED_TEMPLATE, "the template is archived", field="id")
    if request.expected_version not in {0, before.version}:
        raise FailedPrecondition(
            Reason.VERSION_MISMATCH,
            f"the current version is {before.version}",
            field="expected_version",
            metadata={"current_version": str(before.version)},
        )
    return read_text(
        NotificationType(before.notification_type),
        request.name if request.HasField("name") else before.name,
        request.subject if request.HasField("subject") else before.subject or "",
        request.body if request.HasField("body") else before.content,
    )


def _shown(row: Row[Any]) -> pb.Template:
    return pb.Template(
        id=str(row.id),
        service_id=str(row.service_id),
        type=TYPE[NotificationType(row.notification_type)],
        name=row.name,
        version=row.version,
        subject=row.subject or "",
        body=row.content,
        placeholders=placeholders(row),
        archived=row.archived_at is not None,
        created_at=written_time(row.created_at),
        updated_at=written_time(row.updated_at),
    )
