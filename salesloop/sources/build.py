"""Frames → canonical Arrow tables, with every row kept or rejected under a rule."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from salesloop.params import UnitConfig
from salesloop.schema import TABLES
from salesloop.sources import frame as frames
from salesloop.sources import guess, labels, repeats, shape, values
from salesloop.sources.frame import Frame
from salesloop.sources.landing import ORIGIN, REJECT_COLUMNS, FileReport
from salesloop.sources.mapping import FileMapping
from salesloop.sources.read import day_in_name
from salesloop.sources.sheet import Sheet

_SOURCES = {"zoho report": "zoho"}
_INNER = ("_frame", "_at", "_content")
REJECT_TYPES = {name: pa.int64() if name == "row" else pa.string() for name in REJECT_COLUMNS}


@dataclass
class Built:
    """All sheets of an import on their way to the landing.

    Attributes
    ----------
    tables : dict of str to pyarrow.Table
        Canonical columns, `ORIGIN`, and helping columns that begin with ``_``.
    frames : list of Frame
        Where the rows come from, for the records of rejects.
    rejects : list of pyarrow.Table
        Rejects so far.
    assumptions : list of str
        What was assumed while building.
    """

    tables: dict[str, pa.Table] = field(default_factory=dict)
    frames: list[Frame] = field(default_factory=list)
    rejects: list[pa.Table] = field(default_factory=list)
    assumptions: list[str] = field(default_factory=list)

    def reject(self, index: int, at: np.ndarray, rule: str, severity: str, column: str, found: str) -> None:
        """Add rows of a frame to the rejects, and to its file's report."""
        made = self.frames[index]
        report, table = made.report, made.entry.table
        n = len(at)
        report.by_rule[rule] = report.by_rule.get(rule, 0) + n
        if severity == "quarantine":
            report.rejected += n
        at = at[:MOST_RECORDS] if severity == "warn" else at
        self.rejects.append(_reject_table(
            n=len(at), file=report.file, row=pa.array(made.sheet.rows[at], pa.int64()), table=table, rule=rule,
            severity=severity, column=column, found=found, record=frames.as_json(made.sheet, made.sheet.labels, at),
        ))  # fmt: skip

    def warn_rows(self, name: str, mask: np.ndarray, rule: str, column: str, found: str) -> None:
        """Note rows of a table that are kept under a warning."""
        self._each(name, mask, rule, "warn", column, found)

    def _each(self, name: str, mask: np.ndarray, rule: str, severity: str, column: str, found: str) -> None:
        table = self.tables[name]
        index, at = (table.column(part).to_numpy()[mask] for part in ("_frame", "_at"))
        for one in np.unique(index[index >= 0]):
            self.reject(int(one), at[index == one], rule, severity, column, found)


MOST_RECORDS = frames.MOST_RECORDS


def _reject_table(*, n: int, **columns: object) -> pa.Table:
    made = {}
    for name in REJECT_COLUMNS:
        value = columns[name]
        is_array = isinstance(value, (pa.Array, pa.ChunkedArray))
        made[name] = value if is_array else pa.repeat(pa.scalar(value, REJECT_TYPES[name]), n)
    return pa.table(made).cast(pa.schema([(name, REJECT_TYPES[name]) for name in REJECT_COLUMNS]))


def build(jobs: list[tuple[Sheet, FileMapping, FileReport]], config: UnitConfig) -> Built:
    """Return the canonical tables of some sheets; rows of the same table from several files are put together.

    Parameters
    ----------
    jobs : list of (Sheet, FileMapping, FileReport)
        Sheets with their complete mapping; reports are filled in place.
    config : UnitConfig
        Currency and time zone where the source has none.
    """
    built = Built()
    parts: dict[str, list[pa.Table]] = {}
    for sheet, entry, report in jobs:
        made = shape.shape(frames.typed(sheet, entry, config, report))
        index = len(built.frames)
        built.frames.append(made)
        _identify(made)
        _required(made)
        report.read, report.unknown = sheet.read, unknown_labels(sheet, entry)
        _source_total(made)
        _bad_rows(built, index)
        shape.unpivot(made)
        parts.setdefault(made.table.name, []).append(_arrow(made, index))
        for issue in made.issues:
            built.reject(index, np.flatnonzero(issue.rows), issue.rule, issue.severity, issue.column, issue.found)
    for name, tables in parts.items():
        built.tables[name] = pa.concat_tables(tables, promote_options="permissive").combine_chunks()
        repeats.settle(built, name)
    return built


