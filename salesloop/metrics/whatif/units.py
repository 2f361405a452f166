"""Changes for customers or deals picked one by one: compared with others like them, by a draw or by what was known before.

What counts is decided before anybody looks: a deal created since the start, old enough that most deals of its age are
decided. So no deal is left out for being still open.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from salesloop.metrics.whatif.estimators import Effect, difference_in_means, doubly_robust, effect
from salesloop.metrics.whatif.rows import Logged

LEAST = 20
"""Deals that each side needs."""
ALIKE_P = 0.05
_RIPE, _SOON = 0.8, 0.5
_LEVELS = 6
KNOWN = (
    "type",
    "product",
    "segment",
    "region",
    "team",
    "lead_source",
    "sales_channel",
    "industry",
    "size_band",
    "country",
    "key_account",
)
"""What is known of a deal when it is created."""
MEASURES = ("win_chance", "pace", "deal_size")


@dataclass(frozen=True)
class Compared:
    """What a comparison of picked deals gave.

    Attributes
    ----------
    design : {"arms", "doubly_robust"}
    effect : Effect or None
        On the log scale.
    placebo_p : float
        The p value of the same comparison of the same customers' deals before the start.
    why : str
        What stands against it; "" where nothing does.
    """

    design: str
    effect: Effect | None
    placebo_p: float = float("nan")
    why: str = ""


def compare(row: Logged, deals: pd.DataFrame, others: list[Logged], *, as_of: pd.Timestamp) -> Compared:
    """Return what a change did to the deals it was for, against deals of the same time that no change was for.

    Those concerned may have been drawn or picked. Where nothing known before tells them from the others (F test of all
    together), they are compared as they are (arms); else by a doubly robust estimate, with its check that there is
    somebody to compare each with.

    Parameters
    ----------
    row : Logged
        The change.
    deals : DataFrame
        New deals with the columns of ``Book.deals()``.
    others : list of Logged
        The other changes of the same kind: whom they were for is nobody's control.
    as_of : Timestamp
        The last day.
    """
    days = _days(deals)
    ripe = float(days.quantile(_SOON if row.measure == "pace" else _RIPE)) if len(days) >= LEAST else float("nan")
    if not np.isfinite(ripe):
        return Compared("arms", None, why="too_few")
    after = _ripe(deals, row.start, min(row.end, as_of) if pd.notna(row.end) else as_of, ripe, as_of)
    on = after[row.kind].astype(str).isin(row.values)
    free = ~on & ~_of_others(after, others)
    frame, names = _outcome(after[on | free], on[on | free], row, ripe, deals)
    if not _enough(frame):
        return Compared("arms", None, why="too_few")
    told = _estimate(frame, names, row)
    if told.effect is None or told.effect.comparable is False:
        return Compared(told.design, None, why="no_overlap")
    placebo = _placebo(row, deals, after, on, free, ripe)
    return Compared(told.design, told.effect, placebo)


def _days(deals: pd.DataFrame) -> pd.Series:
    done = deals[deals["status"].isin(["won", "lost"]) & deals["closed_on"].notna()]
    return (done["closed_on"] - done["created_at"].dt.normalize()).dt.days.clip(lower=0)


def _ripe(
    deals: pd.DataFrame, since: pd.Timestamp, until: pd.Timestamp, ripe: float, as_of: pd.Timestamp
) -> pd.DataFrame:
    """Return the deals created between two days, old enough by the last day."""
    last = min(until, as_of - pd.Timedelta(days=ripe))
    return deals[(deals["created_at"] >= since) & (deals["created_at"] <= last)]


def _of_others(deals: pd.DataFrame, others: list[Logged]) -> pd.Series:
    told = pd.Series(False, index=deals.index)
    for other in others:
        if other.kind in deals:
            told |= deals[other.kind].astype(str).isin(other.values) & (deals["created_at"] >= other.start)
    return told


def _outcome(
    part: pd.DataFrame, on: pd.Series, row: Logged, ripe: float, deals: pd.DataFrame
) -> tuple[pd.DataFrame, list[str]]:
    """Return ``y, on, together`` and what was known before, as numbers; the names of the latter."""
    took = (part["closed_on"] - part["created_at"].dt.normalize()).dt.days <= ripe
    if row.measure == "deal_size":
        keep = (part["status"] == "won") & (part["amount"] > 0)
        part, on = part[keep], on[keep]
        y = np.log(part["amount"].to_numpy(float))
    else:
        done = part["status"].isin(["won"] if row.measure == "win_chance" else ["won", "lost"])
        y = (done & took).to_numpy(float)
    known = _known(part, row, deals)
    together = part["account_id"].where(part["account_id"].notna(), part["opportunity_id"]).astype(str).to_numpy()
    return known.assign(y=y, on=on.to_numpy(int), together=together), list(known)


def _known(part: pd.DataFrame, row: Logged, deals: pd.DataFrame) -> pd.DataFrame:
    """Return what was known of each deal when it was created: its groups, its day, its customer's deals before."""
    made: dict[str, np.ndarray] = {"day": (part["created_at"] - pd.Timestamp("2000-01-01")).dt.days.to_numpy(float)}
    for name in KNOWN:
        if name == row.kind or name not in part:
            continue
        values = part[name].astype(object).where(part[name].notna(), "-").astype(str)
        levels = values.value_counts().sort_index(kind="stable").nlargest(_LEVELS).index
        made |= {f"{name}={level}": (values == level).to_numpy(float) for level in levels[1:]}
    before = deals[(deals["created_at"] < row.start) & deals["account_id"].notna()]
    counts = before.groupby("account_id")["status"].agg(n="size", won=lambda status: (status == "won").sum())
    for name in ("n", "won"):
        made[f"before {name}"] = np.log1p(part["account_id"].map(counts[name]).fillna(0).to_numpy(float))
    frame = pd.DataFrame(made, index=part.index)
    return frame.loc[:, frame.std() > 1e-9]


