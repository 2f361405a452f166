"""Who is who: all reps the unit knows, since when, and what has to be said about them."""

from __future__ import annotations

import datetime as dt

import pandas as pd

NEW_MONTHS = 6


def everyone(reps: pd.DataFrame, names: dict[str, str], deals: pd.DataFrame, memberships: pd.DataFrame) -> list[str]:
    """Return the names of all reps: on the list of reps, in a team, or owner of a deal; sorted."""
    listed = set(names.values()) | set(deals["rep"].dropna())
    members = memberships[~memberships["rep_id"].isin(list(names))]
    return sorted(listed | set(members["rep"].dropna()))


def started(reps: pd.DataFrame, names: dict[str, str], deals: pd.DataFrame, memberships: pd.DataFrame) -> pd.Series:
    """Return each rep's first day: as listed, else the first membership; else unknown, for a first deal is no start.

    Returns
    -------
    Series
        First days by shown name.
    """
    listed = reps.drop_duplicates("rep_id").set_index("rep_id")["started_on"]
    member = memberships.groupby("rep_id")["from_on"].min()
    both = pd.concat([listed, member], axis=1).bfill(axis=1).iloc[:, 0] if len(listed) or len(member) else listed
    both = both.rename(index=names)
    return both[~both.index.duplicated()].dropna()


def marks(
    names: list[str], reps: pd.DataFrame, shown: dict[str, str], start: pd.Series, *, as_of: dt.date
) -> pd.DataFrame:
    """Return what has to be said about each rep before any number: new, part of the year only, left.

    Returns
    -------
    DataFrame
        ``rep``, ``started_on``, ``mark`` (new: under six months; part_period: began or left within the last twelve; left; or
        None), ``gone`` (whether the rep has left by that day).
    """
    day = pd.Timestamp(as_of)
    left = reps.drop_duplicates("rep_id").set_index("rep_id")["left_on"].rename(index=shown)
    left = left[~left.index.duplicated()]
    rows = []
    for name in names:
        first, last = start.get(name, pd.NaT), left.get(name, pd.NaT)
        gone = pd.notna(last) and last <= day
        mark = None
        if gone:
            mark = "part_period" if last > day - pd.DateOffset(months=12) else "left"
        elif pd.notna(first) and first > day - pd.DateOffset(months=NEW_MONTHS):
            mark = "new"
        elif pd.notna(first) and first > day - pd.DateOffset(months=12):
            mark = "part_period"
        rows.append((name, first, mark, bool(gone)))
    return pd.DataFrame(rows, columns=["rep", "started_on", "mark", "gone"]).astype({"started_on": "datetime64[us]"})
