"""Attainment of targets: by rep, quarter and manager, its distribution, and the bridge from target to actual."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable

import pandas as pd

from salesloop import periods
from salesloop.metrics.execution.pace import amounts, base_targets, stated_of
from salesloop.metrics.kpi.money import whole_cents
from salesloop.metrics.review import month_factors, shapley

BY_REP = ("rep", "period", "target", "actual", "attainment", "n", "complete", "manager", "team")
PARTS = ("volume", "conversion", "timing", "size")
SHOWN_QUARTERS = 8


def by_rep(
    bookings: pd.DataFrame, targets: pd.DataFrame, *, period: pd.Period, as_of: dt.date, fiscal_start: int = 1,
    quarters: int | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return each rep's bookings against the target, quarter by quarter.

    Parameters
    ----------
    bookings : DataFrame
        Facts: ``on, value, rep``, credited to the rep at close.
    targets : DataFrame
        The plan file's rows.
    period, as_of
        The last month, and the last day counted.
    quarters : int, optional
        Only the last so many quarters; all that have a target by default.

    Returns
    -------
    DataFrame
        ``rep``, ``period`` (2026Q4), ``target``, ``actual``, ``attainment`` (NaN without a target or with one of 0),
        ``n`` deals, ``complete`` (whether the quarter is over). A rep with bookings and no target has a row without
        one, so that nothing is lost.
    """
    plan = base_targets(targets, as_of=as_of)
    plan = plan[(plan["level"] == "rep") & (plan["measure"] == "bookings") & plan["name"].notna()]
    if plan.empty:
        return pd.DataFrame(columns=list(BY_REP[:7]))
    labels = _quarters(plan["period"], period, fiscal_start)[-(quarters or 400) :]
    stated = {rep: amounts(rows, bookings, fiscal_start) for rep, rows in plan.groupby("name")}
    month = bookings["on"].dt.year * 12 + bookings["on"].dt.month - 1 - 12 * 1970 if len(bookings) else pd.Series([])
    rows = []
    for label in labels:
        months = periods.expand(label, fiscal_start)
        inside = bookings[month.isin([one.ordinal for one in months])]
        groups = inside.groupby("rep")["value"]
        sums, sizes = groups.sum().to_dict(), groups.size().to_dict()
        for rep in sorted({*stated, *sums}):
            target = stated_of(stated.get(rep, {}), label, months, fiscal_start)
            actual, n = float(sums.get(rep, 0.0)), int(sizes.get(rep, 0))
            if n or not math.isnan(target):
                rows.append((rep, label, target, round(actual, 2), n, periods.end(months[-1]) <= as_of))
    made = pd.DataFrame(rows, columns=["rep", "period", "target", "actual", "n", "complete"])
    made["attainment"] = made["actual"] / made["target"].where(made["target"] > 0)
    return made[list(BY_REP[:7])]


def _quarters(labels: pd.Series, period: pd.Period, fiscal_start: int) -> list[str]:
    """Return the fiscal quarters from the first with a target to that of `period`, in order."""
    months = sorted({month for label in labels.unique() for month in periods.expand(label, fiscal_start)})
    first = periods.fiscal_quarter(months[0], fiscal_start)[0]
    return [periods.quarter_label(month, fiscal_start) for month in pd.period_range(first, period, freq="M")[::3]]


