"""The arithmetic of targets: the next annual level, its months, its parts, and the wholes that months add up to.

The constants of the target rule stand here and nowhere else; `salesloop.rules` makes proposals of what this returns.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from salesloop import periods
from salesloop.errors import ParameterError

TARGET_CAP = 0.10
"""The most by which a beaten or missed year moves the next annual level, in logs."""
TARGET_PASS = 0.5
"""The share of the log of actual over previous that passes into the next level."""
SHARE_PASS = 0.1
"""The share of the log of a part's sold over its planned share that passes into its next share, within the same cap."""
TARGET_MONTHS = 12
SEASON_PRIOR = 24
"""Months of a flat season that the seasonal shares are shrunk with."""


def annual_level(previous: float, actual: float, growth: float) -> float:
    """Return the next year's level: previous x (1 + growth) x exp(half the log of actual over previous, capped).

    Symmetric on purpose: a level that rises more after a beat than it falls after a miss makes sellers hold back.

    Examples
    --------
    >>> round(annual_level(100.0, 130.0, 0.0), 2), round(annual_level(100.0, 100.0, 0.2), 2)
    (110.52, 120.0)
    """
    step = np.clip(TARGET_PASS * math.log(actual / previous), -TARGET_CAP, TARGET_CAP)
    return previous * (1 + growth) * math.exp(step)


def seasonal_shares(monthly: pd.Series) -> pd.Series:
    """Return twelve shares of a year by calendar month, shrunk towards equal ones.

    Parameters
    ----------
    monthly : Series
        Amounts by month (PeriodIndex); under 24 months the shares are equal.
    """
    flat = pd.Series(1 / 12, index=range(1, 13))
    if len(monthly) < 24 or monthly.sum() <= 0:
        return flat
    by_month = monthly.groupby(monthly.index.month).mean()
    shares = (by_month / by_month.sum()).reindex(range(1, 13)).fillna(1 / 12)
    weight = len(monthly) / (len(monthly) + SEASON_PRIOR)
    return weight * shares + (1 - weight) * flat


def largest_remainder(parts: pd.Series, whole: float, unit: float = 1.0) -> pd.Series:
    """Round parts to multiples of `unit` so that they add up to the whole exactly.

    Examples
    --------
    >>> largest_remainder(pd.Series([1.0, 1.0, 1.0]), 100.0).tolist()
    [34.0, 33.0, 33.0]
    """
    if parts.sum() <= 0:
        parts = parts * 0 + 1.0
    steps = round(whole / unit)
    exact = parts / parts.sum() * steps
    floor = np.floor(exact)
    order = (exact - floor).sort_values(ascending=False, kind="stable").index[: int(steps - floor.sum())]
    floor[order] += 1
    return floor * unit


def months_of(label: object, fiscal_start: int = 1) -> list[pd.Period]:
    """Return the months of a target's period: a month, a quarter, a year, or several years such as 2026-2028.

    Examples
    --------
    >>> len(months_of("2026-2028")), [str(m) for m in months_of("2026Q1")][:1]
    (36, ['2026-01'])
    """
    first, _, last = str(label).strip().partition("-")
    if len(first) == 4 and len(last) == 4 and first.isdigit() and last.isdigit() and int(first) <= int(last):
        return [month for year in range(int(first), int(last) + 1) for month in periods.expand(str(year), fiscal_start)]
    return periods.expand(label, fiscal_start)


def share_step(ratio: np.ndarray) -> np.ndarray:
    """Return the factor on a part's share of the plan, from its sold over its planned share.

    Examples
    --------
    >>> share_step(np.array([1.0, 2.0, 0.0])).round(4).tolist()
    [1.0, 1.0718, 0.9048]
    """
    with np.errstate(divide="ignore"):
        return np.exp(np.clip(SHARE_PASS * np.log(ratio), -TARGET_CAP, TARGET_CAP))


