"""How much wider an estimate is than its model says: quarters differ, people differ, shocks last, and few of each tell little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from salesloop.metrics import intervals

LEAST_FREE = 3
"""Degrees of freedom that a spread is read from at the least."""
LEAST_WEIGHT = 0.5
"""Variance that a cell of yes and no, or of counts, has at the least."""
NEAR = 6
"""Months around a change in which other dates are tried."""
_PEOPLE = ("owner_id", "owner", "rep")


@dataclass(frozen=True)
class Fitted:
    """A fitted regression as the spread is read from it.

    Attributes
    ----------
    made : DataFrame
        Its columns, a row an observation.
    left : ndarray
        What it left unexplained of each observation, over the dispersion.
    weight : ndarray
        How much each observation tells: its variance over the dispersion squared.
    cov : ndarray
        The covariance of its coefficients as the model has it.
    """

    made: pd.DataFrame
    left: np.ndarray
    weight: np.ndarray
    cov: np.ndarray

    def sums(self, code: np.ndarray) -> Sums:
        """Return the sums over cells; observations with a code below 0 belong to none."""
        inside, cells = code >= 0, int(code.max(initial=-1)) + 1
        told = [np.bincount(code[inside], values[inside], cells) for values in (self.left, self.weight)]
        columns = self.made.to_numpy()
        crossed = [
            np.bincount(code[inside], (columns[inside, j] * self.weight[inside]), cells)
            for j in range(columns.shape[1])
        ]
        return Sums(told[0], told[1], np.column_stack(crossed))


@dataclass(frozen=True)
class Sums:
    """What a regression left over, and how much it had to go by, in each cell; and how cells and columns hang together."""

    left: np.ndarray
    weight: np.ndarray
    crossed: np.ndarray

    def expected(self, cov: np.ndarray) -> np.ndarray:
        """Return the covariance that the sums of what was left have where the model holds."""
        return np.diag(self.weight) - self.crossed @ cov @ self.crossed.T


def standard_errors(fit: Fitted, rows: pd.DataFrame, *, group: str, family: str) -> dict[str, float]:
    """Return each column's standard error, to be used with the normal distribution, as wide as the data say it has to be.

    Three things come on top of the model's own error. Groups differ from quarter to quarter by more than chance
    (never taken as less); the people who sell differ, and a group's people change, which a comparison of before and
    after takes for an effect; and both are read from few cells, so that Student's t takes the place of the normal
    distribution (Satterthwaite's degrees of freedom). Counts of what was left are held against what the fitted model
    leads one to expect after all its columns, not against their number.

    Parameters
    ----------
    fit : Fitted
        The regression.
    rows : DataFrame
        ``quarter``, the column of groups and, where known, ``owner_id``.
    group : str
        The column of groups.
    family : {"binomial", "poisson", "gaussian"}
        For amounts the noise is read from the data already, so quarters add nothing.
    """
    own = np.diag(fit.cov).copy()
    quarters, free = (
        (1.0, float(len(rows) - fit.made.shape[1])) if family == "gaussian" else _quarters(fit, rows, group)
    )
    people, n_free = _people(fit, rows, group, least=0.0 if family == "gaussian" else LEAST_WEIGHT)
    own *= quarters
    total = own + people
    shaky = own**2 / max(free, 1.0) + people**2 / max(n_free, 1.0)
    return {name: float(np.sqrt(total[i])) * wider(total[i] ** 2 / shaky[i] + 1) for i, name in enumerate(fit.made)}


def _quarters(fit: Fitted, rows: pd.DataFrame, group: str) -> tuple[float, float]:
    """Return how much more cells of group x quarter vary than the model says, at least 1, and the degrees of freedom."""
    code = pd.factorize(rows[group].astype(str) + "|" + rows["quarter"].astype(str))[0]
    told = fit.sums(code)
    some = told.weight > LEAST_WEIGHT
    free = float((np.diag(told.expected(fit.cov))[some] / told.weight[some]).sum())
    if free < LEAST_FREE:
        return 1.0, LEAST_FREE
    return max(float((told.left[some] ** 2 / told.weight[some]).sum()) / free, 1.0), free


def _people(fit: Fitted, rows: pd.DataFrame, group: str, *, least: float) -> tuple[np.ndarray, float]:
    """Return what differences between people add to each column's variance, and the degrees of freedom.

    The variance between people is read from what was left of each one's deals (moments); none is added where deals name
    nobody, where the groups are people, or where there are hardly more people than groups.
    """
    nothing = np.zeros(fit.made.shape[1]), float("inf")
    if "owner_id" not in rows or group in _PEOPLE:
        return nothing
    told = fit.sums(pd.factorize(rows["owner_id"])[0])
    some = told.weight > least
    free = float(some.sum() - rows[group].nunique())
    if free < LEAST_FREE:
        return nothing
    told = Sums(told.left[some], told.weight[some], told.crossed[some])
    expected = told.expected(fit.cov)
    found = float((told.left**2 / told.weight).sum() - (np.diag(expected) / told.weight).sum())
    one = float(((expected**2).sum(axis=1) / told.weight).sum())
    variance = max(found / one, 0.0) if one > 0 else 0.0
    return variance * np.square(fit.cov @ told.crossed.T).sum(axis=1), free


def wider(groups: float) -> float:
    """Return how much wider an interval is whose spread few groups tell: Student's t over the normal.

    Examples
    --------
    >>> [round(wider(n), 2) for n in (3, 6, 30)]
    [2.2, 1.31, 1.04]
    """
    from scipy.special import stdtrit

    return float(stdtrit(max(groups - 1, 1), 0.975)) / intervals.z(0.95)


def lasting(counts: pd.DataFrame, *, kind: str, values: Sequence[str], start: pd.Timestamp) -> float:
    """Return how far log counts of groups that nobody changed drift apart from one another, as a standard error.

    The same before-and-after difference, against the others, for every group but the changed one and for dates within
    half a year of the change: shocks that last (people who come and go) show in it, which counting noise does not hold.
    Few groups tell little about it, so it is widened as Student's t with one degree of freedom less than groups asks; the
    mean of several groups drifts less than one does.
    NaN with fewer than three such groups.

    Parameters
    ----------
    counts : DataFrame
        ``month, hit`` and the column of groups: counts by month and group.
    kind : str
        That column.
    values : sequence of str
        The groups that were changed.
    start : Timestamp
        The day of the change.
    """
    wide = counts.assign(g=counts[kind].astype(str)).pivot_table(
        index="month", columns="g", values="hit", aggfunc="sum"
    )
    wide = np.log(wide.drop(columns=list(values), errors="ignore").fillna(0.0) + 0.5)
    groups = wide.shape[1]
    if groups < 3:
        return float("nan")
    away = wide.sub(wide.mean(axis=1), axis=0) * groups / (groups - 1)
    at = int((wide.index < start.to_period("M")).sum())
    dates = [date for date in range(at - NEAR, at + NEAR + 1) if 3 <= date <= len(wide) - 3]
    moved = [away.iloc[date:].mean() - away.iloc[:date].mean() for date in dates]
    theirs = max(counts[kind].astype(str).drop_duplicates().isin(values).sum(), 1)
    share = 1 / theirs + 1 / groups
    return float(np.sqrt(np.mean(np.square(moved)) * share)) * wider(groups) if moved else float("nan")
