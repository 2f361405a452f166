"""General estimators of what a change did, each with its interval and the smallest effect it could have seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from salesloop.metrics import intervals
from salesloop.metrics.whatif.series import autoregressed, mean_noise

POWER = 2.8015852118969756
"""Standard errors between nothing and an effect that is seen in 80 % of cases at 5 %, two-sided."""
SMD_MOST = 0.25
"""Groups further apart than this in any mean, in standard deviations, are not comparable (Rubin 2001)."""


@dataclass(frozen=True)
class Effect:
    """An estimated effect.

    Attributes
    ----------
    estimate, se, low, high, p_value
        The effect, its standard error, its 95 % interval, and the p value of no effect.
    minimum_detectable
        The smallest effect that would be seen in 80 % of cases.
    n
        Observations.
    comparable
        Whether the groups can be compared as they are; None where that is not the question.
    """

    estimate: float
    se: float
    low: float
    high: float
    p_value: float
    minimum_detectable: float
    n: int
    comparable: bool | None = None

    def row(self) -> dict:
        """Return the effect as a row."""
        return asdict(self)


def effect(estimate: float, se: float, n: int, comparable: bool | None = None) -> Effect:
    """Return an effect with a normal interval.

    Examples
    --------
    >>> told = effect(2.0, 1.0, 100)
    >>> round(told.low, 2), round(told.high, 2), round(told.p_value, 4), round(told.minimum_detectable, 2)
    (0.04, 3.96, 0.0455, 2.8)
    """
    from scipy.special import ndtr

    if not (np.isfinite(estimate) and se > 0):
        nan = float("nan")
        return Effect(float(estimate), nan, nan, nan, nan, nan, n, comparable)
    reach = intervals.z(0.95) * se
    p = 2 * float(ndtr(-abs(estimate) / se))
    return Effect(
        float(estimate),
        float(se),
        float(estimate - reach),
        float(estimate + reach),
        p,
        POWER * float(se),
        n,
        comparable,
    )


def difference_in_means(
    frame: pd.DataFrame, *, outcome: str, treated: str, covariates: Sequence[str] = (), cluster: str | None = None
) -> Effect:
    """Return the difference of two groups' means (Neyman's standard error); an effect only where groups are alike.

    Parameters
    ----------
    frame : DataFrame
        One row an observation.
    outcome, treated : str
        The outcome, and 1 for treated, 0 for not.
    covariates : sequence of str
        What the groups should be alike in; ``comparable`` is False where a mean differs by over 0.25 standard deviations.
    cluster : str, optional
        The column of what belongs together; its rows count as one.

    Examples
    --------
    >>> told = pd.DataFrame({"y": [1.0, 3.0, 4.0, 6.0], "d": [0, 0, 1, 1]})
    >>> difference_in_means(told, outcome="y", treated="d").estimate
    3.0
    """
    on = frame[treated].to_numpy() == 1
    y = frame[outcome].to_numpy(float)
    a, b = y[on], y[~on]
    se = np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)) if min(len(a), len(b)) > 1 else float("nan")
    if cluster is not None and np.isfinite(se):
        share = on.mean()
        se = error_of(np.where(on, (y - a.mean()) / share, (b.mean() - y) / (1 - share)), frame[cluster].to_numpy())
    alike = (
        None
        if not covariates
        else bool(balance(frame, treated=treated, covariates=covariates)["smd"].abs().max() <= SMD_MOST)
    )
    return effect(a.mean() - b.mean(), float(se), len(y), alike)


def balance(frame: pd.DataFrame, *, treated: str, covariates: Sequence[str]) -> pd.DataFrame:
    """Return how far two groups are apart: ``covariate, treated_mean, control_mean, smd`` (in standard deviations)."""
    on = frame[treated].to_numpy() == 1
    rows = []
    for name in covariates:
        a, b = frame.loc[on, name].astype(float), frame.loc[~on, name].astype(float)
        sd = np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)
        gap = a.mean() - b.mean()
        rows.append(
            {"covariate": name, "treated_mean": a.mean(), "control_mean": b.mean(), "smd": gap / sd if sd > 0 else 0.0}
        )
    return pd.DataFrame(rows)


def doubly_robust(
    frame: pd.DataFrame,
    *,
    outcome: str,
    treated: str,
    covariates: Sequence[str],
    overlap: tuple[float, float] = (0.05, 0.95),
    cluster: str | None = None,
) -> Effect:
    """Return the effect on the treated, right if either the chance of treatment or the outcome is modelled well.

    The chance of treatment is a logistic regression on covariates, squares and zero marks; controls and treated with a
    chance outside `overlap` are left out, since there is nobody to compare them with; the outcome of controls is a
    weighted linear regression (augmented inverse-probability weighting, Robins et al. 1994; effect on the treated).

    Parameters
    ----------
    frame, outcome, treated
        As for `difference_in_means`.
    covariates : sequence of str
        What treatment and outcome may depend on, known before treatment.
    overlap : tuple of float
        Chances that count.
    cluster : str, optional
        The column of what belongs together, such as the customer of several deals: its rows count as one.

    Returns
    -------
    Effect
        ``comparable`` is False where fewer than half of the treated, or under 30 controls, lie inside the overlap.
    """
    from sklearn.linear_model import LinearRegression

    on = frame[treated].to_numpy() == 1
    y, x = frame[outcome].to_numpy(float), _features(frame, covariates)
    chance = _chances(x, on)
    inside = (chance >= overlap[0]) & (chance <= overlap[1])
    share = float(inside[on].mean())
    together = None if cluster is None else frame[cluster].to_numpy()[inside]
    y, x, on = y[inside], x[inside], on[inside]
    alike = share >= 0.5 and int((~on).sum()) >= 30
    if on.sum() < 2 or (~on).sum() < 2:
        return effect(float("nan"), float("nan"), len(y), False)
    chance = _chances(x, on)
    odds = chance / (1 - chance)
    fitted = LinearRegression().fit(x[~on], y[~on], sample_weight=odds[~on]).predict(x)
    p = on.mean()
    weight = np.where(on, 1.0, -odds * on.sum() / max(odds[~on].sum(), 1e-12) * 1.0)
    scores = np.where(on, (y - fitted) / p, weight * (y - fitted) * len(y) / on.sum())
    estimate = float(scores.mean())
    bent = _leverage(x[~on], odds[~on])
    influence = scores - np.where(on, estimate / p, 0.0)
    influence[~on] = influence[~on] / (1 - bent)
    return effect(estimate, error_of(influence, together), len(y), alike)


def _leverage(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return how far each row bends a weighted regression to itself, at most .9: its residual is too small by as much.

    Examples
    --------
    Two rows and a mean: each makes up half of it.

    >>> _leverage(np.zeros((2, 1)), np.ones(2)).round(6).tolist()
    [0.5, 0.5]
    """
    design = np.column_stack([np.ones(len(x)), x]) * np.sqrt(weight)[:, None]
    left, size, _ = np.linalg.svd(design, full_matrices=False)
    return np.minimum(np.square(left[:, size > 1e-8 * size.max()]).sum(axis=1), 0.9)


