"""What goes to a provider: a notification opened and rendered, with the sender and reply-to address of its service."""

from collections.abc import Collection
from contextlib import suppress
from uuid import UUID

from octavo.crypto import Sealer, personalisation_of, sms_prefix_of
from octavo.domain.errors import Malformed
from octavo.domain.ids import id_of
from octavo.domain.notification import NotificationType
from octavo.domain.recipient import EmailAddress, parse_phone
from octavo.domain.template import render_email, render_sms, render_subject
from octavo.providers import EmailMessage, TextMessage
from octavo.storage.columns import KEY_TYPE_OF, TYPE_OF
from octavo.storage.directory import Directory, Service, TemplateVersion
from octavo.v1.messages_pb2 import NotificationMessage, SealedContent


class Composer:
    """Makes provider messages. It may ask the database for a service or a template that it does not know yet."""

    def __init__(self, sealer: Sealer, directory: Directory, *, default_region: str, default_sms_sender: str) -> None:
        self._sealer = sealer
        self._directory = directory
        self._region = default_region
        self._sender = default_sms_sender

    def prepare(self, messages: Collection[NotificationMessage]) -> None:
        """Asks the database once for the services and templates of all of these, as far as they are not known."""
        with suppress(ValueError):
            # What names none by an id is told by `compose`.
            services = {message.service_id for message in messages}
            self._directory.services.have({id_of(one) for one in services})
            versions = {(message.template_id, message.template_version) for message in messages}
            self._directory.versions.have({(id_of(template_id), version) for template_id, version in versions})

    def compose(self, message: NotificationMessage) -> TextMessage | EmailMessage:
        """The message for a provider.

        Raises Malformed if it violates the schema, can't be opened or names what does not exist, Rejected if it can't be
        rendered, Unavailable if the database has to be asked and is away.
        """
        if message.type not in TYPE_OF or message.key_type not in KEY_TYPE_OF:
            raise Malformed("the notification is of no known type")
        service_id, template_id = _uuid(message.service_id), _uuid(message.template_id)
        content = self._sealer.open(message.id, message.sealed)
        service = self._directory.service(service_id)
        if service is None:
            raise Malformed("there is no such service")
        try:
            version = self._directory.version(template_id, message.template_version)
        except KeyError:
            raise Malformed("there is no such template version") from None
        if TYPE_OF[message.type] is NotificationType.SMS:
            return self._text(message, content, service, version)
        return self._email(message, content, service, version)

    def _text(
        self, message: NotificationMessage, content: SealedContent, service: Service, version: TemplateVersion
    ) -> TextMessage:
        sender = message.sms_sender or next(iter(service.sms_senders), self._sender)
        return TextMessage(
            reference=id_of(message.id),
            to=parse_phone(content.recipient, self._region),
            text=render_sms(version.content, personalisation_of(content), sms_prefix_of(content, service.prefix)),
            sender=sender,
        )

    def _email(
        self, message: NotificationMessage, content: SealedContent, service: Service, version: TemplateVersion
    ) -> EmailMessage:
        values = personalisation_of(content)
        body = render_email(version.content, values)
        return EmailMessage(
            reference=id_of(message.id),
            to=EmailAddress(content.recipient),
            subject=render_subject(version.subject, values) if version.subject else "",
            plain=body.plain,
            html=body.html,
            from_name=service.name,
            # The service's, as it is when the email goes out.
            reply_to_address=message.reply_to or next(iter(service.reply_to_addresses), None),
        )


def _uuid(value: bytes) -> UUID:
    try:
        return id_of(value)
    except ValueError:
        raise Malformed("the notification names a service or a template by no id") from None
