"""`octavo template`: the texts, in versions that never change."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from octavo_cli import output, placeholders
from octavo_cli.choices import Choice, choice
from octavo_cli.session import Json, Limit, Service, as_admin, as_service, page_size
from octavo_client import NotificationType, Template, Templates

app = typer.Typer(no_args_is_help=True, help="Make, change, look up and try templates.")

TemplateId = Annotated[str, typer.Argument(metavar="TEMPLATE", help="The template's id.")]
Body = Annotated[str | None, typer.Option(help="The text, with placeholders such as ((name)).")]
BodyFile = Annotated[
    Path | None,
    typer.Option(help="The file with the text; - reads standard input."),
]
Version = Annotated[int, typer.Option(min=0, help="An earlier version; the current one if 0.")]


@app.command()
def create(
    notification_type: Annotated[Choice[NotificationType], typer.Argument(**choice(NotificationType))],
    name: Annotated[str, typer.Argument(help="Its name, for people.")],
    *,
    body: Body = None,
    body_file: BodyFile = None,
    subject: Annotated[str, typer.Option(help="The subject of an email.")] = "",
    service: Service = "",
    as_json: Json = False,
) -> None:
    """Make a template."""
    text = _body(body, body_file)
    if text is None:
        raise typer.BadParameter("give --body or --body-file")
    with _templates(service) as templates:
        _show(templates.create(notification_type, name, text, subject=subject), as_json=as_json)


@app.command()
def get(template: TemplateId, *, version: Version = 0, service: Service = "", as_json: Json = False) -> None:
    """Show a template."""
    with _templates(service) as templates:
        _show(templates.get(template, version), as_json=as_json)


@app.command()
def update(
    template: TemplateId,
    *,
    name: Annotated[str | None, typer.Option(help="Its new name.")] = None,
    body: Body = None,
    body_file: BodyFile = None,
    subject: Annotated[str | None, typer.Option(help="The new subject of an email.")] = None,
    expected_version: Annotated[int, typer.Option(min=0, help="Refuse unless this is the current version.")] = 0,
    service: Service = "",
    as_json: Json = False,
) -> None:
    """Make a new version. What is not given stays as it is."""
    text = _body(body, body_file)
    if name is None and subject is None and text is None:
        raise typer.BadParameter("give what is to change: --name, --subject, --body or --body-file")
    with _templates(service) as templates:
        made = templates.update(template, name=name, subject=subject, body=text, expected_version=expected_version)
        _show(made, as_json=as_json)


@app.command("list")
def listing(
    *,
    notification_type: Annotated[
        Choice[NotificationType] | None, typer.Option("--type", **choice(NotificationType), help="Only this type.")
    ] = None,
    archived: Annotated[bool, typer.Option("--archived", help="The archived ones, too.")] = False,
    limit: Limit = 50,
    service: Service = "",
    as_json: Json = False,
) -> None:
    """List templates, newest first."""
    with _templates(service) as templates:
        found = templates.list(notification_type, include_archived=archived, page_size=page_size(limit))
        _table(islice(found, limit or None), as_json=as_json)


@app.command()
def versions(template: TemplateId, *, limit: Limit = 50, service: Service = "", as_json: Json = False) -> None:
    """List the versions of a template, newest first."""
    with _templates(service) as templates:
        _table(islice(templates.versions(template, page_size=page_size(limit)), limit or None), as_json=as_json)


@app.command()
def archive(template: TemplateId, *, service: Service = "", as_json: Json = False) -> None:
    """Archive a template: it sends nothing any more."""
    with _templates(service) as templates:
        _show(templates.archive(template), as_json=as_json)


@app.command()
def preview(
    template: TemplateId,
    *,
    values: placeholders.Values = None,
    items: placeholders.Items = None,
    source: placeholders.Source = None,
    version: Version = 0,
    html: Annotated[bool, typer.Option("--html", help="Show the HTML of an email instead.")] = False,
    service: Service = "",
    as_json: Json = False,
) -> None:
    """Show what a send would send."""
    put_in = placeholders.personalisation(values, items, source)
    with _templates(service) as templates:
        seen = templates.preview(template, put_in, version=version)
    if as_json:
        output.emit(seen)
        return
    output.facts(
        [
            ("version", seen.template_version),
            ("missing", seen.missing_placeholders),
            ("subject", seen.subject),
            ("parts", f"{seen.parts} ({seen.encoding})" if seen.parts else ""),
        ]
    )
    output.body(seen.html if html else seen.plain or seen.body)


@contextmanager
def _templates(service: str) -> Iterator[Templates]:
    if service:
        with as_admin() as admin:
            yield admin.templates_of(service)
    else:
        with as_service() as octavo:
            yield octavo.templates


def _body(body: str | None, file: Path | None) -> str | None:
    if body is not None and file is not None:
        raise typer.BadParameter("give either --body or --body-file")
    return placeholders.text_from(file) if file is not None else body


def _table(found: Iterator[Template], *, as_json: bool) -> None:
    if as_json:
        for template in found:
            output.emit(template)
        return
    rows = ((t.id, t.name, t.type, t.version, t.updated_at, t.archived) for t in found)
    output.table(("id", "name", "type", "version", "changed", "archived"), rows, empty="no templates")


def _show(template: Template, *, as_json: bool) -> None:
    if as_json:
        output.emit(template)
        return
    output.facts(
        [
            ("id", template.id),
            ("name", template.name),
            ("type", template.type),
            ("version", template.version),
            ("archived", template.archived or None),
            ("placeholders", template.placeholders),
            ("changed", template.updated_at),
            ("subject", template.subject),
        ]
    )
    output.body(template.body)