def _identify(made: Frame) -> None:
    """Fill the key of a table with one key column from what the mapping names."""
    table, entry, sheet = made.table, made.entry, made.sheet
    if len(table.key) != 1:
        return
    own, names = table.key[0], [label for label in entry.key if label in sheet.cells]
    if not names:
        if made.has(own) and table.columns[own].required:
            return
        made.columns[own] = _by_content(made)
        return
    if names == [entry.columns.get(own)]:
        numbered_apart = table.name == "activities" and entry.profile == "file" and "type" in entry.constants
        if numbered_apart:
            made.columns[own] = pc.binary_join_element_wise(entry.constants["type"], made.get(own), ":")
        if not table.columns[own].required and made.get(own).null_count:
            made.columns[own] = pc.coalesce(made.get(own), _by_content(made))
        return
    parts = [values.by_unique(sheet.cells[name], values.identifier) for name in names]
    natural = [entry.columns.get("name"), entry.columns.get("product")]
    if len(names) == 1:
        borrowed = names[0] not in natural
        made.columns[own] = pc.binary_join_element_wise(names[0], parts[0], ":") if borrowed else parts[0]
    else:
        empty = pc.and_(pc.is_null(parts[0]), pc.is_null(parts[-1]))
        joined = pc.binary_join_element_wise(*parts, "|", null_handling="replace", null_replacement="")
        made.columns[own] = pc.if_else(empty, pa.scalar(None, pa.string()), joined)


def _by_content(made: Frame) -> pa.Array:
    hashed = made.sheet.content()
    ids = frames.hex_ids(hashed)
    if made.entry.repeats == "drop":
        return ids
    times = pd.Series(hashed).groupby(hashed).cumcount().to_numpy()
    if not times.any():
        return ids
    ending = pc.if_else(
        pa.array(times == 0), "", pc.binary_join_element_wise("-", pa.array(times + 1).cast(pa.string()), "")
    )
    n = int((times > 0).sum())
    made.report.notes.append(f"{n:,} rows are equal to another row in every column; without an id each is kept")
    return pc.binary_join_element_wise(ids, ending, "")


def _required(made: Frame) -> None:
    for name, column in made.table.columns.items():
        if not column.required or (name in ("amount", "period") and made.entry.months):
            continue
        rule = "missing_id" if column.type == "id" else f"missing_{name}"
        if name in ("opportunity_id",) and made.has("_deal"):
            continue
        label = made.entry.columns.get(name, name)
        made.flag(rule, pc.is_null(made.get(name)), "an empty cell where one is needed", column=label, quarantine=True)


def unknown_labels(sheet: Sheet, entry: FileMapping) -> list[str]:
    """Return the labels that are no canonical or helping column."""
    used = {*entry.columns.values(), *entry.months, *entry.entered, *entry.left, *entry.stayed}
    return [label for label in sheet.labels if label not in used and labels.key(label) != "knownat"]


def _source_total(made: Frame) -> None:
    if made.table.name not in ("opportunities", "orders", "order_lines", "payments") or not made.has("amount"):
        return
    total = pc.sum(made.get("amount").cast(pa.decimal128(38, 2))).as_py()
    made.report.source_total = f"{total:f}" if total is not None else None
    stated = made.sheet.stated.get(made.entry.columns.get("amount", ""))
    if stated:
        label = made.entry.columns["amount"]
        found = values.numbers(
            pa.array([stated]), chinese=made.sheet.chinese, shift=made.entry.units.get(label, 0),
            decimal="," if made.entry.decimal == "," else ".",
        )  # fmt: skip
        said = values.money(found.value)[0].as_py()
        if said is not None:
            made.report.source_total = f"{said:f}"
            same = said == total
            made.report.notes.append(
                "the file's own total agrees" if same else "the file's own total differs from the sum of its rows"
            )


def _bad_rows(built: Built, index: int) -> None:
    made = built.frames[index]
    for row, rule, found, record in made.sheet.bad:
        made.report.by_rule[rule] = made.report.by_rule.get(rule, 0) + 1
        made.report.rejected += 1
        built.rejects.append(_reject_table(
            n=1, file=made.report.file, row=pa.array([row]), table=made.entry.table, rule=rule, severity="quarantine",
            column="", found=found, record=pa.array([record]),
        ))  # fmt: skip


