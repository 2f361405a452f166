"""Pace: what was reached of each target against what should be reached by now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np
import pandas as pd

from salesloop import periods
from salesloop.errors import ParameterError
from salesloop.metrics import measures
from salesloop.metrics.execution import curve

PACE = (
    "horizon", "period", "level", "name", "measure", "target", "actual", "attainment", "elapsed_share", "gap",
    "run_rate_needed", "run_rate", "linearity", "n", "uom",
)  # fmt: skip
MEASURES = (*measures.ADDITIVE, *measures.RATES)
LEVELS = ("company", "region", "team", "rep")
TRAILING_DAYS = 91
_UOM = {"win_rate": "share", "csat": "share", "nps": "score", "new_customers": "count", "activities": "count"}


def base_targets(targets: pd.DataFrame, *, as_of: dt.date) -> pd.DataFrame:
    """Return the base targets in force on a day: of each target its latest version.

    Parameters
    ----------
    targets : DataFrame
        The plan file's rows.
    as_of : date
        Versions valid from a later day are left out.

    Returns
    -------
    DataFrame
        ``period`` (label), ``level``, ``name`` (None for the company), ``measure``, ``basis``, ``amount``, ``against``.
    """
    chosen = targets[(targets["tier"].fillna("base") == "base") & ~(targets["valid_from"] > pd.Timestamp(as_of))]
    chosen = chosen.sort_values("valid_from", kind="stable", na_position="first")
    name = chosen["name"].where(chosen["level"] != "company", None)
    chosen = chosen.assign(period=chosen["period"].astype(str).str.upper(), name=name.where(name.notna(), None))
    chosen = chosen.drop_duplicates(["period", "level", "name", "measure"], keep="last")
    return chosen[["period", "level", "name", "measure", "basis", "amount", "against"]].reset_index(drop=True)


def horizons(period: pd.Period, fiscal_start: int = 1) -> dict[str, tuple[str, list[pd.Period]]]:
    """Return the month, fiscal quarter and fiscal year of a month: the label a plan uses and the months.

    Examples
    --------
    >>> {name: label for name, (label, _) in horizons(periods.parse_period("2026-10")).items()}
    {'month': '2026-10', 'quarter': '2026Q4', 'year': '2026'}
    """
    quarter = periods.quarter_label(period, fiscal_start)
    year = str(periods.fiscal_year(period, fiscal_start))
    return {
        "month": (str(period), [period]), "quarter": (quarter, periods.expand(quarter, fiscal_start)),
        "year": (year, periods.expand(year, fiscal_start)),
    }  # fmt: skip


def target_of(
    rows: pd.DataFrame,
    label: str,
    months: list[pd.Period],
    facts: pd.DataFrame,
    fiscal_start: int,
    *,
    rate: bool = False,
) -> float:
    """Return one scope's target for a label: as stated, else the sum of its months or quarters if all are stated.

    Of a rate it is their mean.
    """
    return stated_of(amounts(rows, facts, fiscal_start), label, months, fiscal_start, rate=rate)


def amounts(rows: pd.DataFrame, facts: pd.DataFrame, fiscal_start: int) -> dict[str, float]:
    """Return one scope's targets as stated: period as the plan writes it to amount, growth turned into an amount."""
    return {row.period: _amount(row, facts, fiscal_start) for row in rows.itertuples(index=False)}


def stated_of(
    stated: Mapping[str, float], label: str, months: list[pd.Period], fiscal_start: int, *, rate: bool = False
) -> float:
    """Return a scope's target for a label from its `amounts`; else as `target_of`."""
    if label in stated:
        return stated[label]
    quarters = sorted({periods.quarter_label(month, fiscal_start) for month in months})
    for parts in ([str(month) for month in months], quarters if len(months) == 12 else []):
        if parts and all(part in stated for part in parts):
            whole = float(sum(stated[part] for part in parts))
            return whole / len(parts) if rate else whole
    return float("nan")


