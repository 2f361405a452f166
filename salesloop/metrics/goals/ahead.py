"""What a target's measure may come to: bookings from the one set of draws, other measures from their own history."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import numpy as np
import pandas as pd

from salesloop import periods
from salesloop.metrics import measures
from salesloop.metrics.goals.ground import Ground

MONTHS, LEAST_MONTHS, LEAST_FACTS = 12, 6, 20
COUNTS = ("new_customers", "activities")


@dataclass(frozen=True)
class Ahead:
    """What one measure of one scope may come to over some months.

    Attributes
    ----------
    actual, n
        So far, and the facts counted.
    final : ndarray
        Draws of the value when the months are over; empty where it cannot be told.
    basis : {"over", "draws", "history", "market", "too_far", "few", "unmeasured"}
        What the draws rest on, or why there are none.
    """

    actual: float
    n: int
    final: np.ndarray
    basis: str

    def quantile(self, share: float) -> float:
        """Return a quantile of the final value, NaN without draws."""
        return float(np.quantile(self.final, share)) if len(self.final) else float("nan")


_NONE = np.zeros(0)


def look(measure: str, level: str, name: str | None, months: list[pd.Period], label: str, *, ground: Ground) -> Ahead:
    """Return what a measure of a scope may come to.

    Parameters
    ----------
    measure, level, name, months, label
        Of the target: its measure, scope, months and period as written.
    ground : Ground
        Facts and draws.
    """
    if measure == "market_share":
        return _share(level, name, months, label, ground)
    actual, n = ground.actual(measure, level, name, months)
    first = ground.first_fact(measure)
    if first is None or months[-1] < first or measure in ("grr", "nrr"):
        return Ahead(float("nan"), 0, _NONE, "unmeasured")
    left = [month for month in months if month >= ground.ahead[0]]
    if not left:
        return Ahead(actual, n, _NONE, "over")
    if measure == "bookings":
        return _bookings(actual, n, level, name, left, ground)
    return _history(measure, actual, n, level, name, months, left, ground)


def _bookings(actual: float, n: int, level: str, name: str | None, left: list[pd.Period], ground: Ground) -> Ahead:
    if not ground.has_draws:
        return Ahead(actual, n, _NONE, "few")
    if left[-1] > ground.ahead[-1]:
        return Ahead(actual, n, _NONE, "too_far")
    return Ahead(actual, n, actual + ground.left(level, name, left), "draws")


def _share(level: str, name: str | None, months: list[pd.Period], label: str, ground: Ground) -> Ahead:
    """Return own bookings over the market's size; nothing without a size that names its source."""
    size = market_size(ground.market, label, name)
    if not size > 0:
        return Ahead(float("nan"), 0, _NONE, "unmeasured")
    own = look("bookings", level, name, months, label, ground=ground)
    basis = "market" if own.basis == "draws" else own.basis
    return Ahead(own.actual / size, own.n, own.final / size, basis)


def market_size(market: pd.DataFrame, label: str, segment: str | None) -> float:
    """Return the size of a market for a period as written in the plan; NaN without a source.

    Examples
    --------
    >>> told = pd.DataFrame({"period": ["2026", "2026"], "segment": ["N", "S"], "size": [60.0, 40.0],
    ...                      "source": ["survey", None]})
    >>> market_size(told, "2026", None), market_size(told, "2026", "S")
    (60.0, nan)
    """
    if market.empty or "source" not in market:
        return float("nan")
    rows = market[(market["period"].astype(str).str.upper() == label) & market["source"].notna()]
    rows = rows if segment is None else rows[rows["segment"] == segment]
    return float(rows["size"].sum()) if len(rows) else float("nan")


