"""The scorecard: each measure with its count, interval, target and change, and whether a change can be told at all."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from salesloop import periods
from salesloop.errors import ParameterError
from salesloop.metrics import intervals, measures
from salesloop.metrics.execution.pace import base_targets, target_of
from salesloop.metrics.feedback import scores
from salesloop.metrics.kpi import retention, velocity, winrates

COLUMNS = (
    "measure", "value", "n", "low", "high", "target", "change", "change_low", "change_high", "uom", "verdict", "window",
    "year_change", "year_low", "year_high", "year_verdict", "detectable",
)  # fmt: skip
RATE_MONTHS = 6
"""Months that a rate is taken over: one month of it is noise."""
LEAST_RATE, LEAST_SUM = 20, 5
LOWER_IS_BETTER, SATISFACTION = ("cycle_days",), ("csat", "nps")
Z95 = intervals.z(0.95)
_UOM = {"new_customers": "count", "activities": "count", "win_rate": "share", "csat": "share", "nps": "score"}
Side = tuple[float, float, float, float]
"""Value, n, low, high."""
_NONE: Side = (math.nan, 0.0, math.nan, math.nan)


def scorecard(
    facts: Mapping[str, pd.DataFrame], deals: pd.DataFrame, bought: pd.DataFrame, targets: pd.DataFrame,
    market: pd.DataFrame, covered: pd.DataFrame, *, period: pd.Period, currency: str = "CNY", fiscal_start: int = 1,
    lower_is_better: tuple[str, ...] = (), uoms: Mapping[str, str] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return the scorecard of a month.

    Parameters
    ----------
    facts : mapping of str to DataFrame
        Measure to its facts up to the month's end.
    deals, bought : DataFrame
        ``Book.deals()`` and `retention.revenue`.
    targets, market : DataFrame
        The plan files' rows.
    covered : DataFrame
        From `coverage.coverage`.
    period : Period
        The month.
    currency, fiscal_start
        As in unit.yml.
    lower_is_better : tuple of str
        Declared measures of which less is better.
    uoms : mapping of str to str, optional
        The units of declared measures.

    Returns
    -------
    DataFrame
        ``measure, value``; ``n`` facts behind it; ``low, high`` (95 %, from chance alone); ``target`` of the month;
        ``change`` against the stretch of equal length before with ``change_low, change_high``; ``verdict`` (better,
        worse, no_change, too_little, unknown); ``window`` in months (sums 1, rates 6, satisfaction 1, 3 or 12 by how many answered, retention 12); the same against
        the year before (``year_change`` ...); ``detectable``: the smallest change that could have been told.
    """
    better = (*LOWER_IS_BETTER, *lower_is_better)
    rows = []
    for measure, table in facts.items():
        rate = measures.is_rate(table, measure)
        length = _pooled(table, measure, rate, period)
        rows.append(_row(measure, _fact_sides(table, measure, rate, period, length), length,
                         (uoms or {}).get(measure) or _UOM.get(measure, currency), measure in better))  # fmt: skip
    rows += _of_deals(deals, period, currency)
    rows += _of_customers(bought, period)
    rows += _coverage(covered)
    rows.append(
        _row(
            "market_share", [market_share(deals, market, period - 12 * i, fiscal_start) for i in (0, 1, 1)], 12, "share"
        )
    )
    frame = pd.DataFrame(rows, columns=[c for c in COLUMNS if c != "target"])
    plan = base_targets(targets, as_of=periods.end(period))
    plan = plan[plan["level"] == "company"]
    frame["target"] = [
        target_of(plan[plan["measure"] == m], str(period), [period], facts.get(m, pd.DataFrame()), fiscal_start)
        for m in frame["measure"]
    ]
    return frame[list(COLUMNS)].astype({"n": "float64"})


def _row(measure: str, sides: list[Side], window: int, uom: str, lower_better: bool = False) -> dict:
    """Return one row from a measure's value now, in the stretch before and a year ago."""
    now, before, year = sides
    least = LEAST_RATE if uom in ("share", "score") or measure == "cycle_days" else LEAST_SUM
    change, year_change = _change(now, before, uom), _change(now, year, uom)
    row = {
        "measure": measure,
        "value": now[0],
        "n": now[1],
        "low": now[2],
        "high": now[3],
        "window": window,
        "uom": uom,
    }
    row |= dict(zip(("change", "change_low", "change_high"), change, strict=True))
    row |= dict(zip(("year_change", "year_low", "year_high"), year_change, strict=True))
    row["verdict"] = _verdict(change, now[1], before[1], least, lower_better)
    row["year_verdict"] = _verdict(year_change, now[1], year[1], least, lower_better)
    row["detectable"] = (change[2] - change[1]) / 2
    return row