def missing(table: pd.DataFrame) -> pd.DataFrame:
    """Name the quarters that lack targets: nobody's, or one rep's between two quarters that have one.

    Parameters
    ----------
    table : DataFrame
        From `by_rep`.

    Returns
    -------
    DataFrame
        ``period``, ``rep`` (None where nobody has a target), ``n`` reps without one, ``actual`` booked in it.

    Examples
    --------
    >>> table = pd.DataFrame({"rep": "Ann", "period": ["2017Q4", "2018Q1", "2018Q2"], "target": [1.0, float("nan"), 1.0],
    ...                       "actual": 5.0})
    >>> missing(table)[["period", "n"]].values.tolist()
    [['2018Q1', 1]]
    """
    columns = ["period", "rep", "n", "actual"]
    if table.empty:
        return pd.DataFrame(columns=columns)
    aimed = table.groupby("period")["target"].count()
    whole = table.groupby("period")["actual"].sum()
    labels = list(aimed.index)
    known = [label for label in labels if aimed[label] > 0]
    empty = [label for label in labels if known and known[0] < label < known[-1] and not aimed[label]]
    size = table.groupby("period")["rep"].nunique()
    rows = [(label, None, int(size[label]), float(whole[label])) for label in empty]
    for rep, group in table.groupby("rep"):
        has = group.dropna(subset=["target"])["period"]
        for label in labels if len(has) else []:
            if label not in empty and has.min() < label < has.max() and label not in set(has):
                booked = group.loc[group["period"] == label, "actual"].sum()
                rows.append((label, rep, 1, float(booked)))
    return pd.DataFrame(rows, columns=columns).sort_values("period", kind="stable").reset_index(drop=True)


def doubled(targets: pd.DataFrame) -> pd.DataFrame:
    """Name base targets that are given more than once for the same day with different amounts; the last one is used.

    Returns
    -------
    DataFrame
        ``period, level, rep`` (the scope's name), ``measure``, ``n`` rows, ``least, most`` of the amounts.
    """
    rows = targets[targets["tier"].fillna("base") == "base"].assign(valid_from=lambda t: t["valid_from"].astype(str))
    key = ["period", "level", "name", "measure", "valid_from"]
    sums = rows.groupby(key, dropna=False)["amount"].agg(["size", "min", "max"]).reset_index()
    sums = sums[(sums["size"] > 1) & (sums["min"] < sums["max"])]
    made = sums.rename(columns={"name": "rep", "size": "n", "min": "least", "max": "most"})
    return made[["period", "level", "rep", "measure", "n", "least", "most"]].reset_index(drop=True)


def with_managers(
    table: pd.DataFrame,
    credit: Callable[[pd.Series, pd.Series], pd.DataFrame],
    names: dict[str, str],
    fiscal_start: int = 1,
) -> pd.DataFrame:
    """Add each rep's manager and team at the end of each quarter.

    Parameters
    ----------
    table : DataFrame
        From `by_rep`.
    credit : callable
        ``Book.credit``.
    names : dict
        ``Book.rep_names``: rep id to shown name.
    """
    if table.empty:
        return table.assign(manager=None, team=None)
    ids = {name: ident for ident, name in names.items()}
    owner = table["rep"].map(ids).astype(object)
    day = table["period"].map(lambda label: pd.Timestamp(periods.end(periods.expand(label, fiscal_start)[-1])))
    found = credit(owner, day)
    return table.assign(manager=found["manager"].astype(object), team=found["team"].astype(object))


def by_manager(table: pd.DataFrame) -> pd.DataFrame:
    """Roll attainment up to managers: only reps with a target count on both sides; the others are counted apart.

    Parameters
    ----------
    table : DataFrame
        From `with_managers`.

    Returns
    -------
    DataFrame
        ``manager, period``; of those who report directly: ``target, actual, attainment, n`` reps with a target,
        ``without`` reps without one, ``other`` (what those booked); of all below, through managers who report in turn:
        ``whole_target, whole_actual, whole_attainment``. Rows without a manager stand under None.
    """
    columns = ["manager", "period", "target", "actual", "attainment", "n", "without", "other", "whole_target",
               "whole_actual", "whole_attainment"]  # fmt: skip
    if table.empty:
        return pd.DataFrame(columns=columns)
    direct = _rolled(table)
    whole = _rolled(_all_below(table)).set_index(["manager", "period"])[["target", "actual", "attainment"]]
    return direct.join(whole.add_prefix("whole_"), on=["manager", "period"])[columns]


