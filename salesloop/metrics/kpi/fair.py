"""Expected against actual: what each rep won of the deals handed over, against what anyone would have won of them."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from salesloop.metrics.intervals import benjamini_hochberg
from salesloop.metrics.pipeline.logistic import ridge_logit, sigmoid

MIX = ("lead_source", "sales_channel", "product", "type", "segment", "region", "industry", "size_band")
"""What is known of a deal when it is handed over."""
MONTHS, MOST_LEVELS, LEAST_SHARE, RAMP_MONTHS = 24, 12, 0.02, 6
LEAST_DEALS, LEAST_ALL = 10, 40
RIDGE_MIX, RIDGE_OWNER, RIDGE_TERRITORY = 1.0, 1.0, 50.0
"""How firmly effects are held to nothing; territories, which a few reps share, are easily mistaken for those reps."""
LOOKS = 0.05
"""The share of false findings that is allowed over all reps looked at."""
_GRID = np.linspace(-3.0, 3.0, 121)
_SPREADS = np.linspace(0.0, 1.2, 25)
_PRIOR_SPREAD = 0.5
COLUMNS = ("rep", "n", "raw", "expected", "index", "low", "high", "distinct", "q_value", "verdict")


@dataclass(frozen=True)
class Fit:
    """What the model found: rows' expected chance without the owner, how unsure that is by rep, which features carry it."""

    expected: np.ndarray
    doubt: pd.Series
    features: tuple[str, ...]
    n: int


def decided(deals: pd.DataFrame, *, as_of: dt.date, months: int = MONTHS) -> pd.DataFrame:
    """Return the deals won and lost in the last months, with ``won`` and ``rep``; deals without an owner are left out."""
    day = pd.Timestamp(as_of)
    start = (day.to_period("M") - months + 1).start_time
    chosen = deals[deals["status"].isin(["won", "lost"]) & (deals["closed_on"] >= start) & (deals["closed_on"] <= day)]
    return chosen[chosen["rep"].notna()].assign(won=lambda d: (d["status"] == "won").astype(float))


def with_ramp(deals: pd.DataFrame, started: pd.Series) -> pd.DataFrame:
    """Add ``ramping``: whether a deal was handed over in its owner's first six months.

    Parameters
    ----------
    deals : DataFrame
        With ``rep`` and ``created_at``.
    started : Series
        First day by rep.
    """
    first = pd.Series(pd.to_datetime(started).reindex(deals["rep"]).to_numpy(), index=deals.index)
    return deals.assign(
        ramping=(deals["created_at"] < first + pd.DateOffset(months=RAMP_MONTHS)).map({True: "yes", False: "no"})
    )


def design(rows: pd.DataFrame, *, outcome: str = "won") -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return 0/1 columns for what is known of each deal at hand-over, their ridge weights, and the features used.

    A column that is filled only once a deal is decided (much more often for won than for lost, or the reverse) would
    look like foresight and is left out. Rare values share one column; the amount, where both won and lost deals bear
    one, enters as four bands.
    """
    blocks, used, ridge = [], [], []
    told = rows.reindex(columns=[*MIX, "ramping"]).astype(object)
    amount = pd.to_numeric(rows["amount"]).where(lambda a: a > 0)
    told["amount"] = _bands(amount)
    for name in told.columns:
        values = told[name].where(told[name].notna(), None)
        if _leaks(values, rows[outcome]):
            continue
        share = values.value_counts(normalize=True)
        levels = list(share[share >= LEAST_SHARE].index[:MOST_LEVELS])
        if not levels or (values == levels[0]).mean() > 1 - LEAST_SHARE:
            continue
        blocks.append(np.column_stack([(values == level).to_numpy(dtype=float) for level in levels]))
        used.append(name)
        ridge += [RIDGE_TERRITORY if name == "region" else RIDGE_MIX] * len(levels)
    made = np.hstack(blocks) if blocks else np.zeros((len(rows), 0))
    return made, np.array(ridge), tuple(used)


def _bands(amount: pd.Series) -> pd.Series:
    if amount.nunique() < 8:
        return pd.Series(None, index=amount.index, dtype=object)
    return (
        pd.Series(np.ceil(4 * amount.rank(pct=True)), index=amount.index)
        .map(lambda b: None if b != b else f"q{b:.0f}")
        .astype(object)
    )


def _leaks(values: pd.Series, outcome: pd.Series) -> bool:
    filled = values.notna().groupby(outcome).mean()
    return len(filled) == 2 and abs(filled.iloc[0] - filled.iloc[1]) > 0.25


def fit(rows: pd.DataFrame, *, outcome: str = "won") -> Fit:
    """Return each deal's chance as anyone would have it: the model knows the mix and the owners, and then leaves the owner out.

    Parameters
    ----------
    rows : DataFrame
        From `decided`, or entries into a stage: ``rep``, the outcome and what is known at hand-over.
    outcome : str
        The 0/1 column.

    Notes
    -----
    A ridge logistic regression with owners as penalised effects, so that what a lead source is worth is learned within
    owners and not from who happens to get it; the owners' effects are then set to zero and the level is put so that
    expected and actual wins agree over all.
    """
    hits = rows[outcome].to_numpy(dtype=float)
    mix, ridge, used = design(rows, outcome=outcome)
    codes, owners = pd.factorize(rows["rep"])
    owner = np.zeros((len(rows), len(owners)))
    owner[np.arange(len(rows)), codes] = 1.0
    whole = np.hstack([np.ones((len(rows), 1)), mix, owner])
    penalty = np.concatenate([[0.0], ridge, np.full(len(owners), RIDGE_OWNER)])
    beta = ridge_logit(whole, hits, np.ones(len(rows)), penalty)
    width = 1 + mix.shape[1]
    score = whole[:, :width] @ beta[:width]
    doubt = pd.Series(_doubt(whole, sigmoid(whole @ beta), penalty, width, codes), index=owners)
    return Fit(sigmoid(score + _level(score, hits.sum())), doubt, used, len(rows))


def _doubt(whole: np.ndarray, p: np.ndarray, penalty: np.ndarray, width: int, codes: np.ndarray) -> np.ndarray:
    """Return, by owner, the standard error of the mix's part of the log odds, against that of all deals."""
    weight = p * (1 - p)
    curve = (whole * weight[:, None]).T @ whole + np.diag(np.maximum(penalty, 1e-6))
    error = np.linalg.inv(curve)[:width, :width]
    sums = np.zeros((codes.max() + 1, width))
    np.add.at(sums, codes, whole[:, :width] * weight[:, None])
    own = sums / np.maximum(np.bincount(codes, weight), 1e-12)[:, None] - sums.sum(axis=0) / weight.sum()
    return np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", own, error, own), 0.0))


