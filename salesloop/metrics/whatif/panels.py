"""Groups over time: synthetic control for one of several, difference in differences for some of many."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from salesloop.metrics.whatif.estimators import Effect, effect
from salesloop.metrics.whatif.spread import wider

SUM_WEIGHT = 1e3


@dataclass(frozen=True)
class Panel:
    """A difference in differences with its check of the time before.

    Attributes
    ----------
    effect : Effect
        On the treated, per step.
    before_p : float
        The p value of no difference between the groups' paths before the change (event study); small
        means that they were not comparable.
    """

    effect: Effect
    before_p: float


def synthetic_weights(controls: np.ndarray, treated: np.ndarray) -> np.ndarray:
    """Return the weights of controls, none negative and adding up to 1, that come closest to the treated one.

    Examples
    --------
    >>> x = np.array([[1.0, 3.0], [2.0, 4.0], [3.0, 5.0]])
    >>> synthetic_weights(x, x @ np.array([0.25, 0.75])).round(3).tolist()
    [0.25, 0.75]
    """
    from scipy.optimize import nnls

    scale = SUM_WEIGHT * max(float(np.abs(controls).max()), 1e-9)
    made, _ = nnls(np.vstack([controls, np.full(controls.shape[1], scale)]), np.append(treated, scale))
    return made / made.sum() if made.sum() > 0 else np.full(controls.shape[1], 1 / controls.shape[1])


def synthetic_control(wide: pd.DataFrame, *, treated: str, start: int) -> Effect:
    """Return a group's effect per step against a mix of others that went the same way before (Abadie et al. 2010).

    Every other group is put through the same as if it had been changed; how far their paths part gives the interval,
    and the p value is the group's rank among them by how much worse the fit got (so never below one in groups).

    Parameters
    ----------
    wide : DataFrame
        Time by group.
    treated : str
        The changed group's column.
    start : int
        The first row that the change acts on.

    Returns
    -------
    Effect
        ``low, high`` from the spread of the others' gaps, as normal.
    """
    gaps = {
        name: _gap(wide.drop(columns=[treated] if name != treated else []), str(name), start) for name in wide.columns
    }
    own = gaps.pop(treated)
    spread = float(np.sqrt(np.mean([gap[start:].mean() ** 2 for gap in gaps.values()])))
    ratio = {name: _worse(gap, start) for name, gap in gaps.items()}
    rank = 1 + sum(other >= _worse(own, start) for other in ratio.values())
    told = effect(float(own[start:].mean()), spread, len(wide))
    return Effect(told.estimate, told.se, told.low, told.high, rank / (len(gaps) + 1), told.minimum_detectable, told.n)


def _gap(wide: pd.DataFrame, name: str, start: int) -> np.ndarray:
    x, y = wide.drop(columns=name).to_numpy(float), wide[name].to_numpy(float)
    return y - x @ synthetic_weights(x[:start], y[:start])


def _worse(gap: np.ndarray, start: int) -> float:
    return float(np.sqrt((gap[start:] ** 2).mean()) / max(np.sqrt((gap[:start] ** 2).mean()), 1e-12))


def difference_in_differences(
    frame: pd.DataFrame, *, outcome: str, group: str, time: str, treated: str, start: int, others: Sequence[str] = (),
    weight: str | None = None,
) -> Panel:  # fmt: skip
    """Return the effect on some of many groups: levels of group and time taken out, errors by group, and the time before.

    Errors by group promise too much where few groups were changed, so they are widened as Student's t asks for with one
    degree of freedom less than the smaller side has groups.

    Parameters
    ----------
    frame : DataFrame
        One row a group and time; `time` whole numbers, `treated` 1 for the groups that were changed.
    start : int
        The first time that the change acts on.
    others : sequence of str
        Columns of other changes that are to be taken out: 1 where they acted.
    weight : str, optional
        The column of how much a row counts.

    Returns
    -------
    Panel
        ``effect.comparable`` is False where the event study of the time before says that paths differed.
    """
    on, when = frame[treated].to_numpy() == 1, frame[time].to_numpy()
    levels = [
        pd.get_dummies(frame[name].astype(str), drop_first=True, dtype=float).to_numpy() for name in (group, time)
    ]
    base = np.column_stack([np.ones(len(frame)), *levels, *(frame[name].to_numpy(float) for name in others)])
    model = _Model(
        frame[outcome].to_numpy(float), base, pd.factorize(frame[group])[0],
        np.ones(len(frame)) if weight is None else frame[weight].to_numpy(float),
    )  # fmt: skip
    acted = (on & (when >= start)).astype(float)
    if not _told_apart(acted, base):
        return Panel(effect(float("nan"), float("nan"), len(frame)), float("nan"))
    fit = model.fit(acted[:, None])
    sides = min(frame.loc[on, group].nunique(), frame.loc[~on, group].nunique())
    before_p = _before(model, on, when, start, sides)
    alike = bool(before_p >= 0.05) if np.isfinite(before_p) else None
    told = effect(float(fit.params[0]), float(fit.bse[0]) * wider(sides), len(frame), alike)
    return Panel(told, before_p)


def _told_apart(column: np.ndarray, base: np.ndarray) -> bool:
    """Return whether a column is no combination of others."""
    column = column.astype(float)
    rest = column - base @ np.linalg.lstsq(base, column, rcond=None)[0]
    return float((rest**2).sum()) > 1e-6 * max(float((column**2).sum()), 1e-12)


@dataclass(frozen=True)
class _Model:
    """A weighted regression with what every fit shares, errors by group."""

    y: np.ndarray
    base: np.ndarray
    groups: np.ndarray
    weight: np.ndarray

    def fit(self, columns: np.ndarray):
        """Fit with some columns before the shared ones."""
        from statsmodels.regression.linear_model import WLS

        model = WLS(self.y, np.column_stack([columns, self.base]), weights=self.weight)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # levels without rows of their own: what is read off was checked before
            return model.fit(cov_type="cluster", cov_kwds={"groups": self.groups}, use_t=True)


def _before(model: _Model, on: np.ndarray, when: np.ndarray, start: int, sides: int) -> float:
    """Return the p value of the changed groups' steps before the change, the last one as the reference.

    The least likely of up to four steps counts, times their number, by Student's t with one degree of freedom less than the
    smaller side has groups: a joint test of few groups would find paths that differ far too often.
    """
    from scipy.special import stdtr

    steps = [
        step
        for step in sorted({int(t) for t in when if t < start})[:-1][-4:]
        if _told_apart(on & (when == step), model.base)
    ]
    if not steps:
        return float("nan")
    leads = np.column_stack([*(on & (when == step) for step in steps), on & (when >= start)]).astype(float)
    fit = model.fit(leads)
    told = np.abs(fit.params[: len(steps)] / fit.bse[: len(steps)])
    return float(min(2 * stdtr(max(sides - 1, 1), -told.max()) * len(steps), 1.0))
