"""All logged changes in one model: a logistic or count regression with groups, time and every change at once."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from salesloop.metrics.whatif import spread
from salesloop.metrics.whatif.estimators import Effect, effect

LEAST_SIDE = 10
"""Observations that a change needs on its treated side."""
_ABSURD = 5.0


@dataclass(frozen=True)
class Trial:
    """One change as a model sees it.

    Attributes
    ----------
    id : str
        The intervention's.
    kind : str
        The column that says whom it applies to.
    value : str or tuple of str
        Its value, or several.
    start, end : Timestamp
        From when, and until when (NaT: it stays).
    stage : str, optional
        The stage that it is limited to.
    """

    id: str
    kind: str
    value: str | tuple[str, ...]
    start: pd.Timestamp
    end: pd.Timestamp
    stage: str | None = None

    @property
    def values(self) -> tuple[str, ...]:
        """The values that it applies to."""
        return (self.value,) if isinstance(self.value, str) else self.value

    def inside(self, rows: pd.DataFrame) -> np.ndarray:
        """Return which rows belong to those it applies to."""
        theirs = rows[self.kind].astype(str).isin(self.values)
        return (theirs if self.stage is None else theirs & (rows["stage"].astype(str) == self.stage)).to_numpy()

    def new(self, rows: pd.DataFrame) -> np.ndarray:
        """Return which rows it acted on: theirs, of deals created since its start, while it held."""
        held = pd.isna(self.end) | (rows["on"] <= self.end)
        return self.inside(rows) & ((rows["created_at"] >= self.start) & held).to_numpy()

    def between(self, rows: pd.DataFrame) -> np.ndarray:
        """Return which rows, of anybody, are neither before nor after: deals created before its start that moved after it."""
        return ((rows["created_at"] < self.start) & (rows["on"] >= self.start)).to_numpy()


def design(rows: pd.DataFrame, trials: list[Trial], factors: list[str]) -> tuple[pd.DataFrame, list[str]]:
    """Return the columns of the model and which of them are the changes.

    Each change has one column for what it acted on and two that take deals in between, theirs and others', out of the
    comparison; one limited to a stage has a column for its group there, before and after;
    factors are groups, quarters, stages: all their levels but one.
    """
    parts = {"const": np.ones(len(rows))}
    for name in factors:
        dummies = pd.get_dummies(rows[name].astype(str), drop_first=True, dtype=float)
        parts |= {f"{name}={level}": dummies[level].to_numpy() for level in dummies}
    for trial in trials:
        parts[f"change:{trial.id}"] = trial.new(rows).astype(float)
        if trial.stage is not None:
            parts[f"there:{trial.id}"] = trial.inside(rows).astype(float)
        between = trial.between(rows).astype(float)
        if 0 < between.sum() < len(rows):
            parts |= {f"old:{trial.id}": between, f"between:{trial.id}": between * trial.inside(rows)}
    made = pd.DataFrame(parts, index=rows.index)
    return made, [f"change:{trial.id}" for trial in trials]


def estimable(made: pd.DataFrame, column: str) -> bool:
    """Return whether a column varies and is not a combination of the others."""
    x = made[column].to_numpy()
    if x.sum() < LEAST_SIDE or x.sum() == len(x):
        return False
    others = made.drop(columns=column).to_numpy()
    rest = x - others @ np.linalg.lstsq(others, x, rcond=None)[0]
    return float((rest**2).sum()) > 1e-6 * float((x**2).sum())


def fit(
    rows: pd.DataFrame, trials: list[Trial], *, factors: list[str], group: str, family: str, clustered: bool = False
) -> dict[str, Effect]:
    """Return the effect of each change on the log scale, all fitted together.

    Parameters
    ----------
    rows : DataFrame
        ``hit`` (0 or 1, a count, or a log amount), ``on``, ``created_at``, the factors, and for counts ``exposure``.
    trials : list of Trial
        The changes.
    factors : list of str
        Columns whose levels are taken out.
    group : str
        With ``quarter`` and the people in it what widens the standard errors; see `spread.standard_errors`.
    family : {"binomial", "poisson", "gaussian"}
        The outcome's kind.
    clustered : bool
        Standard errors by group instead, which needs many of them (20 or more).
    """
    rows = informative(rows, factors) if family == "binomial" else rows
    made, names = design(rows, trials, factors)
    usable = [name for name in names if estimable(made, name) and _varies(rows, made[name], family)]
    made = made.drop(columns=[name for name in names if name not in usable])
    if not usable:
        return {}
    made = made.loc[:, _independent(made, usable)]
    told = _fitted(made, rows, family, rows[group].astype(str) if clustered else None)
    errors = dict(told.bse) if clustered else _errors(told, made, rows, group, family)
    return {
        name.removeprefix("change:"): effect(float(told.params[name]), float(errors[name]), int(made[name].sum()))
        for name in usable if abs(told.params[name]) < _ABSURD
    }  # fmt: skip


def _fitted(made: pd.DataFrame, rows: pd.DataFrame, family: str, groups: pd.Series | None):
    """Return the fitted regression, with errors by group where groups are given."""
    from statsmodels.genmod import families
    from statsmodels.genmod.generalized_linear_model import GLM

    kind = {"binomial": families.Binomial, "poisson": families.Poisson, "gaussian": families.Gaussian}[family]()
    columns = list(made.columns)
    if family == "binomial":
        cells = made.assign(_g="" if groups is None else groups, _hit=rows["hit"].to_numpy(float), _n=1.0)
        cells = cells.groupby([*columns, "_g"], sort=True, as_index=False).sum()
        model = GLM(np.column_stack([cells["_hit"], cells["_n"] - cells["_hit"]]), cells[columns], family=kind)
        groups = None if groups is None else cells["_g"]
    else:
        model = GLM(rows["hit"].to_numpy(float), made, family=kind, offset=_offset(rows, family))
    how = {} if groups is None else {"cov_type": "cluster", "cov_kwds": {"groups": pd.factorize(groups)[0]}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # separation in a nuisance level: checked by the size of what is read off
        return model.fit(maxiter=100, **how)


def _errors(told, made: pd.DataFrame, rows: pd.DataFrame, group: str, family: str) -> dict[str, float]:
    """Return the standard errors of a fitted regression, as wide as quarters and people make them."""
    expected = np.asarray(told.predict(made, offset=_offset(rows, family)))
    varies = {
        "binomial": expected * (1 - expected),
        "poisson": expected,
        "gaussian": np.full(len(rows), float(told.scale)),
    }
    scale = float(told.scale) if family == "gaussian" else 1.0
    left = (rows["hit"].to_numpy(float) - expected) / scale
    fitted = spread.Fitted(made, left, varies[family] / scale**2, np.asarray(told.cov_params()))
    return spread.standard_errors(fitted, rows, group=group, family=family)


def informative(rows: pd.DataFrame, factors: list[str]) -> pd.DataFrame:
    """Leave out levels in which all or none are hits: they say nothing about a change and upset the fit."""
    for name in factors:
        share = rows.groupby(rows[name].astype(str))["hit"].transform("mean")
        rows = rows[(share > 0) & (share < 1)]
    return rows


def _varies(rows: pd.DataFrame, column: pd.Series, family: str) -> bool:
    """Return whether those that a change acted on have both outcomes, three times each."""
    hit = rows.loc[column == 1, "hit"]
    return family != "binomial" or min(hit.sum(), len(hit) - hit.sum()) >= 3


def _independent(made: pd.DataFrame, keep: list[str]) -> list[str]:
    """Return the columns that are no combination of earlier ones, the changes first."""
    order = ["const", *keep, *[name for name in made if name not in keep and name != "const"]]
    x = made[order].to_numpy()
    _, r = np.linalg.qr(x)
    diagonal = np.abs(np.diag(r))
    return [name for name, size in zip(order, diagonal, strict=True) if size > 1e-8 * max(diagonal.max(), 1.0)]


def _offset(rows: pd.DataFrame, family: str) -> np.ndarray | None:
    return np.log(rows["exposure"].to_numpy(float)) if family == "poisson" else None