def error_of(influence: np.ndarray, together: np.ndarray | None = None) -> float:
    """Return the standard error of a mean from what each row adds to it; rows that belong together count as one.

    Examples
    --------
    Four rows that are two twice:

    >>> told = np.array([1.0, 1.0, -1.0, -1.0])
    >>> round(error_of(told), 3), round(error_of(told, np.array([1, 1, 2, 2])), 3)
    (0.577, 1.0)
    """
    n = len(influence)
    if together is None:
        return float(influence.std(ddof=1) / np.sqrt(n))
    sums = np.bincount(pd.factorize(together)[0], influence - influence.mean())
    return float(np.sqrt((sums**2).sum() * len(sums) / max(len(sums) - 1, 1)) / n)


def _features(frame: pd.DataFrame, covariates: Sequence[str]) -> np.ndarray:
    """Return standardised covariates, their squares, and marks of zeros where a covariate has many."""
    blocks = []
    for name in covariates:
        value = frame[name].to_numpy(float)
        blocks.append(value)
        if len(np.unique(value)) > 2:
            blocks.append(value**2)
            if 0.05 < (value == 0).mean() < 0.95:
                blocks.append((value == 0).astype(float))
    made = np.column_stack(blocks)
    return (made - made.mean(axis=0)) / np.maximum(made.std(axis=0), 1e-12)


def _chances(x: np.ndarray, on: np.ndarray) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression

    return np.clip(LogisticRegression(C=1.0, max_iter=2000).fit(x, on).predict_proba(x)[:, 1], 1e-6, 1 - 1e-6)


