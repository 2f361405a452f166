"""Leads: how soon they are answered, how often they are tried, and how many become deals; open ones are not lost ones."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from salesloop.metrics.bottlenecks import incidence

WITHIN_DAYS = 90.0
COLUMNS = ["segment_kind", "segment", "n", "converted", "conversion", "low", "high", "response_hours", "unanswered", "attempts"]  # fmt: skip
_HOURS = (0.0, 1.0, 24.0, 72.0, np.inf)
BANDS = ("within_hour", "within_day", "within_3_days", "later")
_LEAST, _MOST = 10, 12
_MONTHS = 12


def leads(table: pd.DataFrame, deals: pd.DataFrame, *, as_of: dt.date, months: int = _MONTHS) -> pd.DataFrame:
    """Return response and conversion of the leads of the last year, in all, by source, channel and response time.

    Parameters
    ----------
    table : DataFrame
        The leads.
    deals : DataFrame
        The opportunities: a lead that one of them names has become a deal, wherever that was noted.
    as_of : date
        The last day.

    Returns
    -------
    DataFrame
        ``segment_kind, segment, n, converted``, ``conversion`` within 90 days (Aalen-Johansen, leads still open
        censored) with 95 % interval ``low, high``, ``response_hours`` (Kaplan-Meier median, unanswered leads
        censored), ``unanswered`` (share), ``attempts`` (median).
    """
    known = prepared(table, deals, as_of=as_of)
    known = known[known["created_at"] >= pd.Timestamp(as_of) - pd.DateOffset(months=months)]
    if known.empty:
        return pd.DataFrame(columns=COLUMNS)
    rows = [_row("all", "all", known)]
    for kind in ("lead_source", "sales_channel", "region"):
        counts = known[kind].dropna().astype(str).value_counts()
        names = counts[counts >= _LEAST].index[:_MOST] if len(counts) > 1 else []
        rows += [_row(kind, name, known[known[kind].astype(str) == name]) for name in names]
    rows += [
        _row("response", band, known[known["band"] == band])
        for band in BANDS
        if (known["band"] == band).sum() >= _LEAST
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def prepared(table: pd.DataFrame, deals: pd.DataFrame, *, as_of: dt.date) -> pd.DataFrame:
    """Return leads with ``days`` to their end or to the last day, ``cause`` (1 converted, 2 closed, 0 open), ``hours``."""
    leads_ = table[
        table["created_at"].notna() & (table["created_at"] <= pd.Timestamp(as_of) + pd.Timedelta(days=1))
    ].copy()
    until = pd.Timestamp(as_of) + pd.Timedelta(days=1)
    by_deal = deals.dropna(subset=["lead_id"]).drop_duplicates("lead_id").set_index("lead_id")["created_at"] if "lead_id" in deals else pd.Series(dtype="datetime64[us]")  # fmt: skip
    found = leads_["lead_id"].map(by_deal.to_dict())
    when = pd.to_datetime(leads_["converted_at"]).fillna(pd.to_datetime(found))
    flag = leads_["converted"].map(lambda v: str(v).lower() in ("true", "1", "yes")).fillna(False)
    turned = when.notna() | flag | leads_["opportunity_id"].notna()
    ended = when.where(turned, pd.to_datetime(leads_["closed_at"]))
    days = (ended.fillna(until) - leads_["created_at"]).dt.total_seconds() / 86400
    known_end = turned | leads_["closed_at"].notna()
    leads_["undated"] = turned & when.isna()
    leads_["days"] = np.where(leads_["undated"], 1.0, days).clip(min=0.01)
    leads_["cause"] = np.select([turned, known_end], [1, 2], 0)
    hours = (leads_["first_response_at"] - leads_["created_at"]).dt.total_seconds() / 3600
    leads_["hours"] = hours.where(hours >= 0)
    leads_["band"] = pd.cut(leads_["hours"], _HOURS, labels=list(BANDS), include_lowest=True).astype(object)
    return leads_


def _row(kind: str, name: str, part: pd.DataFrame) -> dict:
    days, cause = part["days"].to_numpy(float), part["cause"].to_numpy(int)
    share, low, high = incidence.last_share(incidence.incidence(days, cause, causes=2), 1, WITHIN_DAYS)
    answered = part["hours"].notna().to_numpy()
    middle = np.nan
    if answered.sum() >= _LEAST:
        waited = np.where(answered, part["hours"].fillna(0), days * 24).clip(min=0.01)
        middle = incidence.quantile(incidence.kaplan_meier(waited, answered), 0.5)[0]
    tries = part["attempts"].astype(float)
    return {"segment_kind": kind, "segment": name, "n": len(part), "converted": int((cause == 1).sum()), "conversion": share,
            "low": low, "high": high, "response_hours": middle, "unanswered": float((~answered).mean()) if answered.any() else np.nan,
            "attempts": tries.median() if tries.notna().any() else np.nan}  # fmt: skip
