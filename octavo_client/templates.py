"""Calls that manage templates. A service's own key works on its own; the admin key on those of any service."""

from octavo.v1 import template_service_pb2 as pb
from octavo.v1 import template_service_pb2_grpc as pb_grpc
from octavo_client.call import Caller
from octavo_client.managed import Preview, Template
from octavo_client.paging import Items, paged
from octavo_client.reading import enum_number, read
from octavo_client.sending import placeholders
from octavo_client.values import NotificationType, Personalisation

_TYPE = pb.CreateTemplateRequest.DESCRIPTOR.fields_by_name["type"]


class Templates:
    """TemplateService. Every method raises OctavoError. `service_id` is for the admin key only."""

    def __init__(self, caller: Caller, service_id: str = "") -> None:
        self._caller = caller
        self._stub = pb_grpc.TemplateServiceStub(caller.channel)
        self._service_id = service_id

    def create(self, type: NotificationType | str, name: str, body: str, *, subject: str = "") -> Template:  # noqa: A002 - its name in the API.
        """Makes a template, in version 1. Not repeated after a lost answer, which could make it twice."""
        request = pb.CreateTemplateRequest(
            type=enum_number(_TYPE, type), name=name, body=body, subject=subject, service_id=self._service_id
        )
        return read(Template, self._caller(self._stub.CreateTemplate, request, repeatable=False).template)

    def get(self, template_id: str, version: int = 0) -> Template:
        """A template in its current version, or in an earlier one."""
        request = pb.GetTemplateRequest(id=template_id, version=version, service_id=self._service_id)
        return read(Template, self._caller(self._stub.GetTemplate, request).template)

    def update(
        self,
        template_id: str,
        *,
        name: str | None = None,
        subject: str | None = None,
        body: str | None = None,
        expected_version: int = 0,
    ) -> Template:
        """Makes a new version with what is given; the rest stays. Not repeated after a lost answer.

        With `expected_version` it raises FailedPrecondition if another version has become the current one.
        """
        request = pb.UpdateTemplateRequest(
            id=template_id,
            name=name,
            subject=subject,
            body=body,
            expected_version=expected_version,
            service_id=self._service_id,
        )
        return read(Template, self._caller(self._stub.UpdateTemplate, request, repeatable=False).template)

    def list(
        self,
        type: NotificationType | str | None = None,  # noqa: A002 - its name in the API.
        *,
        include_archived: bool = False,
        page_size: int = 0,
        page_token: str = "",
    ) -> Items[Template]:
        """The templates in their current versions, newest first."""
        request = pb.ListTemplatesRequest(
            page_size=page_size,
            type=enum_number(_TYPE, type),
            include_archived=include_archived,
            service_id=self._service_id,
        )
        return paged(self._caller, self._stub.ListTemplates, request, "templates", Template, page_token=page_token)

    def versions(self, template_id: str, *, page_size: int = 0, page_token: str = "") -> Items[Template]:
        """The versions of a template, newest first."""
        request = pb.ListTemplateVersionsRequest(id=template_id, page_size=page_size, service_id=self._service_id)
        return paged(
            self._caller, self._stub.ListTemplateVersions, request, "versions", Template, page_token=page_token
        )

    def archive(self, template_id: str) -> Template:
        """Archives a template: it sends nothing any more, and can still be looked up."""
        request = pb.ArchiveTemplateRequest(id=template_id, service_id=self._service_id)
        return read(Template, self._caller(self._stub.ArchiveTemplate, request).template)

    def preview(self, template_id: str, personalisation: Personalisation | None = None, *, version: int = 0) -> Preview:
        """What a send would send. Placeholders without a value stay as they are, and are listed."""
        request = pb.PreviewTemplateRequest(
            id=template_id, version=version, service_id=self._service_id, **placeholders(personalisation or {})
        )
        return read(Preview, self._caller(self._stub.PreviewTemplate, request))
