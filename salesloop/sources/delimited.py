"""Delimited text → sheet: Arrow's reader for the many good rows, Python's for the few ragged ones."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from salesloop.errors import DataError
from salesloop.sources import decode, header, tails
from salesloop.sources.sheet import Sheet, from_arrays, record

_HEAD = 1 << 20
_BLOCK = 1 << 26
_MOST_RAGGED = 20_000


def read(
    data: bytes, name: str, *, encoding: str | None = None, delimiter: str | None = None,
    header_row: int | None = None, known: frozenset[str] | None = None,
) -> Sheet:  # fmt: skip
    """Return a delimited file as a sheet of texts.

    Parameters
    ----------
    data : bytes
        The file's content.
    name : str
        The file's name.
    encoding, delimiter, header_row : optional
        The mapping's word on them (`header_row` counts from 1).
    known : frozenset of str, optional
        Known labels, by which a header is told from a title.

    Raises
    ------
    DataError
        The file is no text, has no rows, or its quotes cannot be closed.
    """
    found = decode.decode(data, name, encoding)
    sheet = Sheet(name, kind="csv", encoding=found.encoding, notes=[found.note] if found.note else [])
    head = found.data[:_HEAD].decode("utf-8", "ignore")
    if not head.strip():
        sheet.problem = "empty"
        return sheet
    sign = delimiter or header.sniff(head)
    rows = header.records(head, sign)
    at = header_row - 1 if header_row else header.find(rows, known)
    if at is None or at >= len(rows):
        sheet.problem = "no header"
        return sheet
    labels = _labels(rows, at)
    skip = _lines_before(head, sign, at)
    if found.note and (shown := [label for label in labels if not label.isascii()][:3]):
        sheet.notes[0] += f" ({', '.join(shown)})"
    if at:
        sheet.titles = header.titles(rows[:at])
        sheet.notes.append(f"{at} {'row' if at == 1 else 'rows'} above the header left out")
    if sign != ",":
        sheet.notes.append(f"cells are separated by {'tabs' if sign == chr(9) else repr(sign)}")
    return _rows(sheet, _after_lines(found.data, skip), labels, sign)


def _rows(sheet: Sheet, data: bytes, labels: list[str], sign: str) -> Sheet:
    """Fill a sheet with the rows below the header; quotes that enclose no cell are taken as signs."""
    quotes: str | None = '"'
    table, ragged = _arrow(data, sheet.file, sign, labels)
    if _swallowed(table, ragged, sign):
        quotes = None
        table, ragged = _arrow(data, sheet.file, sign, labels, quotes=False)
        if len(ragged) > len(data.splitlines()) // 10:
            raise _broken(sheet.file, 0)
        sheet.notes.append("its quotes enclose no cells and are taken as they are")
    return _finish(sheet, labels, table, ragged, sign, quotes=quotes)


def _labels(rows: list[list[str]], at: int) -> list[str]:
    widths = [len(row) for row in rows[at + 1 :] if any(cell.strip() for cell in row)]
    labels = [cell.strip() for cell in rows[at]]
    while len(labels) > max(widths, default=1) and not labels[-1]:
        labels.pop()
    wider = [width for width in widths if width > len(labels)]
    usual = max(set(wider), key=wider.count) if 2 * len(wider) > len(widths) else 0
    return labels + [""] * max(0, usual - len(labels))


def _lines_before(head: str, sign: str, at: int) -> int:
    """Return how many lines of the file the rows up to the header take."""
    reader = csv.reader(io.StringIO(head, newline=""), delimiter=sign)
    for _ in range(at + 1):
        next(reader)
    return reader.line_num


def _arrow(
    data: bytes, name: str, sign: str, labels: list[str], *, quotes: bool = True
) -> tuple[pa.Table, list[tuple[int, str]]]:
    """Return the rows of the right width as a table, and the others as they stand, with their numbers."""
    names = [str(i) for i in range(len(labels))]
    ragged: list[tuple[int, str]] = []

    def aside(row: Any) -> str:
        if len(ragged) >= _MOST_RAGGED:
            return "error"
        ragged.append((row.number, row.text))
        return "skip"

    parsing = arrow_csv.ParseOptions(
        delimiter=sign, quote_char='"' if quotes else False, newlines_in_values=quotes, invalid_row_handler=aside
    )
    typing = arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
    block = max(1 << 16, min(len(data) + 1, _BLOCK))
    while True:
        ragged.clear()
        reading = arrow_csv.ReadOptions(use_threads=False, column_names=names, block_size=block)
        try:
            return arrow_csv.read_csv(io.BytesIO(data), reading, parsing, typing), ragged
        except pa.ArrowInvalid as error:
            if "Empty CSV" in str(error):
                return pa.table({at: pa.array([], pa.string()) for at in names}), []
            if block > len(data) or "straddl" not in str(error):
                raise _broken(name, len(ragged)) from None
            block = len(data) + 1


def _swallowed(table: pa.Table, ragged: list[tuple[int, str]], sign: str) -> bool:
    """Return whether a quote that encloses no cell has taken whole rows into a cell."""
    if any(text.count('"') % 2 for _, text in ragged):
        return True
    line = rf"\n[^\n]*(?:{re.escape(sign)}[^\n]*){{{max(1, table.num_columns - 1)},}}\n"
    inside = [text for _, text in ragged if text.count("\n") > 1]
    for column in table.columns:
        many = pc.greater(pc.count_substring(column, "\n"), 1)
        if pc.any(many).as_py():
            inside += column.filter(many).slice(0, 50).to_pylist()
    return any(re.search(line, text) for text in inside)


def _after_lines(data: bytes, lines: int) -> bytes:
    """Return what follows the first lines; a lone carriage return ends a line too."""
    position = 0
    for _ in range(lines):
        ends = [end for end in (data.find(b"\n", position), data.find(b"\r", position)) if end >= 0]
        if not ends:
            return b""
        position = min(ends) + 1
        if data[position - 1 : position + 1] == b"\r\n":
            position += 1
    return data[position:]


def _broken(name: str, ragged: int) -> DataError:
    many = ragged >= _MOST_RAGGED
    return DataError(
        f"file {name}", found="rows of too many different widths" if many else "quotes that are never closed",
        allowed="one table with a header", next_step="export the table again, or name `delimiter` in the mapping",
    )  # fmt: skip


def _finish(
    sheet: Sheet, labels: list[str], table: pa.Table, ragged: list[tuple[int, str]], sign: str, *, quotes: str | None
) -> Sheet:
    columns = [table.column(i).combine_chunks() for i in range(table.num_columns)]
    numbers = _row_numbers(table.num_rows, [number for number, _ in ragged])
    mended: list[tuple[int, list[str]]] = []
    short = 0
    for number, text in ragged:
        cells = _cells(text, sign, quotes)
        extra = [cell for cell in cells[len(labels) :] if cell.strip()]
        if header.is_footer(cells) or header.is_total(cells):
            sheet.bad.append((number, "total_row" if header.is_total(cells) else "footer", "a row below the table",
                              record(labels, cells)))  # fmt: skip
        elif extra:
            found = f"{len(cells)} cells where the header has {len(labels)}"
            sheet.bad.append((number, "ragged_row", found, record(labels, cells)))
        else:
            short += len(cells) < len(labels)
            mended.append((number, (cells + [""] * len(labels))[: len(labels)]))
    if short:
        sheet.notes.append(f"{short} rows with fewer cells than the header; the missing ones are taken as empty")
    if mended:
        columns, numbers = _insert(columns, numbers, mended)
    sheet.rows = numbers
    made = from_arrays(sheet, labels, columns)
    return tails.tidied(made)


def _cells(text: str, sign: str, quotes: str | None) -> list[str]:
    if quotes is None:
        return text.split(sign)
    return next(iter(csv.reader(io.StringIO(text, newline=""), delimiter=sign)), [])


def _row_numbers(n: int, taken: list[int]) -> np.ndarray:
    numbers = np.arange(1, n + len(taken) + 1)
    return np.delete(numbers, [at - 1 for at in taken if at - 1 < len(numbers)])[:n]


def _insert(columns: list[pa.Array], numbers: np.ndarray, mended: list[tuple[int, list[str]]]):
    rows = np.concatenate([numbers, [number for number, _ in mended]])
    order = pa.array(np.argsort(rows, kind="stable"))
    made = []
    for i, column in enumerate(columns):
        both = pa.concat_arrays([column, pa.array([cells[i] for _, cells in mended], pa.string())])
        made.append(both.take(order))
    return made, np.sort(rows, kind="stable")
