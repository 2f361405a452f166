"""A sheet on its way to a canonical table: typed columns of all rows, and what was found wrong with which row."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from salesloop.params import UnitConfig
from salesloop.schema import TABLES, Table
from salesloop.sources import guess, labels, moments, spans, values
from salesloop.sources.landing import FileReport
from salesloop.sources.mapping import FileMapping
from salesloop.sources.sheet import Sheet

ARROW = {"id": pa.string(), "text": pa.string(), "word": pa.string(), "date": pa.date32(), "time": pa.timestamp("us"),
         "money": values.MONEY, "rate": pa.float64(), "number": pa.float64(), "count": pa.int64(), "flag": pa.bool_()}  # fmt: skip
_SHARES_BY_SIGN = ("targets", "interventions", "market")
"""Plan tables whose numbers may be shares: 20% there is 0.2."""
PERIODS = {("targets", "period"), ("forecast_calls", "period"), ("assessments", "period"), ("market", "period"),
           ("fx_rates", "month")}  # fmt: skip
MOST_MONEY = 10**15
MOST_RECORDS = 10_000


@dataclass
class Issue:
    """Rows that break one rule: quarantine leaves them out, warn keeps them."""

    rule: str
    severity: str
    column: str
    rows: np.ndarray
    found: str


@dataclass
class Frame:
    """Typed columns of one sheet, its issues and its report.

    Attributes
    ----------
    columns : dict of str to pyarrow.Array
        Canonical and helping columns, one value a row.
    issues : list of Issue
        What was found; `rows` is a mask over the sheet's rows.
    out : ndarray of bool
        Rows that are quarantined already.
    """

    sheet: Sheet
    entry: FileMapping
    config: UnitConfig
    report: FileReport
    columns: dict[str, pa.Array] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)
    out: np.ndarray = field(default_factory=lambda: np.empty(0, bool))
    currencies: set[str] = field(default_factory=set)

    @property
    def table(self) -> Table:
        """The canonical table."""
        return TABLES[str(self.entry.table)]

    def __len__(self) -> int:
        return len(self.sheet)

    def flag(
        self, rule: str, rows: pa.Array | np.ndarray, found: str, *, column: str = "", quarantine: bool = False
    ) -> None:
        """Note rows that break a rule; a quarantined row is counted under its first rule alone."""
        mask = rows if isinstance(rows, np.ndarray) else pc.fill_null(rows, False).to_numpy(zero_copy_only=False)
        mask = mask & ~self.out
        told = (one for one in self.issues if (one.rule, one.column) == (rule, column))
        if not mask.any() or any(np.array_equal(one.rows, mask) for one in told):
            return
        if quarantine:
            self.out = self.out | mask
        self.issues.append(Issue(rule, "quarantine" if quarantine else "warn", column, mask, found))

    def get(self, column: str) -> pa.Array:
        """Return a column, nulls where the source does not fill it."""
        if column in self.columns:
            return self.columns[column]
        kind = ARROW[guess.type_of(self.table, column)]
        return pa.nulls(len(self), kind)

    def label(self, column: str) -> str:
        """Return the label under which a column stands in the file."""
        return self.entry.columns.get(column, column)

    def local_days(self, column: str) -> pa.Array:
        """Return the local days of a column of UTC times."""
        zone = self.entry.zone or self.config.time_zone
        local = self.get(column).cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us", zone))
        return pc.local_timestamp(local).cast(pa.date32(), safe=False)

    def has(self, *columns: str) -> bool:
        """Return whether the source fills all of some columns."""
        return all(column in self.columns for column in columns)


def typed(sheet: Sheet, entry: FileMapping, config: UnitConfig, report: FileReport) -> Frame:
    """Return a sheet's mapped columns with their types; texts that are no value of their type are flagged."""
    frame = Frame(sheet, entry, config, report, out=np.zeros(len(sheet), bool))
    for column, label in entry.columns.items():
        if label in sheet.cells:
            frame.columns[column] = _column(frame, column, label)
    for column, text in entry.constants.items():
        frame.columns[column] = pa.repeat(pa.scalar(text, pa.string()), len(sheet))
    return frame


