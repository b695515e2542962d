"""What a send of a template would send."""

from typing import Any

from sqlalchemy import Row

from octavo.domain import sms
from octavo.domain.merge import Personalisation, Template
from octavo.domain.names import fold
from octavo.domain.notification import NotificationType
from octavo.domain.preview import missing_placeholders, with_gaps
from octavo.domain.template import render_email, render_sms, render_subject, render_text
from octavo.storage.columns import ENCODING
from octavo.v1 import template_service_pb2 as pb


def preview(template: Row[Any], prefix: str | None, personalisation: Personalisation) -> pb.PreviewTemplateResponse:
    """The texts. Placeholders without a value stay as they are, and are listed.

    Raises Invalid as a send would, but for what is missing.
    """
    content = Template.parse(template.content)
    subject = Template.parse(template.subject or "")
    missing = _each_once(
        *missing_placeholders(subject, personalisation), *missing_placeholders(content, personalisation)
    )
    shown = pb.PreviewTemplateResponse(missing_placeholders=missing, template_version=template.version)
    filled, values = with_gaps(content, personalisation)
    if NotificationType(template.notification_type) is NotificationType.SMS:
        shown.body = render_sms(filled, values, prefix)
        # What is incomplete may be any length: only what would be sent is held to the limit.
        size = sms.measure(shown.body) if missing else sms.fit(shown.body, prefix)
        shown.parts, shown.encoding = size.parts, ENCODING[size.encoding]
        return shown
    shown.body = render_text(filled, values)
    shown.subject = render_subject(*with_gaps(subject, personalisation))
    rendered = render_email(filled, values)
    shown.html, shown.plain = rendered.html, rendered.plain
    return shown


def placeholders(template: Row[Any]) -> list[str]:
    """The names of a template's placeholders, those of its subject first, each once."""
    subject, content = Template.parse(template.subject or ""), Template.parse(template.content)
    return _each_once(*subject.placeholders, *content.placeholders)


def _each_once(*names: str) -> list[str]:
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(fold(name), name)
    return list(first.values())
