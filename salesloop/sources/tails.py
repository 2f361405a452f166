"""What stands in a table without being a record: totals, subtotals, counts, remarks; and labels given once a group."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from salesloop.sources import header, values
from salesloop.sources.sheet import Sheet, record

_STARTS = r"(?i)^\W*(合计|总计|小计|汇总|總計|合計|小計|grand total|sub ?total|total|sum|summe|gesamt)"
_ENDS = re.compile(r"^(.+?)[\s\-–:：]*(?:grand total|sub-?total|total|gesamt|合计|总计|小计|汇总|合計|小計)$", re.I)
_COUNTED = ("Sum", "SUM", "sum", "Count", "COUNT", "count", "Record Count", "Avg", "Average", "AVG", "Max", "Min", "Median", "Summe",
            "Anzahl", "Somme", "Nombre", "求和", "计数", "平均", "平均值", "最大值", "最小值", "记录数")  # fmt: skip
_NUMBER = re.compile(r"^[\s$¥￥€£(+-]*\d[\d,.\s]*[)万亿%]*$")
_FIRST, _LAST, _MOST = 3, 60, 2000


def tidied(sheet: Sheet) -> Sheet:
    """Return the sheet with its totals and remarks set aside, the totals that they state noted, and groups filled down."""
    if not len(sheet) or not sheet.labels:
        return sheet
    keep = np.ones(len(sheet), bool)
    grouped = {label for label in sheet.labels if label.rstrip().endswith(("↑", "↓", "▲", "▼"))}
    usual, breaks = _usual(sheet), []
    for at in _candidates(sheet):
        cells = _cells(sheet, at)
        if (group := _subtotal_of(sheet, cells, usual)) is not None:
            grouped.add(group)
            _aside(sheet, keep, at, cells, total=True)
        elif header.is_total(cells) or _is_count(cells, usual):
            _aside(sheet, keep, at, cells, total=True)
            breaks.append(at)
            if at >= len(sheet) - 5 and header.is_total(cells):
                sheet.stated = {
                    label: text for label, text in zip(sheet.labels, cells) if text and not header.is_total([text])
                }
        elif header.is_footer(cells) or _is_header(sheet, cells):
            _aside(sheet, keep, at, cells, total=False)
            _group_title(sheet, keep, at, usual)
    _remarks_at_the_end(sheet, keep, usual)
    starts = _starts(keep, breaks)
    made = sheet.take(keep) if not keep.all() else sheet
    grouped |= {label for label in made.labels if _once_a_group(made, label, starts)}
    for label in _outline(made, grouped):
        _fill_down(made, label)
    return made


def _starts(keep: np.ndarray, breaks: list[int]) -> set[int]:
    """Return which of the rows that are kept are the first ones of the groups that end with a total."""
    place = np.cumsum(keep) - 1
    after = ((at + 1 + np.flatnonzero(keep[at + 1 :])[:1]) for at in breaks)
    return {0, *(int(place[row[0]]) for row in after if len(row))}


def _once_a_group(sheet: Sheet, label: str, starts: set[int]) -> bool:
    """Return whether a column is filled in the first row of each group alone."""
    if len(starts) < 2 or not sheet.filled(label) == len(starts) < len(sheet):
        return False
    filled = np.flatnonzero(~values.is_empty(sheet.cells[label]).to_numpy(zero_copy_only=False))
    return {*filled.tolist()} == starts


def _outline(sheet: Sheet, grouped: set[str]) -> list[str]:
    """Return the columns that are given once a group: those known to be, and all with gaps left of the first full one."""
    found = [label for label in sheet.labels if label in grouped]
    for label in sheet.labels if grouped else ():
        empty = values.is_empty(sheet.cells[label]).to_numpy(zero_copy_only=False)
        if label not in grouped and (empty[:1].all() or not empty.any()):
            break
        found += [] if label in grouped else [label]
    return found


def _cells(sheet: Sheet, at: int) -> list[str]:
    return [sheet.cells[label][int(at)].as_py() for label in sheet.labels]


def _filled(cells: list[str]) -> int:
    return sum(1 for text in cells if text)


def _usual(sheet: Sheet) -> int:
    """Return how many cells of a row are usually filled."""
    return int(np.quantile([_filled(_cells(sheet, at)) for at in range(min(_LAST, len(sheet)))], 0.75))


def _aside(sheet: Sheet, keep: np.ndarray, at: int, cells: list[str], *, total: bool) -> None:
    keep[at] = False
    rule, found = ("total_row", "a row of totals") if total else ("footer", "a remark below the table")
    sheet.bad.append((int(sheet.rows[at]), rule, found, record(sheet.labels, cells)))


def _candidates(sheet: Sheet) -> list[int]:
    """Return the rows that may be totals or remarks: the last ones, and those of which a cell speaks of a total."""
    hits = np.zeros(len(sheet), bool)
    for place, label in enumerate(sheet.labels):
        texts = sheet.cells[label].dictionary
        said = pc.is_in(texts, value_set=pa.array([*_COUNTED, label] if place < _FIRST else _COUNTED))
        said = pc.or_(said, pc.match_substring_regex(texts, _STARTS + r"\W*$"))
        if place < _FIRST:
            said = pc.or_(
                said, pc.match_substring_regex(texts, _STARTS + r"|(?i)(total|gesamt|合计|总计|小计|汇总|合計|小計)$")
            )
        if pc.any(said).as_py():
            hits |= said.take(sheet.cells[label].indices).to_numpy(zero_copy_only=False)
    last = range(max(0, len(sheet) - 8), len(sheet))
    return sorted({*np.flatnonzero(hits)[:_MOST].tolist(), *last})


def _subtotal_of(sheet: Sheet, cells: list[str], usual: int) -> str | None:
    """Return the column of whose group a row is the subtotal, as in "East Total" below the rows of East."""
    if _filled(cells) >= usual:
        return None
    for label, text in list(zip(sheet.labels, cells))[:_FIRST]:
        found = _ENDS.match(text)
        if (
            found
            and not header.is_total([text])
            and pc.any(pc.equal(sheet.cells[label].dictionary, found[1].strip())).as_py()
        ):
            return label
    return None


def _is_count(cells: list[str], usual: int) -> bool:
    """Return whether a row holds nothing but words such as Sum and Count and their numbers."""
    filled = [text for text in cells if text]
    words = [text for text in filled if not _NUMBER.match(text)]
    return (
        1 < len(filled) <= max(2, usual // 2)
        and bool(words)
        and len(words) < len(filled)
        and all(text in _COUNTED for text in words)
    )


def _is_header(sheet: Sheet, cells: list[str]) -> bool:
    """Return whether a row repeats the header, as boards with groups and pages do."""
    same = sum(1 for label, text in zip(sheet.labels, cells) if text and label.split(" (")[0] == text.split(" (")[0])
    return same >= 2 and same >= 0.8 * _filled(cells)


def _group_title(sheet: Sheet, keep: np.ndarray, at: int, usual: int) -> None:
    """Set aside the name of a group that stands alone above a repeated header."""
    if (
        at
        and keep[at - 1]
        and usual > 2
        and _filled(above := _cells(sheet, at - 1)) == 1
        and _is_header(sheet, _cells(sheet, at))
    ):
        _aside(sheet, keep, at - 1, above, total=False)


def _remarks_at_the_end(sheet: Sheet, keep: np.ndarray, usual: int) -> None:
    """Set aside the last rows where they hold a single text in a table of many columns."""
    for at in range(len(sheet) - 1, max(-1, len(sheet) - 31), -1):
        if not keep[at]:
            continue
        cells = _cells(sheet, at)
        if usual < 4 or _filled(cells) > 1 or not (keep[:at].any()):
            return
        _aside(sheet, keep, at, cells, total=False)


def _fill_down(sheet: Sheet, label: str) -> None:
    """Give the rows of a group the label that stands in its first row alone."""
    cells = sheet.cells[label]
    empty = values.is_empty(cells).to_numpy(zero_copy_only=False)
    n = int(empty.sum())
    if not n or empty[0]:
        return
    source = np.maximum.accumulate(np.where(empty, 0, np.arange(len(empty))))
    sheet.cells[label] = pa.DictionaryArray.from_arrays(cells.indices.take(pa.array(source)), cells.dictionary)
    sheet.notes.append(f"{label!r} is given once a group; {n:,} rows below take it over")
