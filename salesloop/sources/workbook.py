"""Workbooks and Parquet files → sheets of texts, from raw cells, so that damaged ids are seen."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from salesloop.errors import DataError
from salesloop.sources import header, markup, tails
from salesloop.sources.sheet import Sheet, from_arrays

EXACT = 2**53
_CAPS = (65_535, 1_048_575)


def read_workbook(
    data: bytes, name: str, *, header_row: int | None = None, known: frozenset[str] | None = None
) -> list[Sheet]:
    """Return the sheets of a workbook (XLSX, XLS, ODS), one table each.

    Parameters
    ----------
    data : bytes
        The file's content.
    name : str
        The file's name.
    header_row : int, optional
        The header's row, counted from 1, by the mapping.
    known : frozenset of str, optional
        Known labels, by which a header is told from a title.

    Raises
    ------
    DataError
        The file is no workbook, or is cut off.
    """
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        metas = [meta for meta in book.sheets_metadata if meta.typ == SheetTypeEnum.WorkSheet]
        pages = [(meta, _cells(book.get_sheet_by_name(meta.name))) for meta in metas]
    except (CalamineError, zipfile.BadZipFile, ValueError, OSError):
        raise DataError(
            f"file {name}", found="a workbook that cannot be opened (cut off, encrypted or damaged)",
            allowed="a complete XLSX file", next_step="copy or export the file again",
        ) from None  # fmt: skip
    since, hidden = _since_1904(data), _hidden_rows(data)
    made = []
    for meta, rows in pages:
        sheet = _sheet(name, meta.name if len(pages) > 1 else "", rows, header_row, known)
        sheet.hidden, sheet.since_1904 = meta.visible != SheetVisibleEnum.Visible, since
        if hidden and len(sheet):
            sheet.notes.append(f"the workbook hides {hidden:,} rows (by a filter?); they are read as well")
        if since:
            sheet.notes.append("the workbook counts its days from 1904")
        made.append(sheet)
    return made


def read_markup(
    data: bytes, name: str, *, header_row: int | None = None, known: frozenset[str] | None = None
) -> list[Sheet]:
    """Return the tables of an HTML page or XML text that bears a workbook's ending, each a sheet.

    Parameters
    ----------
    data : bytes
        The file's content.
    name : str
        The file's name.
    header_row, known : optional
        As for `read_workbook`.

    Raises
    ------
    DataError
        It holds no table.
    """
    found = [table for table in markup.rows(data, name) if len(table) > 1]
    if not found:
        raise DataError(
            f"file {name}", found="a page without a table", allowed="a table as CSV, XLSX or Parquet",
            next_step="export the table again",
        )  # fmt: skip
    made = []
    for number, rows in enumerate(found, 1):
        width = max(map(len, rows))
        padded = [[*row, *[""] * (width - len(row))] for row in rows]
        sheet = _sheet(name, f"table {number}" if len(found) > 1 else "", padded, header_row, known)
        sheet.encoding = "html" if sheet.kind == "xlsx" else sheet.encoding
        made.append(sheet)
    return made


def _cells(page: CalamineSheet) -> list[list[Any]]:
    """Return a sheet's raw cells; cells merged downward all hold what the first of them shows."""
    rows = page.to_python(skip_empty_area=False)
    for (top, left), (bottom, _) in page.merged_cell_ranges or ():
        for at in range(top + 1, min(bottom, len(rows) - 1) + 1):
            rows[at][left] = rows[top][left]
    return rows


def _since_1904(data: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            return bool(re.search(rb'date1904="(1|true)"', parts.read("xl/workbook.xml")))
    except (zipfile.BadZipFile, KeyError, ValueError):
        return False


def _hidden_rows(data: bytes) -> int:
    """Return how many rows the sheets of a workbook hide."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            pages = [name for name in parts.namelist() if re.match(r"xl/worksheets/[^/]+\.xml$", name)]
            return sum(len(re.findall(rb'<row [^>]*hidden="(?:1|true)"', parts.read(name))) for name in pages)
    except (zipfile.BadZipFile, KeyError, ValueError):
        return 0


def _sheet(name: str, page: str, rows: list[list[Any]], header_row: int | None, known: frozenset[str] | None) -> Sheet:
    sheet = Sheet(name, page, kind="xlsx")
    if not any(cell not in ("", None) for row in rows for cell in row):
        sheet.problem = "empty"
        return sheet
    head = [[_text(cell) for cell in row] for row in rows[:60]]
    at = header_row - 1 if header_row else header.find(head, known)
    if at is None or at >= len(rows):
        sheet.problem = "no header"
        return sheet
    if at:
        sheet.titles = header.titles(head[:at])
        sheet.notes.append(f"{at} {'row' if at == 1 else 'rows'} above the header left out")
    body = rows[at + 1 :]
    labels = [_text(cell) for cell in rows[at]]
    columns = [_column(sheet, i, [row[i] for row in body]) for i in range(len(labels))]
    if len(body) in _CAPS:
        sheet.notes.append(f"{len(body)} rows is all that such a sheet can hold; the export may be cut")
    return tails.tidied(from_arrays(sheet, labels, columns))


def _column(sheet: Sheet, at: int, cells: list[Any]) -> pa.Array:
    damaged = np.array([isinstance(cell, float) and abs(cell) >= EXACT for cell in cells], bool)
    if damaged.any():
        sheet.damaged[str(at + 1)] = damaged
    return pa.array([_text(cell) for cell in cells], pa.string())


def _text(cell: Any) -> str:
    """Return a cell as the text that a person sees in it."""
    if isinstance(cell, str):
        return cell
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e18 else f"{cell:.15g}"
    if isinstance(cell, dt.datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, dt.timedelta):
        return str(cell)
    return str(cell)


def read_parquet(data: bytes, name: str) -> Sheet:
    """Return a Parquet file as a sheet; ids kept as doubles past 2^53 are marked as damaged."""
    try:
        table = pq.read_table(pa.BufferReader(data))
    except (pa.ArrowInvalid, OSError):
        raise DataError(
            f"file {name}",
            found="a Parquet file that cannot be opened",
            allowed="a complete file",
            next_step="copy or export the file again",
        ) from None
    sheet = Sheet(name, kind="parquet", encoding="parquet")
    columns = []
    for at, column in enumerate(table.columns, 1):
        values = column.combine_chunks()
        values = pa.concat_arrays(values.chunks) if isinstance(values, pa.ChunkedArray) else values
        if pa.types.is_floating(values.type):
            large = pc.fill_null(pc.greater_equal(pc.abs(values), float(EXACT)), False).to_numpy(zero_copy_only=False)
            if large.any():
                sheet.damaged[str(at)] = large
        columns.append(_as_text(values))
    return from_arrays(sheet, list(table.column_names), columns)


def _as_text(values: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_timestamp(values.type) and values.type.tz:
        utc = values.cast(pa.timestamp("us", "UTC"))
        return pc.strftime(utc, format="%Y-%m-%dT%H:%M:%SZ")
    if pa.types.is_nested(values.type) or pa.types.is_binary(values.type):
        return pa.array([None if cell is None else str(cell) for cell in values.to_pylist()], pa.string())
    if pa.types.is_floating(values.type):
        whole = pc.and_(pc.equal(pc.floor(values), values), pc.less(pc.abs(values), 1e15))
        if pc.all(pc.fill_null(whole, True)).as_py():
            return values.cast(pa.int64(), safe=False).cast(pa.string())
    return values.cast(pa.string())
