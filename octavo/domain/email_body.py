"""An email body written out, as HTML and as plain text, from its layout and its values."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from octavo.domain.markdown import Block, Inline, Kind, Link

_SAFE_URL = re.compile(r"(?:https?://|mailto:)[^\s\"<>]+", re.IGNORECASE)
# RFC 3986's reserved characters and the percent sign: what a whole URL may keep as it is.
_URL_CHARACTERS = ":/?#[]@!$&'()*+,;=%~"
_RULE_WIDTH = 65

_HEAD = (
    '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1"></head>'
    '<body style="margin:0;padding:20px;font-family:Helvetica,Arial,sans-serif;font-size:16px;line-height:1.5;color:#111">'
    '<div style="max-width:600px">\n'
)
_FOOT = "\n</div></body></html>\n"


@dataclass(frozen=True, slots=True)
class EmailBody:
    """The two forms of one body, for a multipart message."""

    plain: str
    html: str


def write(blocks: Sequence[Block], values: Sequence[str]) -> EmailBody:
    """The body, each value escaped for the form and the place it goes into."""
    return EmailBody(
        plain="\n\n".join(_plain_block(block, values) for block in blocks) + "\n",
        html=_HEAD + "\n".join(_html_block(block, values) for block in blocks) + _FOOT,
    )


def _html_block(block: Block, values: Sequence[str]) -> str:
    runs = [_run(run, values, _html_text, _html_link) for run in block.runs]
    match block.kind:
        case Kind.RULE:
            return "<hr>"
        case Kind.HEADING:
            tag = f"h{min(block.level, 3)}"
            return f"<{tag}>{runs[0]}</{tag}>"
        case Kind.BULLETS:
            return f"<ul>{_html_items(runs)}</ul>"
        case Kind.NUMBERS:
            start = "" if block.level == 1 else f' start="{block.level}"'
            return f"<ol{start}>{_html_items(runs)}</ol>"
        case Kind.QUOTE:
            return f"<blockquote>{runs[0]}</blockquote>"
        case Kind.PARAGRAPH:
            return f"<p>{runs[0]}</p>"


def _html_items(runs: Sequence[str]) -> str:
    return "".join(f"<li>{run}</li>" for run in runs)


def _html_text(text: str) -> str:
    return escape(text).replace("\n", "<br>")


def _html_link(label: str, url: str) -> str:
    return f'<a href="{escape(url)}">{label}</a>'


def _plain_block(block: Block, values: Sequence[str]) -> str:
    runs = [_run(run, values, str, _plain_link) for run in block.runs]
    match block.kind:
        case Kind.RULE:
            return "-" * _RULE_WIDTH
        case Kind.HEADING:
            line = ("=" if block.level == 1 else "-") * min(_RULE_WIDTH, len(runs[0]))
            return f"{runs[0]}\n{line}"
        case Kind.BULLETS:
            return "\n".join(f"• {run}" for run in runs)
        case Kind.NUMBERS:
            return "\n".join(f"{number}. {run}" for number, run in enumerate(runs, block.level))
        case Kind.QUOTE:
            return "\n".join(f"  {line}" for line in runs[0].split("\n"))
        case Kind.PARAGRAPH:
            return runs[0]


def _plain_link(label: str, url: str) -> str:
    return url if label == url else f"{label} ({url})"


def _run(
    run: Inline, values: Sequence[str], write_text: Callable[[str], str], write_link: Callable[[str, str], str]
) -> str:
    out: list[str] = []
    for piece in run:
        if isinstance(piece, str):
            out.append(write_text(piece))
        elif isinstance(piece, int):
            out.append(write_text(values[piece]))
        else:
            out.append(_linked(piece, values, write_text, write_link))
    return "".join(out)


def _linked(
    link: Link, values: Sequence[str], write_text: Callable[[str], str], write_link: Callable[[str, str], str]
) -> str:
    """The link; or its label and target as text, if the target is of a kind that an email must not link to."""
    url = _url(link.target, values)
    label = write_text(_filled(link.label or (url,), values))
    if _SAFE_URL.fullmatch(url):
        return write_link(label, url)
    return f"{label} ({write_text(_filled(link.target, values))})"


def _filled(pieces: Sequence[str | int], values: Sequence[str]) -> str:
    return "".join(piece if isinstance(piece, str) else values[piece] for piece in pieces)


def _url(target: Sequence[str | int], values: Sequence[str]) -> str:
    """The target with values put in: a value may be the beginning of a URL as it is; further in, it is a part of one."""
    out: list[str] = []
    for place, piece in enumerate(target):
        if isinstance(piece, str):
            out.append(piece)
        elif place == 0:
            out.append(quote(values[piece].strip(), safe=_URL_CHARACTERS))
        else:
            out.append(quote(values[piece], safe="/"))
    return "".join(out)