def _rolled(table: pd.DataFrame) -> pd.DataFrame:
    told = table.assign(aimed=table["target"] > 0)
    told["counted"], told["rest"] = told["actual"].where(told["aimed"], 0.0), told["actual"].where(~told["aimed"], 0.0)
    sums = told.groupby(["manager", "period"], dropna=False).agg(
        target=("target", "sum"), actual=("counted", "sum"), n=("aimed", "sum"), rows=("aimed", "size"), other=("rest", "sum")
    ).reset_index()  # fmt: skip
    sums["attainment"] = sums["actual"] / sums["target"].where(sums["target"] > 0)
    return sums.assign(without=sums["rows"] - sums["n"])


def _all_below(table: pd.DataFrame) -> pd.DataFrame:
    """Return each rep's row once for every manager above, as far up as managers are reps with a manager themselves."""
    boss = table.dropna(subset=["manager"]).set_index(["rep", "period"])["manager"].to_dict()
    parts, now = [table], table
    for _ in range(8):
        above = [boss.get(key) for key in zip(now["manager"], now["period"], strict=True)]
        now = now.assign(manager=pd.Series(above, index=now.index, dtype=object)).dropna(subset=["manager"])
        if now.empty:
            break
        parts.append(now)
    return pd.concat(parts, ignore_index=True)


def distribution(table: pd.DataFrame) -> pd.DataFrame:
    """Return how attainment is spread over reps, quarter by quarter: never its mean.

    Returns
    -------
    DataFrame
        ``period``, ``n`` reps with a target, ``p25, median, p75`` (NaN under 4 reps), ``reached`` (share at or above
        target), ``reached_low, reached_high`` (95 %).
    """
    from salesloop.metrics.intervals import wilson

    rows = []
    for label, group in table[table["complete"].astype(bool)].dropna(subset=["attainment"]).groupby("period"):
        values, n = group["attainment"], len(group)
        quartiles = values.quantile([0.25, 0.5, 0.75]).tolist() if n >= 4 else [math.nan] * 3
        hit = int((values >= 1).sum())
        rows.append((label, n, *quartiles, hit / n, *wilson(hit, n)))
    return pd.DataFrame(rows, columns=["period", "n", "p25", "median", "p75", "reached", "reached_low", "reached_high"])


def bridge(deals: pd.DataFrame, *, target: float, period: pd.Period) -> pd.DataFrame:
    """Return the bridge from the month's target to what was booked: volume, conversion, timing, size.

    Parameters
    ----------
    deals : DataFrame
        ``Book.deals()``.
    target : float
        The company's target of the month.
    period : Period
        The month.

    Returns
    -------
    DataFrame
        ``line`` (target, volume, timing, conversion, size, actual), ``amount``, ``planned`` and ``came``: what the factor
        stood at in the plan and in the month. The plan's side takes conversion, timing and size of the twelve months
        before and the number of deals that the target would then have needed; each part is its average effect over all
        orders of replacing plan by fact, and they add up to the cent. Empty without a target, without a win in the
        month or in the year before.
    """
    columns = ["line", "amount", "planned", "came"]
    came = month_factors(deals, period)
    year = pd.DataFrame([month_factors(deals, period - i) for i in range(1, 13)]).mean()
    if not target > 0 or any(not came[p] > 0 for p in PARTS) or not (year[["timing", "conversion", "size"]] > 0).all():
        return pd.DataFrame(columns=columns)
    planned = {part: float(year[part]) for part in PARTS}
    planned["volume"] = target / (planned["timing"] * planned["conversion"] * planned["size"])
    actual = math.prod(came[part] for part in PARTS)
    cents = whole_cents(shapley(came, planned), round(actual, 2) - round(target, 2))
    rows = [("target", round(target, 2), math.nan, math.nan)]
    rows += [(part, cents[part], planned[part], came[part]) for part in ("volume", "timing", "conversion", "size")]
    rows.append(("actual", round(actual, 2), math.nan, math.nan))
    return pd.DataFrame(rows, columns=columns)