def _amount(row, facts: pd.DataFrame, fiscal_start: int) -> float:
    """Return a target's amount; a growth target counts from what its base brought."""
    if row.basis != "growth":
        return float(row.amount)
    try:
        base = periods.expand(row.against, fiscal_start)
    except ParameterError:
        return float("nan")
    value, n = measures.actual(facts, row.measure, row.level, row.name, base)
    return value * (1 + float(row.amount)) if n else float("nan")


def pace(
    facts: Mapping[str, pd.DataFrame], targets: pd.DataFrame, *, period: pd.Period, as_of: dt.date, country: str = "CN",
    currency: str = "CNY", fiscal_start: int = 1,
) -> pd.DataFrame:  # fmt: skip
    """Return where each target stands against the seasonal working-day curve.

    Parameters
    ----------
    facts : mapping of str to DataFrame
        Measure to its facts up to `as_of`, as `measures.facts` gives them; by the team at close.
    targets : DataFrame
        The plan file's rows.
    period, as_of
        The month, and the day of the check.
    country, currency, fiscal_start
        As in unit.yml.

    Returns
    -------
    DataFrame
        A row for each scope that has a target, and for each scope that has bookings: ``horizon`` (month, quarter,
        year), ``period``, ``level``, ``name``, ``measure``, ``target``, ``actual``, ``attainment``,
        ``elapsed_share``, ``gap`` (attainment less elapsed share), ``run_rate_needed`` and ``run_rate`` (a working
        day: what is still needed, and the trailing 13 weeks'), ``linearity`` (Gini over the weeks, 0 is even),
        ``n`` facts counted, ``uom``. Undefined where there is no target or a target of 0.
    """
    plan, bookings = base_targets(targets, as_of=as_of), facts.get("bookings", pd.DataFrame({"on": [], "value": []}))
    inside = curve.habit(bookings, period=period, country=country)
    rows, sums = [], {}
    for horizon, (label, months) in horizons(period, fiscal_start).items():
        weights = curve.month_weights(bookings, months, period=period, country=country)
        share = curve.elapsed_share(weights, inside, as_of=as_of, country=country)
        left = curve.working_days_between(as_of + dt.timedelta(days=1), periods.end(months[-1]), country)
        trailing = curve.working_days_between(as_of - dt.timedelta(days=TRAILING_DAYS - 1), as_of, country)
        for measure, table in facts.items():
            wanted = plan[plan["measure"] == measure]
            if measure != "bookings" and wanted.empty:
                continue
            for level in LEVELS:
                if (measure, level) not in sums:
                    sums[measure, level] = measures.monthly(table, level) if len(table) else {}
                known = sums[measure, level]
                found = _level(table, wanted, measure, level, label, months, fiscal_start, as_of, known)
                rows += [
                    {**row, "horizon": horizon, "period": label, "elapsed_share": share, "left": left,
                     "run_rate": row["trailing"] / trailing if trailing else np.nan}
                    for row in found
                ]  # fmt: skip
    return _finished(pd.DataFrame(rows), currency)


def _level(table, plan, measure, level, label, months, fiscal_start, as_of, sums) -> list[dict]:
    """Return the rows of one measure and level: every scope with a target, for bookings every scope with facts."""
    plan = plan[plan["level"] == level]
    recent, rate = _recent(table, months, as_of), measures.is_rate(table, measure)
    whole = level == "company"
    places = {"": np.arange(len(recent))} if whole else recent.groupby(level).indices if len(recent) else {}
    plans = {"": plan} if whole else dict(iter(plan.groupby("name")))
    names = {""} if whole else set(plans)
    if measure == "bookings" and not whole:
        ordinals = {month.ordinal for month in months}
        names |= {name for name, month in sums if month in ordinals and name == name and name is not None}
    made = []
    for name in sorted(names):
        rows = plans.get(name, plan[:0])
        if rows.empty and measure != "bookings":
            continue
        facts = recent.iloc[places[name]] if name in places else recent[:0]
        actual, n = measures.actual(recent, measure, level, name, months, sums) if len(facts) else _nothing(table, rate)
        aim = target_of(rows, label, months, table, fiscal_start, rate=rate)
        if not whole and not n and aim != aim:
            continue
        made.append({
            "level": level, "name": None if whole else name, "measure": measure, "actual": actual, "n": n,
            "target": aim, "trailing": _trailing(facts, table, as_of),
            "linearity": linearity(facts, months, as_of=as_of) if n and not rate else np.nan,
        })  # fmt: skip
    return made