def _column(frame: Frame, column: str, label: str) -> pa.Array:
    cells, kind = frame.sheet.cells[label], guess.type_of(frame.table, column)
    if (frame.table.name, column) in PERIODS:
        return _periods(frame, column, label)
    if column in frame.entry.values:
        return _words(frame, column, label)
    if kind in ("text", "word", "id"):
        return _texts(frame, column, label, kind)
    if kind == "flag":
        made = values.by_unique(cells, values.flag)
        if column.startswith("_"):
            return made
        _tell_bad(frame, column, label, pc.and_(pc.is_null(made), pc.invert(_nulls(cells))), "no yes or no")
        return made
    if kind in ("date", "time"):
        return _moments(frame, column, label, kind)
    return _numbers(frame, column, label, kind)


def _nulls(cells: pa.DictionaryArray) -> pa.Array:
    return values.by_unique(cells, values.is_null)


def _texts(frame: Frame, column: str, label: str, kind: str) -> pa.Array:
    cells = frame.sheet.cells[label]
    long = values.by_unique(cells, lambda texts: pc.greater(pc.utf8_length(texts), values.MOST_LETTERS))
    frame.flag("too_long", long, f"a text of more than {values.MOST_LETTERS:,} characters, cut", column=label)
    if kind != "id":
        return values.by_unique(cells, values.text)
    made = values.by_unique(cells, values.identifier)
    if label in frame.sheet.damaged:
        bad = frame.sheet.damaged[label]
        frame.flag("damaged_id", bad, "an id that a spreadsheet keeps as an inexact number", column=label)
        made = pc.if_else(pa.array(bad), pa.scalar(None, pa.string()), made)
    if column not in frame.table.key:
        made = pc.if_else(pc.is_in(made, value_set=pa.array(["0"])), pa.scalar(None, pa.string()), made)
    return made


def _words(frame: Frame, column: str, label: str) -> pa.Array:
    cells, known = frame.sheet.cells[label], frame.entry.values[column]
    at = pc.index_in(cells.dictionary, value_set=pa.array(list(known), pa.string()))
    made = pa.array(list(known.values()), pa.string()).take(at).take(cells.indices)
    unknown = pc.and_(
        pc.is_null(made), pc.invert(values.by_unique(cells, lambda texts: values.is_null(texts, values.TEXT_NULLS)))
    )
    found = "a word that the mapping gives no meaning"
    frame.flag("unknown_word", unknown, found, column=label, quarantine=frame.table.plan)
    return made


def _periods(frame: Frame, column: str, label: str) -> pa.Array:
    cells = frame.sheet.cells[label]
    long = frame.table.name in ("targets", "market")
    parsed = pa.array([spans.period(text, long=long) for text in cells.dictionary.to_pylist()], pa.string())
    made = parsed.take(cells.indices)
    _tell_bad(frame, column, label, pc.and_(pc.is_null(made), pc.invert(_nulls(cells))), "no month, quarter or year")
    return made


def _moments(frame: Frame, column: str, label: str, kind: str) -> pa.Array:
    cells, entry = frame.sheet.cells[label], frame.entry
    order = entry.dates.get(label, "dmy")
    found = moments.parse(cells.dictionary, order=order, since_1904=frame.sheet.since_1904, first=kind == "time")
    zone = entry.zone or frame.config.time_zone
    made = moments.to_dates(found, zone) if kind == "date" else moments.to_times(found, zone)
    at = cells.indices
    _tell_bad(frame, column, label, pc.invert(pa.array(found.ok)).take(at), "no date")
    return made.take(at)


