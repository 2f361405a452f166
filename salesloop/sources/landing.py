"""What the door hands to the store: typed rows of canonical tables, rejected rows with their reasons, and a report."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

ORIGIN = {"source": pa.string(), "source_file": pa.string(), "source_row": pa.int64(), "known_at": pa.timestamp("us"),
          "extra": pa.string()}  # fmt: skip
"""The columns that every landed table carries beside its canonical ones: the kind of source (``zoho``, ``fxiaoke``,
``file``, ``plan``, ``derived``), the file's name and the row in it (1 is the first row below the header), when the
source says that this state of the row became known (UTC, null where it does not say), and the unknown columns as a JSON
object of texts."""

REJECT_COLUMNS = ("file", "row", "table", "rule", "severity", "column", "found", "record")
"""Columns of the rejects: ``severity`` is quarantine (the row was left out) or warn (the row was kept); ``found`` says
what kind of thing was found and never quotes a customer's data; ``record`` is the whole row as JSON."""


@dataclass
class FileReport:
    """What became of one file (or of one sheet of a workbook).

    Attributes
    ----------
    file, sheet, table, profile, encoding
        What was read, as which canonical table (None: set aside), by which profile, in which encoding.
    read, kept, rejected : int
        Rows; read = kept + rejected, always.
    by_rule : dict of str to int
        Rejected rows and warnings by rule.
    unknown : list of str
        Columns kept aside.
    notes : list of str
        What was detected, assumed or repaired, a sentence each.
    source_total : str, optional
        The sum of the main amount column as the source states it, as exact decimal text.
    complete : bool
        Whether the mapping calls the export complete, so that a missing id is a deletion.
    """

    file: str
    table: str | None = None
    sheet: str = ""
    profile: str = ""
    encoding: str = ""
    read: int = 0
    kept: int = 0
    rejected: int = 0
    by_rule: dict[str, int] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    source_total: str | None = None
    complete: bool = False


@dataclass
class Landing:
    """One import, typed and not stored yet.

    Attributes
    ----------
    tables : dict of str to pyarrow.Table
        Canonical tables: every column of `salesloop.schema.TABLES` that the source fills, as decimal128(18, 2), date32,
        timestamp[us] (UTC), string, float64, int64 or bool, and the columns of `ORIGIN`.
    rejects : pyarrow.Table
        With `REJECT_COLUMNS`.
    files : list of FileReport
        A report a file, files set aside included.
    as_of : date, optional
        The day of the export: ``AS_OF=``, else the date in the files' names; None where neither says it.
    assumptions : list of str
        What the mapping assumed without asking, because no doubt changes a number.
    mapping : dict
        The mapping that was used, to be kept with the import.
    currency : str, optional
        The one currency that the amounts bear by sign or column; None where none or several do. A new unit's currency
        is best taken from it.
    """

    tables: dict[str, pa.Table]
    rejects: pa.Table
    files: list[FileReport]
    as_of: dt.date | None = None
    assumptions: list[str] = field(default_factory=list)
    mapping: dict[str, Any] = field(default_factory=dict)
    currency: str | None = None
