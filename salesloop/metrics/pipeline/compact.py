"""Deals, events and leads with no more than the model reads, their text as categories: for what is fitted many times."""

from __future__ import annotations

import pandas as pd

from salesloop.metrics.pipeline.coded import shared
from salesloop.metrics.pipeline.model import FEATURES, PEOPLE
from salesloop.metrics.pipeline.stays import ENDS, OPEN

COLUMNS = (
    "opportunity_id", "account_id", "lead_id", "status", "stage", "amount", "created_at", "closed_on", PEOPLE, *FEATURES,
)  # fmt: skip
"""All of a deal that the model and its draws read."""
_EVENTS = ("opportunity_id", "at", "from_stage", "to_stage", "amount", "probability", "expected_close")
_LEADS = ("lead_id", "created_at", "converted_at", "closed_at", "lead_source", "opportunity_id")
_SHARED = (
    ((0, "opportunity_id"), (1, "opportunity_id"), (2, "opportunity_id")), ((0, "lead_id"), (2, "lead_id")),
    ((0, "status"), (0, "stage"), (1, "from_stage"), (1, "to_stage")), ((0, "lead_source"), (2, "lead_source")),
    *(((0, name),) for name in ("account_id", PEOPLE, "type", "segment", "product", "sales_channel", "region")),
)  # fmt: skip
"""Columns of deals (0), events (1) and leads (2) that hold names of the same things."""


def slim(deals: pd.DataFrame) -> pd.DataFrame:
    """Return deals with no more columns than the model reads: what is fitted often is then quicker."""
    return deals[[name for name in COLUMNS if name in deals]]


def compact(
    deals: pd.DataFrame, events: pd.DataFrame, leads: pd.DataFrame | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame | None]:
    """Return deals, events and leads with no more columns than the model reads, text as categories that they share.

    What is fitted or drawn from them is the same, in a fraction of the time.
    """
    given = [slim(deals), events[[name for name in _EVENTS if name in events]]]
    given += [] if leads is None else [leads[[name for name in _LEADS if name in leads]]]
    columns = [dict(table.items()) for table in given]
    for same in _SHARED:
        found = [(at, name) for at, name in same if at < len(given) and name in columns[at]]
        names = (*ENDS, OPEN) if (0, "stage") in same else ()
        for (at, name), column in zip(found, shared([columns[at][name] for at, name in found], names), strict=True):
            columns[at][name] = column
    made = [pd.DataFrame(told, index=table.index) for told, table in zip(columns, given, strict=True)]
    return made[0], made[1], made[2] if leads is not None else None
