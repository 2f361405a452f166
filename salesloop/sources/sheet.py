"""A table of texts as it stands in a file, before anything is known about its meaning."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from salesloop.sources import labels, values

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass
class Sheet:
    """One table of texts: a delimited file, one sheet of a workbook, or a Parquet file.

    Attributes
    ----------
    file, sheet : str
        The file's name and, in a workbook of several sheets, the sheet's.
    labels : list of str
        The header's cells, made unique; columns without label and content are gone.
    cells : dict of str to DictionaryArray
        Trimmed texts without guards against formulas; an empty cell is "".
    rows : ndarray of int64
        Where each row stood: 1 is the first row below the header.
    damaged : dict of str to ndarray of bool
        Cells of a column that a spreadsheet kept as a number too large to be exact.
    bad : list of (row, rule, found, record)
        Rows that could not be brought into columns, or that are totals or footers.
    stated : dict of str to str
        The totals that the file itself states, by label.
    titles : list of str
        The texts of the rows above the header.
    """

    file: str
    sheet: str = ""
    labels: list[str] = field(default_factory=list)
    cells: dict[str, pa.DictionaryArray] = field(default_factory=dict)
    rows: np.ndarray = field(default_factory=lambda: np.empty(0, "int64"))
    kind: str = "csv"
    encoding: str = ""
    notes: list[str] = field(default_factory=list)
    damaged: dict[str, np.ndarray] = field(default_factory=dict)
    bad: list[tuple[int, str, str, str]] = field(default_factory=list)
    stated: dict[str, str] = field(default_factory=dict)
    hidden: bool = False
    since_1904: bool = False
    titles: list[str] = field(default_factory=list)
    problem: str = ""
    counted: dict[str, int] = field(default_factory=dict, repr=False)
    hashed: np.ndarray | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def read(self) -> int:
        """Rows read, those that could not be brought into columns included."""
        return len(self.rows) + len(self.bad)

    @property
    def chinese(self) -> bool:
        """Whether the labels are Chinese, so that ``w`` means 万 and ``k`` is no unit."""
        return any("\u3400" <= sign <= "\u9fff" for label in self.labels for sign in label)

    def uniques(self, label: str) -> list[str]:
        """Return the different texts of a column that are not empty, in order of appearance."""
        return [text for text in self.cells[label].dictionary.to_pylist() if text]

    def samples(self, label: str, most: int = 3) -> list[str]:
        """Return a few different texts of a column."""
        head = self.cells[label].dictionary.slice(0, 20).to_pylist()
        return [text for text in dict.fromkeys(head) if text][:most]

    def filled(self, label: str) -> int:
        """Return how many cells of a column hold something."""
        if label not in self.counted:
            self.counted[label] = len(self.rows) - int(pc.sum(values.is_empty(self.cells[label])).as_py() or 0)
        return self.counted[label]

    def content(self) -> np.ndarray:
        """Return a number a row that is the same for rows of equal labels and texts, in any file and column order."""
        if self.hashed is None:
            self.hashed = np.zeros(len(self), "uint64")
            for label, cells in self.cells.items():
                texts = cells.dictionary.to_numpy(zero_copy_only=False).astype(object)
                if len(texts):
                    seed = pd.util.hash_array(np.array([labels.key(label)], object))[0]
                    mixed = _mix(pd.util.hash_array(texts, categorize=False) ^ seed)
                    mixed[texts == ""] = 0
                    self.hashed += mixed[cells.indices.to_numpy(zero_copy_only=False)]
        return self.hashed

    def take(self, keep: np.ndarray) -> Sheet:
        """Return the sheet with only some of its rows."""
        where = pa.array(np.flatnonzero(keep))
        made = {label: _used(cells.take(where)) for label, cells in self.cells.items()}
        damaged = {label: mask[keep] for label, mask in self.damaged.items()}
        return Sheet(
            **{
                **self.__dict__,
                "cells": made,
                "rows": self.rows[keep],
                "damaged": damaged,
                "counted": {},
                "hashed": None,
            }
        )


def _used(cells: pa.DictionaryArray) -> pa.DictionaryArray:
    """Return a column whose different texts are those that its rows have."""
    at = cells.indices.to_numpy(zero_copy_only=False)
    there = np.zeros(len(cells.dictionary), bool)
    there[at] = True
    if there.all():
        return cells
    place = pa.array((np.cumsum(there) - 1)[at].astype("int32"))
    return pa.DictionaryArray.from_arrays(place, cells.dictionary.filter(pa.array(there)))


def _mix(x: np.ndarray) -> np.ndarray:
    x = x + _GOLDEN
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def from_arrays(sheet: Sheet, names: list[str], columns: list[pa.Array]) -> Sheet:
    """Fill a sheet with columns of texts: trim and unguard them, drop blank columns and rows, name doubled labels."""
    n = len(columns[0]) if columns else 0
    sheet.rows = sheet.rows if len(sheet.rows) == n else np.arange(1, n + 1)
    taken: set[str] = set()
    for at, (label, column) in enumerate(zip(names, columns), 1):
        cells = values.clean(column)
        name = " ".join(label.replace("\ufeff", "").split())
        empty = not any(cells.dictionary.to_pylist()) if len(cells.dictionary) < 3 else False
        if not name and empty:
            continue
        name = name or f"column {at}"
        while name in taken:
            name = _next_name(name)
            sheet.notes.append(f"column {at}: its label is there twice; it is called {name!r}")
        taken.add(name)
        sheet.labels.append(name)
        sheet.cells[name] = cells
        if str(at) in sheet.damaged:
            sheet.damaged[name] = sheet.damaged.pop(str(at))
    return _without_blank_rows(sheet)


def _next_name(name: str) -> str:
    stem, _, number = name.rpartition(" (")
    if stem and number[:-1].isdigit() and number.endswith(")"):
        return f"{stem} ({int(number[:-1]) + 1})"
    return f"{name} (2)"


def _without_blank_rows(sheet: Sheet) -> Sheet:
    blank = np.ones(len(sheet.rows), bool)
    for cells in sheet.cells.values():
        if not blank.any():
            return sheet
        blank &= values.is_empty(cells).to_numpy(zero_copy_only=False)
    return sheet.take(~blank) if blank.any() else sheet


def record(labels: list[str], cells: list[str]) -> str:
    """Return a row as a JSON object of texts."""
    names = [*labels, *(f"column {i + 1}" for i in range(len(labels), len(cells)))]
    return json.dumps({name: text for name, text in zip(names, cells) if text}, ensure_ascii=False)