def _change(now: Side, before: Side, uom: str) -> tuple[float, float, float]:
    """Return the difference of two values and its interval, from the distances to their bounds.

    Shares and scores are subtracted (Newcombe 1998); what is above 0 by nature is compared as a ratio (Zou and Donner
    2008), so that nothing can fall by more than there was.
    """
    d = now[0] - before[0]
    if uom not in ("share", "score") and min(now[0], now[2], before[0], before[2]) > 0:
        ratio = now[0] / before[0]
        down = math.hypot(math.log(now[0] / now[2]), math.log(before[3] / before[0]))
        up = math.hypot(math.log(now[3] / now[0]), math.log(before[0] / before[2]))
        return d, before[0] * (ratio * math.exp(-down) - 1), before[0] * (ratio * math.exp(up) - 1)
    low = d - math.hypot(now[0] - now[2], before[3] - before[0])
    return d, low, d + math.hypot(now[3] - now[0], before[0] - before[2])


def _verdict(change: tuple[float, float, float], n: float, n_before: float, least: int, lower_better: bool) -> str:
    d, low, high = change
    if math.isnan(d):
        return "unknown"
    if min(n, n_before) < least or math.isnan(low) or math.isnan(high):
        return "too_little"
    if low <= 0 <= high:
        return "no_change"
    return "better" if (d > 0) != lower_better else "worse"


def _pooled(table: pd.DataFrame, measure: str, rate: bool, period: pd.Period) -> int:
    """Return over how many months a measure is taken; satisfaction over as many as on the page of feedback."""
    if measure in SATISFACTION and len(table):
        return scores.window(pd.DataFrame({"month": table["on"].dt.to_period("M")}), period)[0]
    return RATE_MONTHS if rate else 1


def _fact_sides(table: pd.DataFrame, measure: str, rate: bool, period: pd.Period, length: int) -> list[Side]:
    if table.empty:
        return [_NONE] * 3
    first = table["on"].min().to_period("M")
    month = table["on"].dt.to_period("M")
    sides = []
    for last in (period, period - length, period - 12):
        chosen = table[(month > last - length) & (month <= last)]
        known = measure in SATISFACTION or last - length + 1 >= first
        sides.append(
            (_of_rate(chosen, measure) if rate else total(chosen["value"].to_numpy(dtype=float))) if known else _NONE
        )
    return sides


def total(values: np.ndarray) -> Side:
    """Return a sum, its count, and the 95 % interval that chance alone leaves: in how many deals came and how large they were.

    Notes
    -----
    A compound Poisson sum has the variance of the sum of squares; the interval is taken on logs, so that it stays above 0.

    Examples
    --------
    >>> [round(part, 1) for part in total(np.full(100, 2.0))]
    [200.0, 100.0, 164.4, 243.3]
    """
    amount, n = float(np.sum(values)), float(len(values))
    if not n or amount <= 0:
        return (round(amount, 2), n, math.nan, math.nan)
    reach = math.exp(Z95 * math.sqrt(float(values @ values)) / amount)
    return round(amount, 2), n, amount / reach, amount * reach


def _of_rate(chosen: pd.DataFrame, measure: str) -> Side:
    n, weight = len(chosen), float(chosen["weight"].sum())
    if not weight:
        return _NONE
    value = float(chosen["value"].sum()) / weight
    if measure == "nps":
        promoters, detractors = int((chosen["value"] > 0).sum()), int((chosen["value"] < 0).sum())
        _, low, high = intervals.nps(promoters, detractors, n)
    elif chosen["value"].isin([0.0, 1.0]).all():
        low, high = intervals.wilson(float(chosen["value"].sum()), n)
    else:
        spread = float(chosen["value"].std(ddof=1)) if n > 1 else math.nan
        low, high = value - Z95 * spread / math.sqrt(n), value + Z95 * spread / math.sqrt(n)
    return value, float(n), low, high