def part_shares(
    booked: pd.Series, stated: pd.DataFrame, *, ahead: Iterable[pd.Period], past: Iterable[pd.Period]
) -> tuple[pd.Series, str]:
    """Return each part's share of the whole, by the plan's own shares, so that what a part sells moves its share little.

    Parameters
    ----------
    booked : Series
        Bookings of the last 12 months by part; for parts that the plan does not name.
    stated : DataFrame
        The plan's rows of that level, last said last: ``period, name, amount``.
    ahead, past : iterable of Period
        The months that the shares are for: where the plan shares them out already, people have decided. Else the last 12,
        each share moved by a tenth of what the part sold beyond it (`share_step`).

    Returns
    -------
    shares : Series
        By part, adding up to 1. A part that the plan does not name keeps its share of the bookings.
    basis : {"plan", "bookings"}
        What the shares rest on.

    Examples
    --------
    >>> plan = pd.DataFrame({"period": ["2027-01"] * 2, "name": ["N", "S"], "amount": [60.0, 20.0]})
    >>> booked, ahead = pd.Series({"N": 10.0, "S": 90.0}), [pd.Period("2027-01", "M")]
    >>> part_shares(booked, plan, ahead=ahead, past=[])
    (N    0.75
    S    0.25
    dtype: float64, 'plan')
    """
    booked = booked.clip(lower=0.0)
    for months, known in ((list(ahead), None), (list(past), set(booked.index))):
        planned = _planned(stated, months)
        planned = planned if known is None else planned[planned.index.isin(known)]
        if planned.sum() > 0:
            planned = planned if known is None else _moved(planned, booked)
            break
    else:
        return (booked / booked.sum() if booked.sum() > 0 else booked * 0 + 1 / max(len(booked), 1)), "bookings"
    new = booked[~booked.index.isin(planned.index)]
    free = float(new.sum() / booked.sum()) if booked.sum() > 0 else 0.0
    return pd.concat([planned / planned.sum() * (1 - free), new / new.sum() * free if free else new[:0]]), "plan"


def _moved(planned: pd.Series, booked: pd.Series) -> pd.Series:
    sold = booked.reindex(planned.index)
    if not sold.sum() > 0:
        return planned
    shares = planned[planned > 0] / planned.sum()
    step = share_step((sold[shares.index] / sold.sum() / shares).to_numpy(dtype=float))
    return planned * pd.Series(step, index=shares.index).reindex(planned.index, fill_value=1.0)


def _planned(stated: pd.DataFrame, months: list[pd.Period]) -> pd.Series:
    """Return what the plan asks of each part over some months, of parts that have a row for each of them."""
    rows = stated[stated["period"].astype(str).isin([str(month) for month in months]) & stated["name"].notna()]
    rows = rows.drop_duplicates(["period", "name"], keep="last")
    told = rows.groupby("name")["amount"].agg(["sum", "size"])
    return told.loc[told["size"] == max(len(months), 1), "sum"]


def stated_amount(rows: pd.DataFrame, months: Iterable[pd.Period], shares: pd.Series, fiscal_start: int = 1) -> float:
    """Return what the plan asked over some months: by month, else the month's part of its quarter or its year; 0 unless all have one.

    Parameters
    ----------
    rows : DataFrame
        The plan's rows of one scope, last said last: ``period, amount``.
    shares : Series
        Share of a year by calendar month, which parts a quarter or a year among its months.

    Examples
    --------
    >>> rows, flat = pd.DataFrame({"period": ["2026Q1", "2026-04"], "amount": [30.0, 7.0]}), pd.Series(1 / 12, index=range(1, 13))
    >>> stated_amount(rows, pd.period_range("2026-03", "2026-04", freq="M"), flat)
    17.0
    """
    told = dict(zip(rows["period"].astype(str), rows["amount"].astype(float), strict=True))
    total = 0.0
    for month in months:
        labels = (str(month), periods.quarter_label(month, fiscal_start), str(periods.fiscal_year(month, fiscal_start)))
        label = next((one for one in labels if one in told), None)
        if label is None:
            return 0.0
        inside = float(sum(shares[one.month] for one in months_of(label, fiscal_start)))
        total += told[label] if label == str(month) else told[label] * float(shares[month.month]) / inside
    return round(total, 2)