def _numbers(frame: Frame, column: str, label: str, kind: str) -> pa.Array:
    cells, entry = frame.sheet.cells[label], frame.entry
    found = values.numbers(
        cells.dictionary, chinese=frame.sheet.chinese, shift=entry.units.get(label, 0),
        decimal="," if entry.decimal == "," else ".",
    )  # fmt: skip
    bad = pc.invert(found.ok)
    value = found.value
    if kind == "money":
        large = pc.fill_null(pc.greater(pc.cast(pc.abs(value), pa.float64()), float(MOST_MONEY)), False)
        bad, value = pc.or_(bad, large), pc.if_else(large, pa.scalar(None, value.type), value)
        made = values.money(value)
        signs = found.currency.take(cells.indices)
        if (
            column in ("amount", "list_price", "net_price", "_est_amount", "_won_amount")
            and "_sign" not in frame.columns
            and pc.any(pc.is_valid(signs)).as_py()
        ):
            frame.columns["_sign"] = signs
    elif kind == "rate":
        made = values.rate(found, hundred=entry.percent.get(label, False))
        bad = pc.or_(bad, pc.fill_null(pc.or_(pc.less(made, 0), pc.greater(made, 1)), False))
        made = pc.if_else(
            pc.and_(pc.greater_equal(made, 0), pc.less_equal(made, 1)), made, pa.scalar(None, pa.float64())
        )
    else:
        made = pc.cast(value, pa.float64())
        if frame.table.name in _SHARES_BY_SIGN:
            made = pc.if_else(pc.fill_null(found.percent, False), pc.divide(made, 100.0), made)
        if column == "minutes":
            made = pc.multiply(made, labels.minutes_of(label))
        made = pc.round(made).cast(pa.int64()) if kind == "count" else made
    what = "no share between 0 and 1" if kind == "rate" else "no number"
    _tell_bad(frame, column, label, bad.take(cells.indices), what)
    return made.take(cells.indices)


def _tell_bad(frame: Frame, column: str, label: str, bad: pa.Array, found: str, rule: str = "") -> None:
    required = column in frame.table.columns and frame.table.columns[column].required
    rule = rule or {"no date": "not_a_date", "no number": "not_a_number"}.get(found, "not_of_its_kind")
    frame.flag(rule, bad, found, column=label, quarantine=required)


def hex_ids(hashed: np.ndarray) -> pa.Array:
    """Return numbers as texts of 16 hexadecimal digits."""
    text = hashed.astype(">u8").tobytes().hex().encode()
    return pa.array(np.frombuffer(text, "S16")).cast(pa.string())


def as_json(sheet: Sheet, names: list[str], rows: np.ndarray | None = None) -> pa.Array:
    """Return columns as one JSON object of texts a row, empty cells left out; null where nothing is left."""
    n = len(sheet) if rows is None else len(rows)
    where = None if rows is None else pa.array(rows)
    parts = []
    for name in names:
        cells = sheet.cells[name]
        if not any(cells.dictionary.slice(0, 3).to_pylist()) and len(cells.dictionary) < 3:
            continue
        quoted = _quoted(cells.dictionary)
        pair = pc.binary_join_element_wise(json.dumps(name, ensure_ascii=False), quoted, ": ")
        pair = pc.if_else(pc.equal(cells.dictionary, ""), pa.scalar(None, pa.string()), pair)
        indices = cells.indices if where is None else cells.indices.take(where)
        parts.append(pair.take(indices))
    if not parts:
        return pa.nulls(n, pa.string())
    inner = values.joined(parts, ", ")
    return pc.binary_join_element_wise("{", inner, "}", "")


def _quoted(texts: pa.Array) -> pa.Array:
    if pc.any(pc.match_substring_regex(texts, r'["\\\x00-\x1f]')).as_py():
        texts = pc.replace_substring(pc.replace_substring(texts, "\\", "\\\\"), '"', '\\"')
        for sign, told in (("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
            texts = pc.replace_substring(texts, sign, told)
        texts = pc.replace_substring_regex(texts, r"[\x00-\x1f]", " ")
    return pc.binary_join_element_wise('"', texts, '"', "")