def _recent(table: pd.DataFrame, months: list[pd.Period], as_of: dt.date) -> pd.DataFrame:
    """Return the facts that a horizon or the trailing rate needs."""
    first = min(months[0].start_time, pd.Timestamp(as_of) - pd.Timedelta(days=TRAILING_DAYS - 1))
    return table[table["on"] >= first] if len(table) else table


def _nothing(table: pd.DataFrame, rate: bool) -> tuple[float, int]:
    """Return nothing counted: 0 where the measure adds up and is measured at all, else undefined."""
    return (float("nan") if table.empty or rate else 0.0), 0


def _trailing(facts: pd.DataFrame, table: pd.DataFrame, as_of: dt.date) -> float:
    if table.empty:
        return float("nan")
    first = pd.Timestamp(as_of) - pd.Timedelta(days=TRAILING_DAYS - 1)
    return float(facts["value"].to_numpy(float)[(facts["on"] >= first).to_numpy()].sum())


def _finished(rows: pd.DataFrame, currency: str) -> pd.DataFrame:
    if rows.empty:
        return pd.DataFrame(columns=list(PACE))
    rate = rows["measure"].isin(measures.RATES) | ~rows["measure"].isin(measures.ADDITIVE) & rows["run_rate"].isna()
    target = rows["target"].where(rows["target"] > 0)
    rows["attainment"] = rows["actual"] / target
    rows["elapsed_share"] = rows["elapsed_share"].where(~rate)
    rows["gap"] = rows["attainment"] - rows["elapsed_share"]
    needed = (rows["target"] - rows["actual"].fillna(0.0)).clip(lower=0) / rows["left"].where(rows["left"] > 0)
    rows["run_rate_needed"], rows["run_rate"] = needed.where(~rate), rows["run_rate"].where(~rate)
    rows["uom"] = rows["measure"].map(_UOM).fillna(currency)
    return rows[list(PACE)].reset_index(drop=True)


def linearity(facts: pd.DataFrame, months: list[pd.Period], *, as_of: dt.date) -> float:
    """Return how unevenly a period's bookings fall over its weeks so far: 0 is even, near 1 all in one week.

    Parameters
    ----------
    facts : DataFrame
        ``on, value``.
    months : list of Period
        The period's months.
    as_of : date
        Weeks after it do not count.

    Returns
    -------
    float
        The Gini coefficient over calendar weeks; NaN under two weeks or without bookings.

    Examples
    --------
    >>> days = pd.to_datetime(["2026-10-06", "2026-10-13", "2026-10-20", "2026-10-27"])
    >>> months = [periods.parse_period("2026-10")]
    >>> round(linearity(pd.DataFrame({"on": days, "value": [1.0, 1.0, 1.0, 5.0]}), months, as_of=dt.date(2026, 10, 31)), 3)
    0.5
    """
    first = pd.Timestamp(periods.start(months[0]))
    last = min(pd.Timestamp(periods.end(months[-1])), pd.Timestamp(as_of))
    monday = first - pd.Timedelta(days=first.weekday())
    weeks = (last - monday).days // 7 + 1
    if last < first or weeks < 2 or facts.empty:
        return float("nan")
    inside = ((facts["on"] >= first) & (facts["on"] <= last)).to_numpy()
    week = (facts["on"].to_numpy()[inside] - monday.to_datetime64()) // np.timedelta64(7, "D")
    return gini(np.bincount(week.astype(int), facts["value"].to_numpy(dtype=float)[inside], weeks))


