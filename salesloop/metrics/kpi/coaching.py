"""At most one coaching point a rep: the stage where deals are lost more than anyone would have lost them."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from salesloop.metrics.intervals import benjamini_hochberg
from salesloop.metrics.kpi import fair

COLUMNS = ("rep", "stage", "n", "raw", "expected", "index", "low", "high", "q_value")


def passages(deals: pd.DataFrame, events: pd.DataFrame, *, as_of: dt.date, months: int = fair.MONTHS) -> pd.DataFrame:
    """Return each stage that each deal left: whether it went on or was lost there.

    Parameters
    ----------
    deals, events : DataFrame
        ``Book.deals()`` and the stage events.
    as_of : date
        The last day; stages left in the 24 months before count. Deals still in a stage do not.

    Returns
    -------
    DataFrame
        The deals' columns with ``left_stage``, ``passed`` (1 went on, 0 was lost).
    """
    day = pd.Timestamp(as_of) + pd.Timedelta(days=1)
    start = (pd.Timestamp(as_of).to_period("M") - months + 1).start_time
    told = events[(events["at"] >= start) & (events["at"] < day) & events["from_stage"].notna()]
    told = told.sort_values(["opportunity_id", "at"], kind="stable").drop_duplicates(
        ["opportunity_id", "from_stage"], keep="last"
    )
    final = ~told["opportunity_id"].duplicated(keep="last")
    rows = told.assign(final=final)[["opportunity_id", "from_stage", "final"]].merge(deals, on="opportunity_id")
    rows = rows[rows["status"] != "void"]
    lost = rows["final"] & (rows["status"] == "lost")
    return rows.assign(left_stage=rows["from_stage"], passed=np.where(lost, 0.0, 1.0))[lambda r: r["rep"].notna()]


def conversions(deals: pd.DataFrame, events: pd.DataFrame, *, as_of: dt.date, started: pd.Series) -> pd.DataFrame:
    """Return each rep's conversion of each stage against what anyone would have converted, corrected for all looks.

    Returns
    -------
    DataFrame
        ``rep, stage, n, raw, expected, index, low, high, q_value``; stages with under 40 passages, or where nothing is
        ever lost, are left out.
    """
    if events.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    rows = fair.with_ramp(passages(deals, events, as_of=as_of), started)
    parts = []
    for stage, group in rows.groupby("left_stage", sort=True):
        group = group.reset_index(drop=True)
        if len(group) >= fair.LEAST_ALL and 0 < group["passed"].sum() < len(group) and group["rep"].nunique() > 1:
            fitted = fair.fit(group, outcome="passed")
            parts.append(fair.indexes(group, fitted, outcome="passed").assign(stage=stage))
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(parts, ignore_index=True)[[*COLUMNS, "p_value"]]


def points(found: pd.DataFrame) -> pd.DataFrame:
    """Return the one stage a rep, if any, where the interval lies wholly below what peers would have done.

    Parameters
    ----------
    found : DataFrame
        From `conversions`.

    Returns
    -------
    DataFrame
        The columns of `conversions`, at most one row a rep; empty where no difference can be told.
    """
    if found.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    told = found.assign(q_value=benjamini_hochberg(found["p_value"]))
    low = told[(told["q_value"] <= fair.LOOKS) & (told["high"] < 1)]
    low = low.sort_values(["q_value", "index"], kind="stable").drop_duplicates("rep")
    return low.sort_values("rep", kind="stable")[list(COLUMNS)].reset_index(drop=True)