def _level(score: np.ndarray, hits: float) -> float:
    """Return the shift at which expected and actual wins agree."""
    if not 0 < hits < len(score):
        return 0.0
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if sigmoid(score + middle).sum() < hits else (low, middle)
    return (low + high) / 2


def indexes(rows: pd.DataFrame, fitted: Fit, *, outcome: str = "won", confidence: float = 0.95) -> pd.DataFrame:
    """Return each rep's wins over expected wins, shrunk towards 1 by how much reps differ at all.

    Parameters
    ----------
    rows : DataFrame
        With ``rep`` and the outcome.
    fitted : Fit
        From `fit`: each row's chance without the owner, and how unsure it is.
    confidence : float, default 0.95
        Of the interval.

    Returns
    -------
    DataFrame
        ``rep``, ``n`` decided deals, ``raw`` (share won), ``expected`` (share that anyone would have won of the same
        deals), ``index`` (shrunk; above 1 is more than expected), ``low, high``, ``q_value`` (two-sided, corrected for
        the number of reps with enough deals), ``distinct`` (q at most 5 % and an interval that excludes 1),
        ``verdict`` (higher, lower, as_expected, too_early).

    Notes
    -----
    Each rep has an effect on the log odds, normal around 0 with a spread that is itself integrated out over a
    half-normal prior; posterior by quadrature, so few deals mean wide intervals and no assumption of normal counts.
    What is not known of the mix's worth widens the intervals too.
    """
    expected = fitted.expected
    logit = np.log(np.clip(expected, 1e-6, 1 - 1e-6) / np.clip(1 - expected, 1e-6, None))
    hits = rows[outcome].to_numpy(dtype=float)
    codes, owners = pd.factorize(rows["rep"], sort=True)
    likely = np.zeros((len(owners), len(_GRID)))
    would = np.zeros_like(likely)
    for place, shift in enumerate(_GRID):
        p = sigmoid(logit + shift)
        told = np.where(hits == 1, np.log(p + 1e-300), np.log1p(-p + 1e-16))
        likely[:, place] = np.bincount(codes, told, len(owners))
        would[:, place] = np.bincount(codes, p, len(owners))
    n = np.bincount(codes, minlength=len(owners)).astype(float)
    won, base = np.bincount(codes, hits, len(owners)), np.bincount(codes, expected, len(owners))
    unsure = fitted.doubt.reindex(owners).fillna(0.0).to_numpy()
    weight = _posterior(likely, unsure)
    index = would / base[:, None]
    mean = (weight * index).sum(axis=1)
    low, high = _bounds(weight, index, confidence)
    frame = pd.DataFrame(
        {"rep": owners, "n": n, "raw": won / n, "expected": base / n, "index": mean, "low": low, "high": high}
    )
    noise = np.sqrt(np.bincount(codes, expected * (1 - expected), len(owners)))
    noise = np.sqrt(noise**2 + (unsure * noise**2) ** 2)
    return _judged(frame, (won - base) / np.where(noise > 0, noise, np.nan))


