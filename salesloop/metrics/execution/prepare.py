"""Everything the rules look at, made once from the frozen tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

import pandas as pd

from salesloop.metrics.execution import features

TABLES = ("accounts", "activities", "leads", "reps", "stage_events")


def prepared(
    deals: pd.DataFrame, table: Callable[[str], pd.DataFrame], *, as_of: dt.date,
    limits: Mapping[str, float] | None = None,
) -> dict[str, pd.DataFrame]:  # fmt: skip
    """Return the tables that hygiene rules are checked on.

    Parameters
    ----------
    deals : DataFrame
        ``Book.deals()``.
    table : callable
        ``Book.table``: a canonical table by name, empty where the unit has none.
    as_of : date
        The day of the check.
    limits : mapping of str to float, optional
        The stall limits in force.

    Returns
    -------
    dict of DataFrame
        ``deals``, ``accounts``, ``leads``, ``activities``; see `features`.
    """
    raw = {name: table(name) for name in TABLES}
    made = features.deal_features(
        deals, raw["stage_events"], raw["activities"], raw["reps"], as_of=as_of, limits=limits
    )
    return {
        "deals": made, "accounts": features.account_features(raw["accounts"], deals, raw["activities"], as_of=as_of),
        "leads": features.lead_features(raw["leads"], as_of=as_of),
        "activities": features.activity_features(raw["activities"], deals, as_of=as_of),
    }  # fmt: skip
