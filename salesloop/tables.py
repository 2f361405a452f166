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
from salesloop.messages import BY_UNIT, MISSING

if TYPE_CHECKING:
    from salesloop.messages import Text

MOST_ROWS, MOST_CHARACTERS = 500, 300
SIGHT, SLACK = 10, 2
"""Rows of a table in sight; the rest stands behind a fold unless it is no more than the slack."""
WIDE, WIDEST = 9, 12
"""Columns from which a table is set in smaller print."""
SLIM, GAP, LONGEST = 64, 3, 22
"""Letters that half a page is wide, those that a column's edges take, and the most that a cell asks for before it wraps."""
_LEFT = {"text", "word", "scope", "scopes"}
_TOLD_ONCE = {"text", "word", "period", "scope", "scopes"}
_ONCE_ROWS, _ONCE_COLUMNS = 3, 8
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
    first = frame.head(most)
    units = frame["uom"].head(most).tolist() if "uom" in frame else None
    told = {c: _told(first[c].tolist(), kinds[c], text, stage, units) for c in shown}
    same = _told_once(frame, told, kinds, text)
    told = {column: words for column, words in told.items() if column not in same}
    head = "".join(f'<th scope="col"{_side(kinds[c])}>{_say(text.label(c, stage), mask)}</th>' for c in told)
    cells = [_cells(words, kinds[c], mask, place) for place, (c, words) in enumerate(told.items())]
    body = [f"<tr>{''.join(row)}</tr>" for row in zip(*cells, strict=True)] if cells else []
    whole = len(frame) if rows is None else rows
    sight = len(body) if whole <= SIGHT + SLACK else min(SIGHT, len(body))
    look = _look({text.label(c, stage): words for c, words in told.items()})
    made = [_once(same, text, stage, mask), _table(caption, head, body[:sight], look)]
    if body[sight:]:
        more = _table(text.t("report.table_rest", title=caption), head, body[sight:], look)
        named = escape(text.t("report.table_more", n=len(body) - sight))
        made.append(f'<details class="rest"><summary>{named}</summary>{more}</details>')
    return Markup("".join(made) + _note(text, whole, most, sight, csv))


def _table(caption: str, head: str, body: Sequence[str], look: str) -> str:
    """Return one table in a region that scrolls by itself."""
    named = escape(plain(caption))
    return (
        f'<div class="scroll{look}" role="group" aria-label="{named}" tabindex="0"><table><caption>{named}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _look(told: Mapping[str, Sequence[str]]) -> str:
    """Return how a table is set: slim where half a page is enough for it, smaller where it has many columns."""
    asked = sum(GAP + max(_asked(label, words)) for label, words in told.items())
    if asked <= SLIM:
        return " slim"
    return " widest" if len(told) >= WIDEST else " wide" if len(told) >= WIDE else ""


def _asked(label: str, words: Sequence[str]) -> list[int]:
    """Return the letters that a heading's longest word and the cells of a column ask for; Chinese ones count double."""
    found = [*label.split(), *dict.fromkeys(words)]
    return [0, *(min(len(one) + sum(letter > "\u2e80" for letter in one[:LONGEST]), LONGEST) for one in found)]


def is_slim(html: str) -> bool:
    """Return whether half a page is enough for a table as `html_table` made it."""
    return ' class="scroll slim"' in html[:1000]


def _told_once(
    frame: pd.DataFrame, told: Mapping[str, list[str]], kinds: Mapping[str, str], text: Text
) -> dict[str, str]:
    """Return the columns of a wide table that hold one word or no value at all in every row, and what they hold."""
    if len(frame) < _ONCE_ROWS or len(told) < _ONCE_COLUMNS:
        return {}
    same = {}
    for column in list(told)[1:]:
        alone = len(set(told[column])) == 1 and (kinds[column] in _TOLD_ONCE or frame[column].isna().all())
        if alone and frame[column].map(str).nunique() == 1:
            same[column] = told[column][0]
    return same


def _once(same: Mapping[str, str], text: Text, stage: str, mask: Mask) -> str:
    """Return the line that tells what every row has in common; nothing is left out without a word."""
    if not same:
        return ""
    absent = [text.label(column, stage) for column, words in same.items() if words == MISSING]
    alike = [
        text.t("report.table_pair", name=text.label(column, stage), words=words)
        for column, words in same.items() if words != MISSING
    ]  # fmt: skip
    told = [text.t("report.table_alike", what=" · ".join(alike))] if alike else []
    told += [text.t("report.table_absent", what=("、" if text.lang == "zh" else ", ").join(absent))] if absent else []
    return f'<p class="note alike">{_say(" ".join(told), mask)}</p>'


def _note(text: Text, rows: int, most: int, sight: int, csv: str) -> str:
    """Return what is said below a table: that it is empty, cut or continued, and where all rows are."""
    if rows == 0:
        return f'<p class="note">{escape(text.t("report.table_empty"))}</p>'
    if rows <= sight:
        return ""
    link = f' <a href="{escape(csv)}">{escape(text.t("report.table_csv"))}</a>' if csv else ""
    said = (
        [f'<p class="note">{escape(text.t("report.table_cut", shown=most, rows=rows))}{link}</p>']
        if rows > most
        else ([f'<p class="note screen">{link.strip()}</p>'] if link else [])
    )
    where = (
        text.t("report.table_printed", n=rows - sight, file=csv.rpartition("/")[2])
        if csv
        else text.t("report.table_unprinted", n=rows - sight)
    )
    return "".join([*said, f'<p class="note paper">{escape(where)}</p>'])


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
    """Return a column's values as text; the kinds ``uom`` and ``change`` take each row's own unit of measurement."""
    if kind in BY_UNIT and units is not None:
        told = text.measured if kind == "uom" else text.changed
        return [told(value, uom) for value, uom in zip(values, units, strict=True)]
    kind = "number" if kind in BY_UNIT else kind
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
    words = words if len(words) <= MOST_CHARACTERS else words[: MOST_CHARACTERS - 1] + "…"
    if len(words) <= LONGEST:
        return escape(words)
    return ";<wbr>".join(escape(part) for part in words.split(";"))  # a list of ids may break after each
