"""A company of three deals, small enough to check by hand; the examples in the docstrings use it."""

from __future__ import annotations

import pandas as pd

from salesloop.schema import TABLES

_NUMPY = {"date": "datetime64[us]", "time": "datetime64[us]", "money": "float64", "rate": "float64",
          "number": "float64", "count": "float64"}  # fmt: skip


def canonical(name: str, rows: dict[str, list]) -> pd.DataFrame:
    """Return a canonical table with all its columns from the columns given."""
    frame = pd.DataFrame(rows)
    for column in TABLES[name].columns.values():
        if column.name not in frame:
            frame[column.name] = None
        frame[column.name] = frame[column.name].astype(_NUMPY.get(column.type, "object"))
    return frame


def deals() -> pd.DataFrame:
    """Return one deal won on 20 October 2026, one that stands still, one that was just begun."""
    made = canonical("opportunities", {
        "opportunity_id": ["D1", "D2", "D3"], "name": ["Pumps", "Valves", "Pipes"], "owner_id": ["r1", "r1", "r2"],
        "account_id": ["A1", "A2", "A3"], "status": ["won", "open", "open"], "stage": ["Won", "Offer", "Visit"],
        "pipeline": ["main"] * 3, "amount": [100.0, 250.0, 50.0],
        "expected_close": ["2026-10-20", "2026-09-30", "2026-12-01"], "closed_on": ["2026-10-20", None, None],
        "created_at": ["2026-08-01", "2026-07-01", "2026-09-15"], "next_step": [None, None, "call"],
        "stage_entered_at": ["2026-10-20", "2026-08-01", "2026-09-15"],
    })  # fmt: skip
    return made.assign(rep=["Ann", "Ann", "Bo"], team="A", region="N", manager="Max")


def activities() -> pd.DataFrame:
    """Return one call on the deal that was just begun."""
    return canonical("activities", {
        "activity_id": ["c1"], "type": ["call"], "status": ["done"], "owner_id": ["r2"], "opportunity_id": ["D3"],
        "account_id": ["A3"], "planned_at": ["2026-10-05"], "done_at": ["2026-10-05 10:00"],
        "created_at": ["2026-10-01"],
    })  # fmt: skip
