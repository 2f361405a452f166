"""What a notebook shows besides its results: users' own outputs and prose, cleaned by an allow-list."""

from __future__ import annotations

import base64
import binascii
import re
from functools import lru_cache

import nh3
from markupsafe import Markup, escape

from salesloop.clean import plain

MOST_HTML, MOST_IMAGE, MOST_TEXT = 300_000, 900_000, 20_000
_TABLE = {"table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption"}
_PROSE = {
    "p",
    "br",
    "hr",
    "b",
    "i",
    "em",
    "strong",
    "code",
    "pre",
    "ul",
    "ol",
    "li",
    "blockquote",
    "sub",
    "sup",
    "div",
    "span",
}
_HEADS = {"h1", "h2", "h3", "h4"}
_GONE = {
    "script",
    "style",
    "svg",
    "math",
    "iframe",
    "object",
    "embed",
    "template",
    "noscript",
    "title",
    "textarea",
    "select",
    "form",
    "button",
    "xmp",
    "noembed",
    "noframes",
    "plaintext",
    "head",
}
_CELLS = {"th": {"scope", "colspan", "rowspan"}, "td": {"colspan", "rowspan"}}
_PNG = b"\x89PNG\r\n\x1a\n"


def clean_html(html: str) -> Markup:
    """Return foreign HTML with tables and plain text markup only: no links, styles, images, handlers, scripts.

    Examples
    --------
    >>> clean_html('<table><tr><td onclick="x()">1<script>x()</script></td></tr></table>')
    Markup('<table><tbody><tr><td>1</td></tr></tbody></table>')
    """
    made = nh3.clean(
        plain(html),
        tags=_TABLE | _PROSE,
        attributes=_CELLS,
        clean_content_tags=_GONE,
        strip_comments=True,
        link_rel=None,
    )
    return Markup(made)


def prose(markdown: str) -> Markup:
    """Return a notebook's markdown as HTML: headings below the section's, lists, tables, links to the web.

    Raw HTML in it is shown as text.
    """
    html = _markdown().render(plain(markdown))
    made = nh3.clean(
        html, tags=_TABLE | _PROSE | _HEADS | {"a"}, attributes={**_CELLS, "a": {"href"}}, clean_content_tags=_GONE,
        url_schemes={"https", "http", "mailto"}, link_rel="noopener noreferrer",
    )  # fmt: skip
    return Markup(re.sub(r"<(/?)h[12]>", r"<\1h3>", made))


@lru_cache(maxsize=1)
def _markdown():
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table")


def picture(mime: str, data: str, alt: str) -> Markup | None:
    """Return a foreign picture as an image that can run nothing, or None where it is no such picture."""
    raw = _png(data) if mime == "image/png" else plain(data).strip().encode("utf-8")
    if (
        raw is None
        or len(raw) > MOST_IMAGE
        or (mime == "image/svg+xml" and not re.match(rb"(<\?xml|<!--|<!DOCTYPE|<svg)", raw))
    ):
        return None
    coded = base64.b64encode(raw).decode("ascii")
    return Markup('<img class="foreign" alt="{}" src="data:{};base64,{}">').format(plain(alt), mime, Markup(coded))


def _png(data: str) -> bytes | None:
    try:
        raw = base64.b64decode("".join(str(data).split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if raw.startswith(_PNG) else None


def output(found: dict, alt: str, *, most: int = MOST_HTML) -> Markup:
    """Return one output of a notebook that is none of the stage's results.

    Parameters
    ----------
    found : dict
        The output as nbformat holds it.
    alt : str
        What a picture in it is called.
    most : int
        HTML longer than this is shown by its plain text.
    """
    if found.get("output_type") == "stream":
        return _text(found.get("text", ""))
    if found.get("output_type") == "error":
        return _text(f"{found.get('ename', '')}: {found.get('evalue', '')}")
    data = {mime: "".join(part) if isinstance(part, list) else part for mime, part in found.get("data", {}).items()}
    for mime in ("image/svg+xml", "image/png"):
        if isinstance(data.get(mime), str) and (drawn := picture(mime, data[mime], alt)):
            return drawn
    html = data.get("text/html")
    if isinstance(html, str) and len(html) <= most:
        return Markup('<div class="scroll foreign" role="group" aria-label="{}" tabindex="0">{}</div>').format(
            plain(alt), clean_html(html)
        )
    if isinstance(data.get("text/markdown"), str):
        return prose(data["text/markdown"][:most])
    return _text(str(data.get("text/plain", "")))


_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def _text(words: str) -> Markup:
    words = plain(_ANSI.sub("", "".join(words)))
    if not words.strip():
        return Markup()
    return Markup('<pre tabindex="0">{}</pre>').format(
        escape(words[:MOST_TEXT] + ("…" if len(words) > MOST_TEXT else ""))
    )