def _of_deals(deals: pd.DataFrame, period: pd.Period, currency: str) -> list[dict]:
    """Return win rate by value, deal size, cycle and velocity."""
    ends = (period, period - RATE_MONTHS, period - 12)
    value, size, cycle, speed = [], [], [], []
    for last in ends:
        rates = (
            winrates.win_rates(deals, as_of=periods.end(last), months=RATE_MONTHS)
            .set_index("kind")
            .loc["win_rate_value"]
        )
        value.append((rates["value"], float(rates["n"]), rates["low"], rates["high"]))
        start, stop = (last - RATE_MONTHS + 1).start_time, (last + 1).start_time
        won = deals[(deals["status"] == "won") & (deals["closed_on"] >= start) & (deals["closed_on"] < stop)]
        size.append(_mean(won["amount"].dropna().to_numpy(dtype=float)))
        days = (won["closed_on"] - won["created_at"].dt.normalize()).dt.days
        cycle.append(_median(days[days >= 0].to_numpy(dtype=float)))
        told = velocity.factors(deals, last)
        reach = math.exp(Z95 * told["log_error"])
        speed.append((told["velocity"], told["n_won"], told["velocity"] / reach, told["velocity"] * reach))
    return [
        _row("win_rate_value", value, RATE_MONTHS, "share"), _row("won_deal_size", size, RATE_MONTHS, currency),
        _row("cycle_days", cycle, RATE_MONTHS, "days", True), _row("velocity", speed, RATE_MONTHS, currency),
    ]  # fmt: skip


def _mean(values: np.ndarray) -> Side:
    n = len(values)
    if n < 2:
        return (float(values[0]) if n else math.nan, float(n), math.nan, math.nan)
    middle, half = float(values.mean()), Z95 * float(values.std(ddof=1)) / math.sqrt(n)
    return middle, float(n), middle - half, middle + half


def _median(values: np.ndarray) -> Side:
    """Return the median with its interval from order statistics (the binomial's normal approximation)."""
    n = len(values)
    if not n:
        return _NONE
    ordered, half = np.sort(values), Z95 * math.sqrt(n) / 2
    low, high = math.floor(n / 2 - half), math.ceil(n / 2 + half)
    if low < 0 or high > n - 1:
        return float(np.median(values)), float(n), math.nan, math.nan
    return float(np.median(values)), float(n), float(ordered[low]), float(ordered[high])


def _of_customers(bought: pd.DataFrame, period: pd.Period) -> list[dict]:
    found = [retention.retention(bought, last) for last in (period, period - 12, period - 12)]
    rows = []
    for name in ("grr", "nrr"):
        sides = [(f[name], f["n"], f[f"{name}_low"], f[f"{name}_high"]) for f in found]
        rows.append(_row(name, sides, retention.MONTHS, "share"))
    return rows


def _coverage(covered: pd.DataFrame) -> list[dict]:
    told = covered.iloc[0] if len(covered) else None
    rows = []
    for name, count in (("coverage", "n_open"), ("coverage_needed", "n_past")):
        side = _NONE if told is None else (float(told[name]), float(told[count]), math.nan, math.nan)
        rows.append(_row(name, [side, _NONE, _NONE], 3, "ratio"))
    return rows


def market_share(deals: pd.DataFrame, market: pd.DataFrame, period: pd.Period, fiscal_start: int = 1) -> Side:
    """Return own bookings over the market's size, over the same segments and the last stretch that the plan file covers.

    Parameters
    ----------
    deals : DataFrame
        ``Book.deals()``.
    market : DataFrame
        ``period, segment, size``; a segment is looked for among segments, regions, industries and products, an empty one is
        the whole market.
    period : Period
        Rows of stretches that end later do not count.
    """
    told = []
    for row in market.itertuples(index=False):
        try:
            months = periods.expand(row.period, fiscal_start)
        except ParameterError:
            continue
        if months[-1] <= period and row.size > 0:
            told.append((months[-1], months, row.segment, float(row.size)))
    if not told:
        return _NONE
    latest = max(end for end, *_ in told)
    won = deals[deals["status"] == "won"]
    month = won["closed_on"].dt.to_period("M")
    own, size, n = 0.0, 0.0, 0
    for end, months, segment, amount in told:
        if end == latest:
            inside = won[month.isin(months)]
            if isinstance(segment, str) and segment.strip():
                named = [inside[c] == segment for c in ("segment", "region", "industry", "product") if c in inside]
                inside = inside[np.logical_or.reduce(named)]
            own, size, n = own + float(inside["amount"].sum()), size + amount, n + len(inside)
    return own / size, float(n), math.nan, math.nan
