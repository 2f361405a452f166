"""The composite: shrunk, capped attainments by the unit's weights, with how much the order hangs on the weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from salesloop.metrics.execution.pace import base_targets
from salesloop.metrics.intervals import z

CAP = 2.0
"""No single measure counts for more than twice its target."""
WEIGHTINGS, SEED, MONTHS = 1000, 20260101, 12
COLUMNS = ("rep", "score", "low", "high", "rank", "rank_first", "rank_last", "keeps", "n")


def attainments(
    facts: pd.DataFrame, targets: pd.DataFrame, measure: str, *, period: pd.Period, everyone: list[str],
    started: pd.Series | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return each rep's attainment of an additive measure over twelve months, with its error from chance.

    Parameters
    ----------
    facts : DataFrame
        ``on, value, rep``.
    targets : DataFrame
        The plan file's rows; only months in which a rep has a target count. Where nobody has one, a rep is held against
        what all brought a rep and month, for the months that the rep was there.
    measure : str
        The measure.
    period : Period
        The last of the twelve months.
    everyone : list of str
        The reps.
    started : Series, optional
        First days by name; who is not in it was there all the time.

    Returns
    -------
    DataFrame
        ``rep, value, se, n``; NaN where there is neither a target nor a fact.
    """
    months = [period - i for i in range(MONTHS)]
    month = facts["on"].dt.to_period("M") if len(facts) else pd.PeriodIndex([], freq="M")
    inside = facts[month.isin(months)].assign(
        month=month[month.isin(months)].astype(str), square=lambda f: f["value"] ** 2
    )
    plan = base_targets(targets, as_of=(period + 1).start_time.date())
    plan = plan[(plan["level"] == "rep") & (plan["measure"] == measure) & plan["period"].isin([str(m) for m in months])]
    plan = plan[plan["amount"] > 0]
    if len(plan):
        inside = inside.merge(plan[["name", "period"]], left_on=["rep", "month"], right_on=["name", "period"])
        whole = plan.groupby("name")["amount"].sum().reindex(everyone)
    else:
        there = _months_there(everyone, started, period)
        mean = inside[inside["rep"].isin(everyone)]["value"].sum() / max(float(there.sum()), 1.0)
        whole = (there * mean).where((there * mean) > 0)
    sums = inside.groupby("rep")[["value", "square"]].sum().reindex(everyone).fillna(0.0)
    n = inside.groupby("rep").size().reindex(everyone).fillna(0)
    least = inside["square"].mean() if len(inside) else np.nan
    error = np.sqrt(np.maximum(sums["square"], least)) / whole
    return pd.DataFrame(
        {"rep": everyone, "value": (sums["value"] / whole).to_numpy(), "se": error.to_numpy(), "n": n.to_numpy()}
    )


def _months_there(everyone: list[str], started: pd.Series | None, period: pd.Period) -> pd.Series:
    """Return how many of the twelve months each rep was there, the month of the first day counted whole."""
    there = pd.Series(float(MONTHS), index=everyone)
    for name, day in ({} if started is None else started.reindex(everyone).dropna()).items():
        there[name] = float(min(max((period - pd.Timestamp(day).to_period("M")).n + 1, 0), MONTHS))
    return there


def from_indexes(reps: pd.DataFrame) -> pd.DataFrame:
    """Return the fair index as a part of the composite: it is shrunk already."""
    se = (reps["high"] - reps["low"]) / (2 * z(0.95))
    return pd.DataFrame({"rep": reps["rep"], "value": reps["index"], "se": se, "n": reps["n"], "shrunk": True})


