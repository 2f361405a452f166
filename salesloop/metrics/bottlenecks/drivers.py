"""What goes with winning and losing: single factors with intervals, and all of them together in one regularised model.

Nothing here is a cause: a factor may stand for another that the data do not hold.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
from scipy import stats

from salesloop.metrics.intervals import benjamini_hochberg, wilson
from salesloop.metrics.pipeline.logistic import one_hot, ridge_logit, sigmoid

MODEL_N = 100
"""Closed deals from which on the factors are taken together."""
LEAST = 15
_RIDGE = 2.0
_MOST_LEVELS = 12
COLUMNS = ["kind", "level", "n", "win_rate", "low", "high", "effect", "effect_low", "effect_high", "q_value", "told"]
REASONS = ["kind", "name", "n", "won", "lost", "win_rate", "low", "high", "share"]
MONTHS = 24


def recent(deals: pd.DataFrame, *, as_of: dt.date, months: int = MONTHS) -> pd.DataFrame:
    """Return the deals won or lost in the last months, with ``amount_band`` (small, middle, large by thirds)."""
    since = pd.Timestamp(as_of) - pd.DateOffset(months=months)
    done = deals[deals["status"].isin(["won", "lost"]) & (deals["closed_on"] > since)].copy()
    amount = done["amount"].where(done["amount"] > 0)
    usable = amount.notna().groupby(done["status"]).mean()
    if len(usable) == 2 and usable.min() > 0.5 and amount.nunique() >= 3:
        thirds = amount.quantile([1 / 3, 2 / 3]).to_list()
        done["amount_band"] = np.select([amount <= thirds[0], amount <= thirds[1], amount > thirds[1]], ["small", "middle", "large"], "")  # fmt: skip
        done["amount_band"] = done["amount_band"].where(done["amount_band"] != "", None)
    else:
        done["amount_band"] = None
    return done


def drivers(done: pd.DataFrame, kinds: list[str]) -> pd.DataFrame:
    """Return each level's win rate and how far the chance to win moves with it.

    Parameters
    ----------
    done : DataFrame
        From `recent`, columns known only after the fact taken out before.
    kinds : list of str
        Columns to look at.

    Returns
    -------
    DataFrame
        ``kind, level, n, win_rate`` with 95 % interval ``low, high``; ``effect`` in share points against the average
        deal, all factors together (ridge logistic) from 100 closed deals on, alone below that, with 95 % interval
        ``effect_low, effect_high``; ``q_value`` over all levels; ``told``: q <= .05.
    """
    levels = _levels(done, kinds)
    if not levels or done["status"].nunique() < 2:
        return pd.DataFrame(columns=COLUMNS)
    won = (done["status"] == "won").to_numpy(float)
    singles = [_single(done, won, kind, level) for kind, names in levels.items() for level in names]
    made = pd.DataFrame(singles, columns=COLUMNS[:6])
    joint = _joint(done, won, levels) if len(done) >= MODEL_N else _alone(made, won.mean())
    made[["effect", "effect_low", "effect_high"]] = joint[:, :3]
    made["q_value"] = benjamini_hochberg(joint[:, 3])
    made["told"] = made["q_value"] <= 0.05
    return made.sort_values(["q_value", "effect"], kind="stable").reset_index(drop=True)


def _levels(done: pd.DataFrame, kinds: list[str]) -> dict[str, list[str]]:
    found = {}
    for kind in kinds:
        counts = done[kind].dropna().astype(str).value_counts() if kind in done else pd.Series(dtype=int)
        kept = sorted(counts[counts >= LEAST].sort_index().nlargest(_MOST_LEVELS).index)
        if len(kept) >= 2:
            found[kind] = kept
    return found


def _single(done: pd.DataFrame, won: np.ndarray, kind: str, level: str) -> tuple:
    inside = (done[kind].astype(str) == level).to_numpy()
    n, hits = int(inside.sum()), float(won[inside].sum())
    return kind, level, n, hits / n, *wilson(hits, n)


def _joint(done: pd.DataFrame, won: np.ndarray, levels: dict[str, list[str]]) -> np.ndarray:
    """Return effect, low, high and p value of each level against its kind's mean, from one ridge logistic regression of all."""
    codes = pd.DataFrame(
        {kind: pd.Index(names).get_indexer(pd.Index(done[kind].astype(str))) for kind, names in levels.items()}
    )
    design = np.hstack([np.ones((len(done), 1)), one_hot(codes.astype(int), {k: len(v) for k, v in levels.items()})])
    penalty = np.r_[0.0, np.full(design.shape[1] - 1, _RIDGE)]
    beta = ridge_logit(design, won, np.ones(len(won)), penalty)
    p = sigmoid(design @ beta)
    curve = (design * (p * (1 - p))[:, None]).T @ design + np.diag(np.maximum(penalty, 1e-6))
    contrast = _contrasts(design, [len(names) for names in levels.values()])
    effect = contrast @ beta
    se = np.sqrt(np.einsum("ij,jk,ik->i", contrast, np.linalg.inv(curve), contrast))
    slope = float((p * (1 - p)).mean())
    told = [effect * slope, (effect - 1.96 * se) * slope, (effect + 1.96 * se) * slope]
    return np.column_stack([*told, 2 * stats.norm.sf(np.abs(effect) / np.maximum(se, 1e-12))])