def _history(measure, actual, n, level, name, months, left, ground: Ground) -> Ahead:
    facts = ground.measured(measure)
    inside = facts if level == "company" else facts[facts[level] == name]
    share = _shares_left(left, ground)
    seed = zlib.crc32(f"{measure}:{level}:{name}:{months[0]}:{len(months)}".encode())
    rng = np.random.default_rng(seed)
    if measures.is_rate(facts, measure):
        return _rate(inside, actual, n, months, share, ground, rng)
    past = _past(inside, facts, ground)
    if len(past) < LEAST_MONTHS or past.sum() <= 0:
        return Ahead(actual, n, _NONE, "few")
    whole = measure in COUNTS or (measure in ground.declared and ground.declared[measure].how == "count")
    more = counts(past, share, ground.n_draws, rng) if whole else amounts(past, share, ground.n_draws, rng)
    return Ahead(actual, n, np.nan_to_num(actual) + more, "history")


def _shares_left(left: list[pd.Period], ground: Ground) -> float:
    """Return how many months are left, one that has begun by its working days."""
    done = periods.working_day_share(left[0], ground.as_of, ground.country)
    return len(left) - (done if math.isfinite(done) else 0.0)


def _past(inside: pd.DataFrame, facts: pd.DataFrame, ground: Ground) -> np.ndarray:
    """Return the monthly values of the last complete months, from the first month in which anyone had a fact."""
    last = ground.ahead[0] - 1
    first = max(facts["on"].min().to_period("M"), last - MONTHS + 1)
    months = pd.period_range(first, last, freq="M")
    return inside.groupby(inside["on"].dt.to_period("M"))["value"].sum().reindex(months, fill_value=0.0).to_numpy(float)


def counts(past: np.ndarray, months: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a count over some months: Poisson with the variation between months and the level's own error.

    Parameters
    ----------
    past : ndarray
        Monthly counts.
    months : float
        How many months are left.

    Examples
    --------
    >>> made = counts(np.full(12, 10.0), 3, 20000, np.random.default_rng(1))
    >>> bool(abs(made.mean() - 30) < 0.3)
    True
    """
    mean, spread = past.mean(), max(past.var(ddof=1), past.mean())
    level = rng.gamma(len(past) * mean**2 / spread, spread / (len(past) * mean), n)
    extra = months * (spread - mean)
    if extra > 1e-9:
        expected = months * level
        level = rng.gamma(expected**2 / extra, extra / expected) / months
    return rng.poisson(months * level).astype(float)


def amounts(past: np.ndarray, months: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a sum of money over some months, never below zero: gamma with the past months' mean and variance."""
    mean, spread = past.mean(), max(past.var(ddof=1), 1e-12)
    level = rng.gamma(len(past) * mean**2 / spread, spread / (len(past) * mean), n)
    return rng.gamma(months * level**2 / spread, spread / np.maximum(level, 1e-12))


def _rate(inside, actual, n, months, share, ground: Ground, rng) -> Ahead:
    recent = inside[inside["on"].dt.to_period("M") > ground.period - MONTHS]
    if len(recent) < LEAST_FACTS:
        return Ahead(actual, n, _NONE, "few")
    now = inside[inside["on"].dt.to_period("M").isin(months)]
    span = min(MONTHS, (ground.period - recent["on"].min().to_period("M")).n + 1)
    coming = rng.poisson(len(recent) / span * share, ground.n_draws)
    values = recent["value"].to_numpy(float)
    mean, sd = values.mean(), values.std(ddof=1)
    if set(np.unique(values)) <= {0.0, 1.0}:
        p = rng.beta(values.sum() + 0.5, len(values) - values.sum() + 0.5, ground.n_draws)
        total = rng.binomial(coming, p).astype(float)
    else:
        level = mean + sd / math.sqrt(len(values)) * rng.standard_normal(ground.n_draws)
        total = coming * level + np.sqrt(coming) * sd * rng.standard_normal(ground.n_draws)
    weight = now["weight"].sum() + coming
    final = np.where(weight > 0, (now["value"].sum() + total) / np.maximum(weight, 1), mean)
    return Ahead(actual, n, final, "history")
