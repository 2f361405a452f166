"""HTML tables from finished frames: formats by column, headings in the reader's language, harmless text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from markupsafe import Markup

from salesloop.clean import plain

if TYPE_CHECKING:
    from salesloop.messages import Text

MOST_ROWS, MOST_CHARACTERS = 500, 300
_LEFT = {"text", "word"}
Mask = Callable[[str], str]


def html_table(
    frame: pd.DataFrame, *, text: Text, caption: str, stage: str = "", formats: Mapping[str, str] | None = None,
    columns: Sequence[str] | None = None, csv: str = "", mask: Mask = str, rows: int | None = None, most: int = MOST_ROWS,
) -> Markup:  # fmt: skip
    """Return a frame as an HTML table in a region that scrolls by itself.

    Parameters
    ----------
    frame : DataFrame
        A finished table.
    text : Text
        Language and currency.
    caption : str
        What the table shows; read out by screen readers.
    stage : str
        Whose headings and words are taken first.
    formats : mapping of str to str, optional
        Column to kind; columns without one are shown by their type.
    columns : sequence of str, optional
        The columns to show, in order.
    csv : str
        Address of the whole table, linked where rows are left out.
    mask : callable
        Applied to every text, to hide names.
    rows : int, optional
        How many rows the whole table has, where `frame` holds only its beginning.
    most : int, default 500
        How many rows are shown.

    Examples
    --------
    >>> from salesloop.messages import Text
    >>> frame = pd.DataFrame({"team": ["<b>North</b>"], "amount": [12_345_000.0]})
    >>> page = html_table(frame, text=Text("en", "USD"), caption="Teams", formats={"amount": "money"})
    >>> "&lt;b&gt;North&lt;/b&gt;" in page, "$12.3M" in page
    (True, True)
    """
    shown = [column for column in (columns or frame.columns) if column in frame]
    kinds = {column: (formats or {}).get(column) or _kind(frame[column]) for column in shown}
    head = "".join(f'<th scope="col"{_side(kinds[c])}>{_say(text.label(c, stage), mask)}</th>' for c in shown)
    first = frame[shown].head(most)
    units = frame["uom"].head(most).tolist() if "uom" in frame else None
    told = [_told(first[column].tolist(), kinds[column], text, stage, units) for column in shown]
    cells = [
        _cells(words, kinds[column], mask, place) for place, (column, words) in enumerate(zip(shown, told, strict=True))
    ]
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in zip(*cells, strict=True)) if cells else ""
    named = escape(plain(caption))
    table = (
        f'<div class="scroll" role="group" aria-label="{named}" tabindex="0"><table><caption>{named}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
    return Markup(table + _note(text, len(frame) if rows is None else rows, most, csv))


def _note(text: Text, rows: int, most: int, csv: str) -> str:
    if rows == 0:
        return f'<p class="note">{escape(text.t("report.table_empty"))}</p>'
    if rows <= most:
        return ""
    link = f' <a href="{escape(csv)}">{escape(text.t("report.table_csv"))}</a>' if csv else ""
    return f'<p class="note">{escape(text.t("report.table_cut", shown=most, rows=rows))}{link}</p>'


def _kind(values: pd.Series) -> str:
    """Return how a column without a format is shown: whole numbers as they are, so that a year stays a year."""
    if pd.api.types.is_bool_dtype(values):
        return "word"
    if pd.api.types.is_datetime64_any_dtype(values):
        return "date"
    return (
        "number"
        if pd.api.types.is_float_dtype(values)
        else "whole"
        if pd.api.types.is_integer_dtype(values)
        else "text"
    )


def _side(kind: str) -> str:
    return "" if kind in _LEFT else ' class="r"'


def _told(values: list, kind: str, text: Text, stage: str, units: list | None) -> list[str]:
    """Return a column's values as text; the kind ``uom`` takes each row's own unit of measurement."""
    if kind == "uom" and units is not None:
        return [text.measured(value, uom) for value, uom in zip(values, units, strict=True)]
    kind = "number" if kind == "uom" else kind
    return [show(value, kind, text, stage) for value in values]


def _cells(words: list[str], kind: str, mask: Mask, place: int) -> list[str]:
    tag = 'th scope="row"' if place == 0 else "td"
    opened, closed = f"<{tag}{_side(kind)}>", f"</{tag[:2]}>"
    safe = {told: opened + _say(told, mask) + closed for told in dict.fromkeys(words)}  # columns repeat their values
    return [safe[told] for told in words]


def show(value: object, kind: str, text: Text, stage: str = "") -> str:
    """Return one value as a cell shows it; a value that its format cannot carry is shown as it is.

    Examples
    --------
    >>> from salesloop.messages import Text
    >>> show(0.5, "percent", Text()), show("n/a", "percent", Text()), show(2026, "whole", Text())
    ('50.0%', 'n/a', '2026')
    """
    if isinstance(value, (list, dict, tuple, np.ndarray)):
        value = ", ".join(str(part) for part in list(value)[:10])
    if kind == "text" and isinstance(value, (dt.date, pd.Timestamp)):
        kind = "date"
    if kind == "text" and isinstance(value, float):
        kind = "number"
    try:
        return text.show(value, "text" if kind == "whole" else kind, stage)
    except (TypeError, ValueError):
        return str(value)


def _say(words: str, mask: Mask) -> str:
    words = mask(plain(words[: 4 * MOST_CHARACTERS]))
    return escape(words if len(words) <= MOST_CHARACTERS else words[: MOST_CHARACTERS - 1] + "…")