def _arrow(made: Frame, index: int) -> pa.Table:
    """Return the rows that are not quarantined, with where they come from."""
    sheet, table = made.sheet, made.table
    at = made.columns.pop("_row").to_numpy() if "_row" in made.columns else np.flatnonzero(~made.out)
    whole = len(at) == len(sheet) and not made.entry.months
    pick = lambda column: column if whole or len(column) == len(at) != len(sheet) else column.take(pa.array(at))  # noqa: E731
    columns: dict[str, pa.Array] = {}
    for name, column in made.columns.items():
        kind = frames.ARROW[table.columns[name].type] if name in table.columns else None
        taken = column if made.entry.months else pick(column)
        columns[name] = taken.cast(kind) if kind is not None and taken.type != kind else taken
    n = len(at)
    columns["source"] = pa.repeat(_SOURCES.get(made.entry.profile, made.entry.profile), n)
    columns["source_file"] = pa.repeat(made.report.file, n)
    columns["source_row"] = pa.array(sheet.rows[at], pa.int64())
    columns.setdefault("known_at", pa.nulls(n, pa.timestamp("us")))
    columns["extra"] = frames.as_json(sheet, extra_labels(sheet, made.entry), at)
    columns["_frame"], columns["_at"] = pa.repeat(index, n), pa.array(at, pa.int64())
    columns["_content"] = pa.array(sheet.content()[at])
    columns["_day"] = pa.repeat(pa.scalar(_day_of(made), pa.date32()), n)
    return pa.table(columns)


def _day_of(made: Frame) -> dt.date | None:
    """Return the day a file bears; a plan file that people brought comes after the one that approvals write."""
    named = day_in_name(made.report.file)
    if named is None and made.entry.profile == "plan" and made.report.file.casefold() != f"{made.table.name}.csv":
        return dt.date(1970, 1, 1)
    return named


def extra_labels(sheet: Sheet, entry: FileMapping) -> list[str]:
    """Return the labels whose texts no canonical column keeps: unknown ones, helping ones, words without a meaning."""
    table = TABLES[str(entry.table)]
    stored = {label for column, label in entry.columns.items() if column in table.columns
              and None not in entry.values.get(column, {}).values()}  # fmt: skip
    return [
        label
        for label in sheet.labels
        if label not in stored
        and label not in entry.months
        and label not in entry.entered
        and labels.key(label) != "knownat"
    ]


def finish(built: Built) -> tuple[dict[str, pa.Table], pa.Table]:
    """Return the tables in the landing's form, and the rejects, both in the order of files and rows."""
    done = {}
    for name, table in built.tables.items():
        if not table.num_rows:
            continue
        have = [column for column in TABLES[name].columns if column in table.column_names or column in TABLES[name].key]
        columns = {column: _final(table, column, frames.ARROW[TABLES[name].columns[column].type]) for column in have}
        columns |= {column: _final(table, column, kind) for column, kind in ORIGIN.items()}
        done[name] = pa.table(columns)
    for made in built.frames:
        made.report.kept = made.report.read - made.report.rejected
    empty = pa.schema([(name, REJECT_TYPES[name]) for name in REJECT_COLUMNS]).empty_table()
    return {name: done[name] for name in TABLES if name in done}, pa.concat_tables(
        [empty, *built.rejects]
    ).combine_chunks()


def _final(table: pa.Table, column: str, kind: pa.DataType) -> pa.ChunkedArray | pa.Array:
    if column not in table.column_names:
        return pa.nulls(table.num_rows, kind)
    return table.column(column).cast(kind)


def span(made: Frame) -> tuple[dt.date, dt.date] | None:
    """Return the first and last day of a frame's dated facts."""
    found = []
    for column in ("created_at", "closed_on", "at", "ordered_on", "paid_on", "date", "done_at", "said_at"):
        if made.has(column) and guess.type_of(made.table, column) in ("date", "time"):
            day = column in made.table.columns and made.table.columns[column].type == "date"
            ends = pc.min_max(made.get(column) if day else made.local_days(column)).as_py()
            found += [end for end in (ends["min"], ends["max"]) if end is not None]
    return (min(found), max(found)) if found else None