def shrink(part: pd.DataFrame) -> pd.DataFrame:
    """Return values drawn towards their mean by how much of their spread is chance, capped, with their remaining error.

    Notes
    -----
    The method of moments of DerSimonian and Laird (1986). A rep without a value gets the mean and the spread of all.

    Examples
    --------
    Two reps whose difference is no more than chance end up alike:

    >>> part = pd.DataFrame({"rep": ["a", "b"], "value": [0.9, 1.1], "se": [0.5, 0.5], "n": [3, 3]})
    >>> shrink(part)["value"].tolist()
    [1.0, 1.0]
    """
    known = part["value"].notna() & (part["se"] > 0)
    value, variance = part.loc[known, "value"].to_numpy(dtype=float), part.loc[known, "se"].to_numpy(dtype=float) ** 2
    if not len(value):
        return part.assign(value=np.nan, se=np.nan)
    if "shrunk" in part:
        spread = max(float(np.var(value)), 1e-4)
        made = part.assign(value=part["value"].fillna(1.0), se=part["se"].fillna(np.sqrt(spread)))
    else:
        weight = 1 / variance
        fixed = float(np.average(value, weights=weight))
        excess = float(np.sum(weight * (value - fixed) ** 2)) - (len(value) - 1)
        scale = float(weight.sum() - (weight**2).sum() / weight.sum()) if len(value) > 1 else 1.0
        between = max(excess / scale, 0.0) if len(value) > 1 else 0.0
        mean = float(np.average(value, weights=1 / (variance + between)))
        keep = between / (between + variance)
        own = 1 / np.sum(1 / (variance + between))
        made = part.assign(se=np.sqrt(between + own))
        made["value"] = mean
        made.loc[known, "value"] = mean + keep * (value - mean)
        made.loc[known, "se"] = np.sqrt(keep * variance + (1 - keep) ** 2 * own)
    return made.assign(value=made["value"].clip(0.0, CAP))


def composite(parts: Mapping[str, pd.DataFrame], weights: Mapping[str, float], *, seed: int = SEED) -> pd.DataFrame:
    """Return the weighted score of each rep, ranks only where they can be told, and how stable the order is.

    Parameters
    ----------
    parts : mapping of str to DataFrame
        Measure to ``rep, value, se, n``.
    weights : mapping of str to float
        From unit.yml; measures without a value for anybody are left out and the others' weights add up to 1 again.
    seed : int
        Of the 1,000 random weightings.

    Returns
    -------
    DataFrame
        ``rep`` (in the order of names), ``score``, ``low, high`` (95 %), ``rank`` (only where nobody's interval overlaps),
        ``rank_first, rank_last`` (the places that the intervals allow), ``keeps`` (share of random weightings in which
        the rep stands at the same place as with the unit's weights), ``n`` deals, and one column a measure.
    """
    shrunk = {name: shrink(parts[name]).set_index("rep") for name in weights if name in parts and weights[name] > 0}
    shrunk = {name: part for name, part in shrunk.items() if part["value"].notna().any()}
    if not shrunk:
        return pd.DataFrame(columns=list(COLUMNS))
    names = list(shrunk)
    reps = sorted(set.intersection(*(set(part.index) for part in shrunk.values())))
    value = np.column_stack([shrunk[name].loc[reps, "value"] for name in names])
    error = np.column_stack([shrunk[name].loc[reps, "se"] for name in names])
    share = np.array([weights[name] for name in names], dtype=float)
    share = share / share.sum()
    score, se = value @ share, np.sqrt(error**2 @ share**2)
    low, high = score - z(0.95) * se, score + z(0.95) * se
    first = 1 + np.array([(low > mine).sum() for mine in high])
    last = len(reps) - np.array([(high < mine).sum() for mine in low])
    order = _places(score)
    drawn = np.random.default_rng(seed).dirichlet(np.ones(len(names)), size=WEIGHTINGS)
    keeps = np.mean([_places(value @ row) == order for row in drawn], axis=0)
    made = pd.DataFrame({"rep": reps, "score": score, "low": low, "high": high, "rank": np.where(first == last, first, np.nan),
                         "rank_first": first, "rank_last": last, "keeps": keeps})  # fmt: skip
    made["n"] = sum(part.loc[reps, "n"].fillna(0).to_numpy() for name, part in shrunk.items() if name == names[0])
    return pd.concat([made, pd.DataFrame(value, columns=names)], axis=1)


def _places(score: np.ndarray) -> np.ndarray:
    places = np.empty(len(score), dtype=int)
    places[np.argsort(-score, kind="stable")] = np.arange(len(score))
    return places