def gini(values: np.ndarray) -> float:
    """Return the Gini coefficient of values at or above 0; NaN where they add up to nothing.

    Examples
    --------
    >>> gini(np.array([1.0, 1.0])), gini(np.array([0.0, 0.0, 0.0, 4.0]))
    (0.0, 0.75)
    """
    ordered, total = np.sort(np.asarray(values, dtype=float)), float(np.sum(values))
    if total <= 0:
        return float("nan")
    n = len(ordered)
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * total))


def headline_row(table: pd.DataFrame):
    """Return the company's bookings in the shortest horizon that has a target, else the month's row, else None."""
    rows = table[(table["level"] == "company") & (table["measure"] == "bookings")] if len(table) else table
    if rows.empty:
        return None
    aimed = rows[rows["target"] > 0]
    return (aimed if len(aimed) else rows).iloc[0]


def gap_value(table: pd.DataFrame) -> dict[str, float | int]:
    """Return the company's pace gap of the month as a named value: NaN without a target."""
    row = headline_row(table)
    return {"value": float("nan"), "n": 0} if row is None else {"value": float(row["gap"]), "n": int(row["n"])}


def months_known(facts: Mapping[str, pd.DataFrame], period: pd.Period) -> int:
    """Return over how many whole months before `period` bookings are known."""
    bookings = facts.get("bookings", pd.DataFrame())
    if bookings.empty:
        return 0
    return max((period - bookings["on"].min().to_period("M")).n, 0)


def for_figure(table: pd.DataFrame, most: int = 14) -> pd.DataFrame:
    """Return attainment of bookings targets beside the share that should be done, company first, then its parts.

    Returns
    -------
    DataFrame
        ``level, name, attainment, elapsed_share`` of the shortest horizon that has targets; regions only where no team
        has one, reps only where neither has, and at most 14 rows.
    """
    rows = table[(table["measure"] == "bookings") & (table["target"] > 0)] if len(table) else table
    columns = ["level", "name", "attainment", "elapsed_share"]
    if rows.empty:
        return pd.DataFrame(columns=columns)
    rows = rows[rows["horizon"] == rows["horizon"].iloc[0]]
    part = next((level for level in ("team", "region", "rep") if (rows["level"] == level).any()), "team")
    rows = rows[rows["level"].isin(["company", part])]
    rows = rows.assign(order=rows["level"].map({level: i for i, level in enumerate(LEVELS)}))
    return rows.sort_values(["order", "name"], kind="stable").head(most)[columns].reset_index(drop=True)


def overview(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that a page shows: the company in all horizons, regions and teams in the month; reps stand apart.

    A region that is one team, of the same name and with the same figures, is shown once, as the team.
    """
    if table.empty:
        return table
    company = table["level"] == "company"
    parts = table["level"].isin(["region", "team"]) & (table["horizon"] == "month")
    shown = table[company | parts]
    team = shown[shown["level"] == "team"].set_index(["name", "measure"])[["target", "actual", "n"]]
    key = pd.MultiIndex.from_frame(shown[["name", "measure"]])
    same = [(team[c].reindex(key).to_numpy() == shown[c].to_numpy()) | (team[c].reindex(key).isna().to_numpy() & shown[c].isna().to_numpy())
            for c in ("target", "actual", "n")]  # fmt: skip
    twice = (shown["level"] == "region").to_numpy() & key.isin(team.index) & np.logical_and.reduce(same)
    return shown[~twice].reset_index(drop=True)


def of_reps(table: pd.DataFrame) -> pd.DataFrame:
    """Return the month's rows of reps, in the order of names."""
    if table.empty:
        return table.assign(rep=None)
    rows = table[(table["level"] == "rep") & (table["horizon"] == "month")]
    return rows.assign(rep=rows["name"]).sort_values(["rep", "measure"], kind="stable").reset_index(drop=True)