def _posterior(likely: np.ndarray, unsure: np.ndarray) -> np.ndarray:
    """Return each rep's weights over the grid of effects, mixed over how far reps may differ."""
    relative = np.exp(likely - likely.max(axis=1, keepdims=True))
    relative = np.array([_blurred(row, sd) for row, sd in zip(relative, unsure, strict=True)])
    step = _GRID[1] - _GRID[0]
    found, evidence = [], []
    for spread in _SPREADS:
        prior = np.exp(-0.5 * (_GRID / max(spread, step / 3)) ** 2)
        joint = relative * (prior / prior.sum())
        total = joint.sum(axis=1, keepdims=True)
        found.append(joint / np.maximum(total, 1e-300))
        evidence.append(float(np.log(np.maximum(total, 1e-300)).sum()) - 0.5 * (spread / _PRIOR_SPREAD) ** 2)
    mixed = np.exp(np.array(evidence) - max(evidence))
    return np.tensordot(mixed / mixed.sum(), np.array(found), axes=1)


def _blurred(row: np.ndarray, sd: float) -> np.ndarray:
    """Return a likelihood whose effect is known only up to a normal error."""
    if sd < 1e-3:
        return row
    kernel = np.exp(-0.5 * ((_GRID[:, None] - _GRID[None, :]) / max(sd, 0.02)) ** 2)
    return (kernel / kernel.sum(axis=1, keepdims=True)) @ row


def _bounds(weight: np.ndarray, index: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    tail, rising = (1 - confidence) / 2, np.cumsum(weight, axis=1)
    middle = rising - weight / 2
    low = np.array([np.interp(tail, m, i) for m, i in zip(middle, index, strict=True)])
    high = np.array([np.interp(1 - tail, m, i) for m, i in zip(middle, index, strict=True)])
    return low, high


def _judged(frame: pd.DataFrame, score: np.ndarray) -> pd.DataFrame:
    enough = (frame["n"] >= LEAST_DEALS).to_numpy()
    p = np.array(
        [2 * NormalDist().cdf(-abs(z)) if ok and z == z else math.nan for z, ok in zip(score, enough, strict=True)]
    )
    frame["p_value"], frame["q_value"] = p, benjamini_hochberg(p)
    apart = (frame["low"] > 1) | (frame["high"] < 1)
    frame["distinct"] = ((frame["q_value"] <= LOOKS) & apart & enough).astype(bool)
    side = np.where(frame["index"] > 1, "higher", "lower")
    frame["verdict"] = np.where(frame["distinct"], side, np.where(enough, "as_expected", "too_early"))
    return frame[[*COLUMNS, "p_value"]]


def reps(
    deals: pd.DataFrame, *, as_of: dt.date, started: pd.Series, everyone: list[str]
) -> tuple[pd.DataFrame, Fit | None]:
    """Return the fair view of every rep, in the order of their names: it is no ranking.

    Parameters
    ----------
    deals : DataFrame
        ``Book.deals()``.
    as_of : date
        The last day counted; 24 months back are read.
    started : Series
        First day by rep, where known.
    everyone : list of str
        All reps the unit knows: those without a decided deal get a row that says so.

    Returns
    -------
    DataFrame, Fit or None
        The columns of `indexes`; verdict ``no_deals`` for reps without any, ``too_early`` for all where fewer than 40
        deals are decided in all (then there is no model: None).
    """
    rows = with_ramp(decided(deals, as_of=as_of), started)
    fitted = None
    if len(rows) >= LEAST_ALL and 0 < rows["won"].sum() < len(rows) and rows["rep"].nunique() > 1:
        fitted = fit(rows)
        made = indexes(rows, fitted).drop(columns="p_value")
    else:
        made = _plain(rows)
    absent = [name for name in everyone if name not in set(made["rep"])]
    if absent:
        blank = pd.DataFrame({"rep": absent, "n": 0.0, "distinct": False, "verdict": "no_deals"}).reindex(
            columns=list(COLUMNS)
        )
        made = pd.concat([made, blank], ignore_index=True) if len(made) else blank
    made = made.astype(
        dict.fromkeys(("n", "raw", "expected", "index", "low", "high", "q_value"), "float64") | {"distinct": bool}
    )
    return made.sort_values("rep", kind="stable").reset_index(drop=True), fitted


def _plain(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what was won where there is too little for a model."""
    sums = (
        rows.groupby("rep")["won"].agg(["size", "mean"]).reset_index()
        if len(rows)
        else pd.DataFrame(columns=["rep", "size", "mean"])
    )
    made = sums.rename(columns={"size": "n", "mean": "raw"}).reindex(columns=list(COLUMNS))
    return made.assign(distinct=False, verdict="too_early")