def _enough(frame: pd.DataFrame) -> bool:
    """Return whether both sides have enough deals, and both outcomes where there are two."""
    sides = [frame.loc[frame["on"] == side, "y"] for side in (1, 0)]
    if min(map(len, sides)) < LEAST:
        return False
    binary = set(frame["y"].unique()) <= {0.0, 1.0}
    return not binary or min(min(side.sum(), len(side) - side.sum()) for side in sides) >= 3


def _estimate(frame: pd.DataFrame, names: list[str], row: Logged) -> Compared:
    design = "arms" if alike(frame, names) else "doubly_robust"
    if design == "arms":
        told = difference_in_means(frame, outcome="y", treated="on", cluster="together")
    else:
        told = doubly_robust(frame, outcome="y", treated="on", covariates=names, cluster="together")
    if not np.isfinite(told.p_value):
        return Compared(design, None)
    return Compared(
        design, told if row.measure == "deal_size" else as_ratio(told, float(frame.loc[frame["on"] == 1, "y"].mean()))
    )


def as_ratio(told: Effect, mean: float) -> Effect:
    """Return the effect on a share as the log of its ratio to what it would have been without the change.

    The standard error is that of the difference over the smaller of the two shares.

    Examples
    --------
    A share of .3 instead of .2, give or take .02:

    >>> made = as_ratio(effect(0.1, 0.02, 100), 0.3)
    >>> round(made.estimate, 3), round(made.se, 3)
    (0.405, 0.1)
    """
    base = max(mean - told.estimate, 0.01)
    return effect(float(np.log(max(mean, 0.01) / base)), told.se / min(max(mean, 0.01), base), told.n, told.comparable)


def alike(frame: pd.DataFrame, names: list[str]) -> bool:
    """Return whether nothing known before tells those concerned from the others: an F test of all of it together."""
    from statsmodels.regression.linear_model import OLS
    from statsmodels.tools import add_constant

    if not names:
        return True
    told = OLS(frame["on"].to_numpy(float), add_constant(frame[names].to_numpy(float), has_constant="add")).fit()
    return bool(told.f_pvalue >= ALIKE_P)


def _placebo(
    row: Logged, deals: pd.DataFrame, after: pd.DataFrame, on: pd.Series, free: pd.Series, ripe: float
) -> float:
    """Compare the same customers' deals of the time before in the same way; NaN with too few of them."""
    theirs, controls = (set(after.loc[side, "account_id"].dropna()) for side in (on, free))
    early = _ripe(deals, pd.Timestamp.min, row.start, ripe, row.start)
    early = early[early["account_id"].isin(theirs | controls)]
    since = early["created_at"].min()
    if early.empty or pd.isna(since):
        return float("nan")
    shifted = Logged(row.key, row.id, row.what, row.lever, row.kind, row.values, row.stage, since, row.end)
    frame, names = _outcome(early, early["account_id"].isin(theirs), shifted, ripe, deals)
    if not _enough(frame):
        return float("nan")
    told = _estimate(frame, names, row).effect
    return float("nan") if told is None or told.comparable is False else told.p_value