@dataclass(frozen=True)
class Parts:
    """How a month's whole is shared out over regions, teams and reps.

    Attributes
    ----------
    recent : DataFrame
        Bookings of the last 12 months: ``level, name, value``.
    targets : DataFrame
        The plan's rows, the last said last.
    quarter, past : list of Period
        The months to share out, and the last 12.
    within : mapping
        ``{"team": {team: region}, "rep": {rep: team}}`` of today.
    unit : float
        Amounts are multiples of it.
    """

    recent: pd.DataFrame
    targets: pd.DataFrame
    quarter: list[pd.Period]
    past: list[pd.Period]
    within: Mapping[str, Mapping[str, str]]
    unit: float

    def of(self, month: pd.Period, whole: float) -> dict[tuple[str, str | None], tuple[float, str]]:
        """Return ``{(level, name): (amount, basis)}``; each level adds up to what is above it."""
        made: dict[tuple[str, str | None], tuple[float, str]] = {}
        for level, above in (("region", None), ("team", "region")):
            shares, basis = self._shares(level)
            if len(shares) > 1:
                told = self._split(shares, level, above, made, whole)
                made |= {(level, name): (round(float(amount), 2), basis) for name, amount in told.items()}
        return made | self._reps(month, made)

    def _shares(self, level: str) -> tuple[pd.Series, str]:
        booked = self.recent[self.recent["level"] == level].groupby("name")["value"].sum().sort_index()
        return part_shares(
            booked, self.targets[self.targets["level"] == level], ahead=self.quarter, past=self.past
        ) if len(booked) else (booked, "bookings")  # fmt: skip

    def _split(self, shares: pd.Series, level: str, above: str | None, made: dict, whole: float) -> pd.Series:
        """Split the whole over a level; within what is above it where every part belongs to one of those."""
        parent = shares.index.to_series().map(dict(self.within.get(level, {})))
        if above is None or not all((above, one) in made for one in parent) or not made:
            return largest_remainder(shares, whole, self.unit)
        if {one for at, one in made if at == above} != set(parent):
            return largest_remainder(shares, whole, self.unit)
        told = [largest_remainder(shares[parent == one], made[above, one][0], self.unit) for one in sorted(set(parent))]
        return pd.concat(told)

    def _reps(self, month: pd.Period, made: dict) -> dict[tuple[str, str | None], tuple[float, str]]:
        """Split each team's month over its reps by their rows of that month; none where the plan has none."""
        rows = self.targets[(self.targets["level"] == "rep") & (self.targets["period"].astype(str) == str(month))]
        rows = rows.drop_duplicates("name", keep="last").set_index("name")["amount"].clip(lower=0.0)
        team = rows.index.to_series().map(dict(self.within.get("rep", {})))
        told: dict[tuple[str, str | None], tuple[float, str]] = {}
        for name in sorted(set(team.dropna())):
            own = rows[team == name]
            if ("team", name) in made and own.sum() > 0:
                split = largest_remainder(own, made["team", name][0], self.unit)
                told |= {("rep", rep): (round(float(amount), 2), "plan") for rep, amount in split.items()}
        return told


def rows_of(targets: pd.DataFrame, level: str, name: str | None) -> pd.DataFrame:
    """Return the plan's rows of one scope that have an amount."""
    rows = targets[(targets["level"] == level) & targets["amount"].notna()]
    return rows[rows["name"].isna()] if name is None else rows[rows["name"] == name]


def wholes(rows: dict[str, float], moved: dict[str, float], fiscal_start: int = 1) -> dict[str, float]:
    """Return the new amounts of a scope's quarters, years and longer periods, so that they agree with their moved months.

    Parameters
    ----------
    rows : dict
        The plan of one scope: amount by period as written, the last said.
    moved : dict
        The new amounts of some months.

    Returns
    -------
    dict
        By period: the sum of its months where each has a row, else of its quarters, else of its years; a whole whose parts
        are not all stated is not in it and stays as it is.

    Examples
    --------
    >>> plan = {"2026": 50.0, "2026Q4": 9.0} | {f"2026Q{q}": 30.0 for q in (1, 2, 3)}
    >>> wholes(plan, {"2026-10": 10.0, "2026-11": 20.0, "2026-12": 30.0})
    {'2026Q4': 60.0, '2026': 150.0}
    """
    spans = {label: _span(label, fiscal_start) for label in rows}
    told = {**rows, **moved}
    touched = [
        label for label, months in spans.items() if len(months) > 1 and set(moved) & {str(month) for month in months}
    ]
    made: dict[str, float] = {}
    for label in sorted(touched, key=lambda one: (len(spans[one]), one)):
        amount = _sum_of(spans[label], told | made, fiscal_start)
        if amount is not None:
            made[label] = amount
    return made


def _span(label: str, fiscal_start: int) -> list[pd.Period]:
    try:
        return months_of(label, fiscal_start)
    except ParameterError:
        return []


def _sum_of(months: list[pd.Period], told: dict[str, float], fiscal_start: int) -> float | None:
    """Return the sum over some months of the finest rows that cover them, None where some month has none."""
    if all(str(month) in told for month in months):
        return round(sum(told[str(month)] for month in months), 2)
    for length in (3, 12):
        if len(months) <= length:
            continue
        parts = [_part(months[at : at + length], told, fiscal_start) for at in range(0, len(months), length)]
        if all(part is not None for part in parts):
            return round(sum(part for part in parts if part is not None), 2)
    return None


def _part(months: list[pd.Period], told: dict[str, float], fiscal_start: int) -> float | None:
    finer = _sum_of(months, told, fiscal_start)
    year = len(months) == 12
    label = (
        str(periods.fiscal_year(months[0], fiscal_start)) if year else periods.quarter_label(months[0], fiscal_start)
    )
    return told.get(label) if finer is None else finer