def _contrasts(design: np.ndarray, sizes: list[int]) -> np.ndarray:
    """Return a row a level: itself minus the mean of its kind's levels, each by its share of deals."""
    weight, rows, start = design.sum(axis=0), np.eye(design.shape[1])[1:], 1
    for size in sizes:
        block = slice(start, start + size)
        rows[start - 1 : start - 1 + size, block] -= weight[block] / max(weight[block].sum(), 1.0)
        start += size
    return rows


def _alone(singles: pd.DataFrame, average: float) -> np.ndarray:
    n, rate = singles["n"].to_numpy(float), singles["win_rate"].to_numpy(float)
    se = np.sqrt(average * (1 - average) / n)
    gap = rate - average
    return np.column_stack(
        [gap, singles["low"] - average, singles["high"] - average, 2 * stats.norm.sf(np.abs(gap) / se)]
    )


def reasons(deals: pd.DataFrame, *, as_of: dt.date, months: int = MONTHS) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return loss reasons and competitors by count, and the share of closed deals that name none.

    Returns
    -------
    DataFrame
        ``kind`` (loss_reason, competitor), ``name, n, won, lost, win_rate, low, high`` (competitors only), ``share``
        of the deals that name any.
    dict
        ``loss_reason, competitor``: shares of lost (of all closed) deals that name none; NaN without a closed deal.
    """
    done = recent(deals, as_of=as_of, months=months)
    lost = done[done["status"] == "lost"]
    missing = {"loss_reason": lost["loss_reason"].isna().mean() if len(lost) else np.nan,
               "competitor": done["competitor"].isna().mean() if len(done) else np.nan}  # fmt: skip
    rows = []
    for kind, part in (("loss_reason", lost), ("competitor", done)):
        named = part[part[kind].notna()]
        counts = named.groupby(named[kind].astype(str))["status"].agg(n="size", won=lambda s: int((s == "won").sum()))
        for name, row in counts.sort_values("n", ascending=False, kind="stable").head(12).iterrows():
            beaten = kind == "competitor"
            low, high = wilson(row["won"], row["n"]) if beaten else (np.nan, np.nan)
            rows.append({"kind": kind, "name": name, "n": int(row["n"]), "won": int(row["won"]), "lost": int(row["n"] - row["won"]),
                         "win_rate": row["won"] / row["n"] if beaten else np.nan, "low": low, "high": high,
                         "share": row["n"] / len(named)})  # fmt: skip
    return pd.DataFrame(rows, columns=REASONS), missing