def arms(frame: pd.DataFrame, *, outcome: str, arm: str, control: str) -> pd.DataFrame:
    """Return each arm of a randomised trial with a yes-or-no outcome, against the control.

    Parameters
    ----------
    frame : DataFrame
        One row a subject: `outcome` 0 or 1, `arm` its group.
    control : str
        The arm to compare with.

    Returns
    -------
    DataFrame
        ``arm, n, share, low, high`` (Wilson, 95 %), ``change, change_low, change_high`` (Newcombe), ``minimum_detectable``.
    """
    told = frame.groupby(arm)[outcome].agg(["sum", "size"])
    base, total = told.loc[control]
    rows = []
    for name, row in told.iterrows():
        low, high = intervals.wilson(row["sum"], row["size"])
        down, up = (
            intervals.share_change((row["sum"], row["size"]), (base, total)) if name != control else (np.nan, np.nan)
        )
        share, other = row["sum"] / row["size"], base / total
        se = np.sqrt(share * (1 - share) / row["size"] + other * (1 - other) / total)
        rows.append({"arm": name, "n": int(row["size"]), "share": share, "low": low, "high": high,
                     "change": share - other if name != control else np.nan, "change_low": down, "change_high": up,
                     "minimum_detectable": POWER * se})  # fmt: skip
    return pd.DataFrame(rows)


def elasticity(
    frame: pd.DataFrame, *, quantity: str, price: str, item: str | None = None, effects: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the price elasticity: percent more sold for one percent more price.

    Pooled it mixes price with what the items are; with `item` each has its own level and its own elasticity, and with
    `effects` (periods, campaigns) their levels are taken out too. Robust standard errors (HC1).

    Parameters
    ----------
    frame : DataFrame
        One row a sale or a period of an item, with positive quantity and price.
    quantity, price : str
        Columns.
    item : str, optional
        The column of items; without it the elasticity is pooled.
    effects : sequence of str
        Columns whose levels are taken out.

    Returns
    -------
    DataFrame
        ``item, estimate, se, low, high, p_value, minimum_detectable, n``; one row, or one an item.
    """
    from statsmodels.regression.linear_model import OLS

    told = frame[(frame[quantity] > 0) & (frame[price] > 0)]
    y, p = np.log(told[quantity].to_numpy(float)), np.log(told[price].to_numpy(float))
    items = sorted(told[item].astype(str).unique()) if item else ["all"]
    own = (
        np.column_stack([(told[item].astype(str) == name).to_numpy(float) for name in items])
        if item
        else np.ones((len(told), 1))
    )
    rest = [pd.get_dummies(told[name].astype(str), drop_first=True).to_numpy(float) for name in effects]
    design = np.hstack([own * p[:, None], own, *rest])
    fit = OLS(y, design).fit(cov_type="HC1")
    rows = [
        {"item": name, **effect(fit.params[i], fit.bse[i], int(own[:, i].sum())).row()} for i, name in enumerate(items)
    ]
    return pd.DataFrame(rows).drop(columns="comparable")


def against_controls(frame: pd.DataFrame, *, outcome: str, controls: Sequence[str], start: int) -> Effect:
    """Return the mean effect per step on one series, from what its controls would have made of it.

    Before `start` the outcome is regressed on the controls with errors that remember the step before (GLSAR, AR(1));
    the fit is carried on, and the interval holds the error of its coefficients and of the mean of the noise to come. It
    assumes that the controls are not touched by the change and that the relation holds on.

    Parameters
    ----------
    frame : DataFrame
        Rows in order of time.
    outcome, controls : str, sequence of str
        Columns.
    start : int
        The first row that the change acts on.
    """
    y, x = frame[outcome].to_numpy(float), frame[list(controls)].to_numpy(float)
    scaled = (x - x[:start].mean(axis=0)) / np.maximum(x[:start].std(axis=0), 1e-12)
    design = np.column_stack([np.ones(len(y)), scaled])
    fit, rho = autoregressed(y[:start], design[:start])
    middle = design[start:].mean(axis=0)
    noise = np.sqrt(fit.scale) / np.sqrt(1 - rho**2)
    var = middle @ np.asarray(fit.cov_params()) @ middle + mean_noise(noise, rho, len(y) - start)
    return effect(y[start:].mean() - float(middle @ np.asarray(fit.params)), float(np.sqrt(var)), len(y))
