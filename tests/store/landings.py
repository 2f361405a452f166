"""Small landings made by hand, and a unit to put them into."""

import datetime as dt
from decimal import Decimal

import pyarrow as pa

from salesloop.params import write_yaml
from salesloop.schema import TABLES
from salesloop.sources.landing import ORIGIN, REJECT_COLUMNS, FileReport, Landing

_ARROW = {
    "id": pa.string(), "text": pa.string(), "word": pa.string(), "date": pa.date32(), "time": pa.timestamp("us"),
    "money": pa.decimal128(18, 2), "rate": pa.float64(), "number": pa.float64(), "count": pa.int64(), "flag": pa.bool_(),
}  # fmt: skip


def unit(root, name="acme", **values):
    """Write a unit.yml under a root and return the unit's name."""
    write_yaml(root / "params" / name / "unit.yml", {"currency": "CNY", **values})
    return name


def table(name, rows):
    """Make an Arrow table of a canonical table from dicts; dates, times and money may be texts."""
    columns = list(dict.fromkeys(key for row in rows for key in row if key not in ORIGIN))
    made = {column: pa.array([_value(name, column, row.get(column)) for row in rows], _ARROW[TABLES[name].columns[column].type])
            for column in columns}  # fmt: skip
    made |= {"source": pa.array([row.get("source", "file") for row in rows]),
             "source_file": pa.array([row.get("source_file", f"{name}.csv") for row in rows]),
             "source_row": pa.array(range(1, len(rows) + 1), pa.int64()),
             "known_at": pa.array([_time(row.get("known_at")) for row in rows], pa.timestamp("us")),
             "extra": pa.array([row.get("extra") for row in rows], pa.string())}  # fmt: skip
    return pa.table(made)


def _time(value):
    return dt.datetime.fromisoformat(value) if isinstance(value, str) else value


def _value(name, column, value):
    kind = TABLES[name].columns[column].type
    if value is None:
        return None
    if kind == "date":
        return dt.date.fromisoformat(value)
    if kind == "time":
        return _time(value)
    return Decimal(str(value)) if kind == "money" else value


def landing(*, as_of=None, complete=(), **tables):
    """Return a landing of tables given as lists of dicts."""
    made = {name: table(name, rows) for name, rows in tables.items()}
    reports = [
        FileReport(file=f"{name}.csv", table=name, read=t.num_rows, kept=t.num_rows, complete=name in complete)
        for name, t in made.items()
    ]
    rejects = pa.table(
        {column: pa.array([], pa.int64() if column == "row" else pa.string()) for column in REJECT_COLUMNS}
    )
    return Landing(tables=made, rejects=rejects, files=reports, as_of=dt.date.fromisoformat(as_of) if as_of else None)


def deal(ident, status="open", amount=None, created="2026-09-01 02:00", **others):
    """Return a row of opportunities; midnight is far from 2:00 UTC, so that days are plain."""
    return {"opportunity_id": ident, "status": status, "amount": amount, "created_at": created,
            "stage": {"open": "Propose", "won": "Won", "lost": "Lost", "void": "Void"}[status], **others}  # fmt: skip
