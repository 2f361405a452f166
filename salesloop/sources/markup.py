"""Tables that call themselves workbooks but are HTML or XML text, as many systems export them under the ending .xls."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from salesloop.sources import decode

_STARTS = re.compile(
    rb"^(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|meta|table|style|body|div|\?xml[^>]*\?>\s*(?:<\?mso[^>]*\?>\s*)?<(?:ss:)?workbook)",
    re.I,
)
_CHARSET = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?([\w-]+)""", re.I)
_ROWS, _CELLS = ("tr", "row", "ss:row"), ("td", "th", "cell", "ss:cell")


def is_markup(data: bytes) -> bool:
    """Return whether bytes begin like an HTML page or an XML spreadsheet."""
    return _STARTS.match(data[:2000]) is not None


def rows(data: bytes, name: str) -> list[list[list[str]]]:
    """Return the tables of an HTML page or an XML spreadsheet as rows of texts.

    Parameters
    ----------
    data : bytes
        The file's content.
    name : str
        The file's name, for messages.

    Examples
    --------
    >>> rows(b"<table><tr><th>A</th><th>B</th></tr><tr><td rowspan=2>1</td><td>x &amp; y</td></tr><tr><td>z</td></tr></table>", "a.xls")
    [[['A', 'B'], ['1', 'x & y'], ['1', 'z']]]
    """
    said = _CHARSET.search(data[:2000])
    encoding = said[1].decode("ascii") if said else None
    text = decode.decode(
        data, name, encoding if encoding and encoding.lower() not in ("utf-8", "utf8") else None
    ).data.decode("utf-8")
    reader = _Tables()
    reader.feed(text)
    reader.close()
    return [table for table in reader.tables if table]


class _Tables(HTMLParser):
    """Collects cells by table; a cell that spans rows is repeated in them."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tables: list[list[list[str]]] = [[]]
        self.cell: list[str] | None = None
        self.span, self.width = 1, 1
        self.left: dict[int, tuple[int, str]] = {}
        self.skip = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a table, a row or a cell."""
        given = dict(attrs)
        if tag in ("style", "script"):
            self.skip += 1
        elif tag in ("table", "worksheet", "ss:worksheet"):
            self.tables.append([])
            self.left = {}
        elif tag in _ROWS:
            self._close()
            self.tables[-1].append([])
            self._spanned()
        elif tag in _CELLS and self.tables[-1]:
            self._close()
            self.cell = []
            self.span, self.width = _number(given.get("rowspan")), _number(given.get("colspan"))
            place = given.get("ss:index")
            row = self.tables[-1][-1]
            row.extend([""] * (_number(place) - 1 - len(row) if place else 0))
        elif tag == "br" and self.cell is not None:
            self.cell.append("\n")

    def handle_endtag(self, tag: str) -> None:
        """End a cell or a row."""
        if tag in ("style", "script"):
            self.skip = max(0, self.skip - 1)
        elif tag in _CELLS or tag in _ROWS:
            self._close()

    def handle_data(self, data: str) -> None:
        """Take a cell's text."""
        if self.cell is not None and not self.skip:
            self.cell.append(data)

    def _close(self) -> None:
        if self.cell is None:
            return
        row, text = self.tables[-1][-1], " ".join("".join(self.cell).split())
        if self.span > 1:
            self.left[len(row)] = (self.span - 1, text)
        row.extend([text, *[""] * (self.width - 1)])
        self.cell = None
        self._spanned()

    def _spanned(self) -> None:
        row = self.tables[-1][-1]
        while len(row) in self.left:
            n, text = self.left.pop(len(row))
            if n > 1:
                self.left[len(row)] = (n - 1, text)
            row.append(text)


def _number(text: str | None) -> int:
    return min(int(text), 10_000) if text and text.isdigit() and int(text) else 1
