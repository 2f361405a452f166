"""What the data say about working together and caring for customers, beside what people say."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from salesloop.metrics import intervals
from salesloop.metrics.execution.moves import last_touch
from salesloop.metrics.kpi.winrates import ratio

COLUMNS = ("rep", "n_deals", "worked_by_several", "n_accounts", "contacts_per_account", "n_open", "days_since_touch",
           "n_kept", "retention", "retention_low", "retention_high")  # fmt: skip
_DAY = pd.Timedelta(days=1)


def proxies(
    deals: pd.DataFrame, activities: pd.DataFrame, contacts: pd.DataFrame, bought: pd.DataFrame, *, as_of: dt.date,
    everyone: list[str],
) -> pd.DataFrame:  # fmt: skip
    """Return, by rep, what hints at teamwork and customer relations: hints beside assessments, no score.

    Parameters
    ----------
    deals, activities, contacts : DataFrame
        ``Book.deals()`` and the canonical tables; the last two may be empty.
    bought : DataFrame
        From `retention.revenue`.
    as_of : date
        The last day; deals of the twelve months before count.
    everyone : list of str
        The reps, in order.

    Returns
    -------
    DataFrame
        ``n_deals`` of the year, ``worked_by_several`` (share of them with activities of two or more people),
        ``n_accounts``, ``contacts_per_account``, ``n_open`` and ``days_since_touch`` (median over open deals), ``n_kept``
        and ``retention`` with interval (GRR of the accounts whose last deal is the rep's). NaN where the data carry none.
    """
    day = pd.Timestamp(as_of)
    year = deals[(deals["created_at"] > day - 365 * _DAY) & deals["rep"].notna()]
    made = pd.DataFrame(index=pd.Index(everyone, name="rep"))
    made["n_deals"] = year.groupby("rep").size()
    made["worked_by_several"] = _several(year, activities)
    held = (
        deals.dropna(subset=["account_id", "rep"])
        .sort_values("created_at", kind="stable")
        .drop_duplicates("account_id", keep="last")
    )
    made["n_accounts"] = held.groupby("rep").size()
    if len(contacts) and contacts["account_id"].notna().any():
        per = contacts.groupby("account_id").size().reindex(held["account_id"]).fillna(0.0)
        made["contacts_per_account"] = per.groupby(held["rep"].to_numpy()).mean()
    live = deals[deals["status"] == "open"]
    touched = last_touch(live, activities, as_of=day)
    if touched.notna().any():
        days = (day - touched.fillna(live["created_at"]).dt.normalize()) / _DAY
        made["days_since_touch"] = days.groupby(live["rep"]).median()
    made["n_open"] = live.groupby("rep").size()
    kept = pd.DataFrame(
        _kept(held, bought, day), columns=["rep", "n_kept", "retention", "retention_low", "retention_high"]
    )
    made = made.join(kept.set_index("rep")).reindex(columns=list(COLUMNS[1:])).astype("float64")
    for name in ("n_deals", "n_accounts", "n_open"):
        made[name] = made[name].fillna(0.0)
    return made.reset_index()


def _several(year: pd.DataFrame, activities: pd.DataFrame) -> pd.Series:
    if not len(activities) or activities["opportunity_id"].isna().all():
        return pd.Series(dtype="float64")
    done = activities[activities["done_at"].notna() & activities["opportunity_id"].notna()]
    who = done["owner_id"].fillna(done["owner"])
    people = who.groupby(done["opportunity_id"]).nunique()
    n = people.reindex(year["opportunity_id"]).to_numpy()
    touched = pd.Series(n > 1, index=year.index)[pd.Series(n, index=year.index).notna()]
    return touched.groupby(year["rep"]).mean()


def _kept(held: pd.DataFrame, bought: pd.DataFrame, day: pd.Timestamp) -> list[tuple]:
    period = day.to_period("M")
    if bought.empty or bought["on"].min().to_period("M") > period - 23:
        return []
    month = bought["on"].dt.to_period("M")
    was = bought[(month >= period - 23) & (month <= period - 12)].groupby("account_id")["amount"].sum()
    now = bought[(month > period - 12) & (month <= period)].groupby("account_id")["amount"].sum()
    rows = []
    for rep, group in held[held["account_id"].isin(was[was > 0].index)].groupby("rep"):
        before = was.reindex(group["account_id"])
        after = now.reindex(group["account_id"]).fillna(0.0).clip(upper=before)
        rows.append((rep, float(len(before)), *_bounded(after.to_numpy(), before.to_numpy())))
    return rows


def _bounded(part: np.ndarray, whole: np.ndarray) -> tuple[float, float, float]:
    """Return a ratio of sums with its interval; where nothing or all was kept, what so few customers allow (Wilson)."""
    value, half = ratio(part, whole)
    if half == 0.0:
        return value, *intervals.wilson(round(value * len(whole)), len(whole))
    return value, max(value - half, 0.0), min(value + half, 1.0)
