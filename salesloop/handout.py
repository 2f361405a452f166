"""Tables that people edit in a spreadsheet and bring back: a workbook that holds values only, the same bytes each time."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from collections.abc import Mapping
from typing import Any

import pandas as pd

from salesloop.clean import plain

_MADE = "2000-01-01T00:00:00Z"
_ZIPPED = (1980, 1, 1, 0, 0, 0)
_WIDEST, _EDGE = 60, 2
_MOST = 32_767
"""Characters that a cell can hold."""


def workbook(frame: pd.DataFrame, headings: Mapping[str, str], *, sheet: str) -> bytes:
    """Return a table as an XLSX workbook of one sheet, ready to be edited.

    Texts are texts, whatever they begin with: nothing that came from data can act as a formula, and cells that a
    person edits stay texts. Days are days, so that they sort and filter. The header stays in sight.

    Parameters
    ----------
    frame : DataFrame
        The table.
    headings : mapping of str to str
        Column to heading, in the order they are to stand in; columns without one are left out.
    sheet : str
        The name of the sheet.

    Returns
    -------
    bytes
        The file. The same table gives the same bytes.

    Raises
    ------
    ValueError
        A text is longer than a cell can hold.

    Examples
    --------
    >>> frame = pd.DataFrame({"id": ["a1"], "what": ["=1+1"]})
    >>> workbook(frame, {"id": "Id", "what": "What"}, sheet="actions")[:2]
    b'PK'
    """
    from openpyxl import Workbook

    book = Workbook()
    page = book.active
    page.title = re.sub(r"[\[\]:*?/\\]", " ", plain(sheet))[:31] or "1"
    shown = [column for column in headings if column in frame]
    for place, column in enumerate(shown, 1):
        _fill(page, place, plain(headings[column]), [_value(value) for value in frame[column].tolist()])
    page.freeze_panes, page.auto_filter.ref = "A2", page.dimensions
    page.page_setup.orientation, page.page_setup.fitToHeight = "landscape", 0
    page.sheet_properties.pageSetUpPr.fitToPage = True
    made = io.BytesIO()
    book.save(made)
    return _timeless(made.getvalue())


def _fill(page: Any, place: int, heading: str, values: list[Any]) -> None:
    """Write one column: its heading, its cells as texts, numbers or days, and as wide as it needs to be."""
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import get_column_letter

    _text(page.cell(1, place), heading)
    page.cell(1, place).font, page.cell(1, place).fill = Font(bold=True), PatternFill("solid", fgColor="EEF3F9")
    texts = not any(isinstance(value, (float, int, dt.date)) for value in values)
    for row, value in enumerate(values, 2):
        cell = page.cell(row, place)
        if isinstance(value, str):
            _text(cell, value)
        else:
            cell.value = value
            cell.number_format = "@" if texts else "yyyy-mm-dd" if isinstance(value, dt.date) else cell.number_format
        cell.alignment = Alignment(vertical="top", wrap_text=True)
    longest = max((sum(2 if letter > "\u2e80" else 1 for letter in str(v)) for v in [heading, *values] if v), default=0)
    page.column_dimensions[get_column_letter(place)].width = min(longest, _WIDEST) + _EDGE


def _text(cell: Any, value: str) -> None:
    if len(value) > _MOST:
        raise ValueError(f"a text of {len(value):,} characters, more than a spreadsheet's cell can hold")
    cell.value = value
    cell.data_type, cell.number_format = "s", "@"


def _value(value: Any) -> Any:
    """Return what a cell holds: nothing, a day, a number or harmless text."""
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return None
    if isinstance(value, dt.datetime):
        return (
            value.date()
            if value.time() == dt.time()
            else value.to_pydatetime()
            if hasattr(value, "to_pydatetime")
            else value
        )
    if isinstance(value, (dt.date, bool, int, float)):
        return value
    return plain(value)


def _timeless(made: bytes) -> bytes:
    """Return a workbook without the time it was made at."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(made)) as held, zipfile.ZipFile(out, "w") as kept:
        for name in sorted(held.namelist(), key=lambda one: (one != "[Content_Types].xml", one)):
            content = held.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", _MADE.encode(), content)
                content = content.replace(b"<dc:creator>openpyxl</dc:creator>", b"<dc:creator>salesloop</dc:creator>")
            part = zipfile.ZipInfo(name, _ZIPPED)
            part.compress_type, part.external_attr, part.create_system = zipfile.ZIP_DEFLATED, 0o600 << 16, 3
            kept.writestr(part, content, compresslevel=6)
    return out.getvalue()
