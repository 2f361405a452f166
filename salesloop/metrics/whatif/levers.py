"""What could be changed, by how much, and what the unit's own history has shown: every lever on a log scale.

A rate's level is read from blocks of six months. The spread between blocks beyond their counting noise (DerSimonian
and Laird 1986), shrunk to a spread of 10 %, says how far the unit has moved that rate itself; what lies outside is
extrapolation.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from salesloop.metrics import intervals
from salesloop.metrics.pipeline import Change, arrivals, stays
from salesloop.metrics.pipeline.model import open_moves
from salesloop.metrics.pipeline.steps import PER_MONTH, first_month

BLOCK, BLOCKS = 6, 6
PRIOR_SD, PRIOR_BLOCKS = 0.10, 3
Z80, Z50 = 1.2815515655446004, 0.6744897501960817
LEAST_BLOCKS, LEAST_N = 2, 20
LEAST_ROOM = 0.005
SEGMENTS = ("lead_source", "sales_channel")
_MOST_VALUES = 4


@dataclass(frozen=True)
class Lever:
    """One lever with what its history shows.

    Attributes
    ----------
    lever : str
        volume, conversion, cycle, size, channel, focus or capacity.
    scope_kind, scope : str
        Whom it applies to: company, stage, or a column and its value.
    changes : tuple of Change
        What it means for the simulation at a relative change of 1: filled in by `at`.
    now : float
        The present level in its own unit, `uom`.
    mean, sd, current : float
        Of the log level: the mean over blocks, their spread, and the present level, shrunk.
    blocks, n : int
        Blocks of six months and facts that it rests on.
    """

    lever: str
    scope_kind: str
    scope: str
    changes: tuple[Change, ...] = ()
    now: float = float("nan")
    uom: str = "share"
    mean: float = 0.0
    sd: float = PRIOR_SD
    current: float = 0.0
    blocks: int = 0
    n: int = 0
    extra: dict = field(default_factory=dict)

    @property
    def plausible(self) -> tuple[float, float]:
        """The relative change that stays within 80 % of what history has shown."""
        return tuple(float(np.expm1(self.mean + sign * Z80 * self.sd - self.current)) for sign in (-1, 1))  # type: ignore[return-value]

    @property
    def step(self) -> float:
        """The relative change up to the upper quartile of what history has shown; 0 where it stands above it."""
        return max(float(np.expm1(self.mean + Z50 * self.sd - self.current)), 0.0)

    @property
    def known(self) -> bool:
        """Whether history says anything about its range."""
        return self.blocks >= LEAST_BLOCKS and self.n >= LEAST_N

    def at(self, change: float) -> tuple[Change, ...]:
        """Return the simulation's changes for a relative change."""
        return tuple(_scaled(one, change) for one in self.changes)


def _scaled(one: Change, change: float) -> Change:
    """Turn a change that marks what moves (a factor of 2: with the change, of 0.5: against it) into one of that size."""
    moved: dict[str, Any] = {}
    for name in ("conversion", "speed", "volume", "size"):
        mark = getattr(one, name)
        if mark != 1:
            moved[name] = 1.0 + change if mark > 1 else max(1.0 - change, 0.0)
    return replace(one, **moved)


def spread(level: np.ndarray, noise: np.ndarray) -> tuple[float, float, float]:
    """Return mean and spread of log levels beyond their noise, and the last level shrunk to the mean.

    Parameters
    ----------
    level, noise : ndarray
        Log level and its variance by block, the latest last.

    Examples
    --------
    >>> mean, sd, now = spread(np.array([0.0, 0.0, 0.0]), np.array([0.01, 0.01, 0.01]))
    >>> round(mean, 3), round(sd, 3), round(now, 3)
    (0.0, 0.077, 0.0)
    """
    k = len(level)
    weight = 1 / noise
    middle = (weight * level).sum() / weight.sum()
    excess = (weight * (level - middle) ** 2).sum() - (k - 1)
    scale = weight.sum() - (weight**2).sum() / weight.sum()
    own = max(excess / scale, 0.0) if k > 1 and scale > 0 else 0.0
    var = ((k - 1) * own + PRIOR_BLOCKS * PRIOR_SD**2) / (k - 1 + PRIOR_BLOCKS)
    weight = 1 / (noise + var)
    mean = float((weight * level).sum() / weight.sum())
    pull = var / (var + noise[-1])
    return mean, float(np.sqrt(var)), float(mean + pull * (level[-1] - mean))


def block_of(month: np.ndarray, last: pd.Period) -> np.ndarray:
    """Return the block of months given as year x 12 + month - 1: 0 is the latest; -1 outside the last three years."""
    back = (last.year * 12 + last.month - 1) - month
    block = back // BLOCK
    return np.where((back >= 0) & (block < BLOCKS), block, -1)


def odds_lever(lever: Lever, hits: np.ndarray, misses: np.ndarray) -> Lever:
    """Return a lever with the log odds of a rate by block: hits and misses, the latest block last."""
    full = (hits + misses) >= 5
    if not full.any():
        return lever
    hits, misses = hits[full], misses[full]
    level, noise = np.log((hits + 0.5) / (misses + 0.5)), 1 / (hits + 0.5) + 1 / (misses + 0.5)
    mean, sd, current = spread(level, noise)
    share = 1 / (1 + np.exp(-current))
    return replace(
        lever, mean=mean, sd=sd, current=current, blocks=int(full.sum()), n=int((hits + misses).sum()), now=float(share)
    )


def lived_by_block(deals: pd.DataFrame, events: pd.DataFrame, stages: pd.DataFrame, *, as_of: dt.date) -> pd.DataFrame:
    """Return stays by stage and block: ``opportunity_id, stage, block, left, lost``; blocks count back from the latest, 0."""
    moves = stays.visits(deals, open_moves(deals, events, stages), as_of=as_of, staged=len(events) > 0)
    lived = stays.exposures(moves, as_of=as_of)
    block = block_of(lived["step"].to_numpy() // PER_MONTH, first_month(as_of) - 1)
    made = lived.assign(
        block=block, left=lived["to"].notna().astype(int), lost=lived["to"].isin(["lost", "void"]).astype(int)
    )
    return made[made["block"] >= 0]


def _by_block(frame: pd.DataFrame, column: str, blocks: int) -> np.ndarray:
    sums = frame.groupby("block")[column].sum().reindex(range(blocks), fill_value=0)
    return sums.to_numpy(float)[::-1]


def of_stages(
    lived: pd.DataFrame, stages: list[str], column: str | None = None, value: str | None = None
) -> list[Lever]:
    """Return the levers of each stage: conversion (going on against being lost) and cycle (leaving against staying).

    Parameters
    ----------
    lived : DataFrame
        From `lived_by_block`, of the deals concerned.
    stages : list of str
        Which stages.
    column, value : str, optional
        The segment that `lived` was limited to.
    """
    made = []
    blocks = int(lived["block"].max()) + 1 if len(lived) else 0
    for stage in stages:
        own = lived[lived["stage"] == stage].assign(one=1)
        left, lost, total = (_by_block(own, name, blocks) for name in ("left", "lost", "one"))
        kind, scope = ("stage", stage) if column is None else (f"stage+{column}", f"{stage} / {value}")
        where: dict[str, Any] = {"stage": stage, "column": column, "value": value}
        made.append(odds_lever(Lever("conversion", kind, scope, (Change(conversion=2.0, **where),)), left - lost, lost))
        cycle = odds_lever(
            Lever("cycle", kind, scope, (Change(speed=2.0, steady=True, **where),), uom="days"), left, total - left
        )
        made.append(replace(cycle, now=30.4375 / PER_MONTH / cycle.now if cycle.now > 0 else float("nan")))
    return [lever for lever in made if lever.blocks]


def of_volume(
    deals: pd.DataFrame, *, as_of: dt.date, country: str, lever: str = "volume", column: str | None = None,
    value: str | None = None,
) -> Lever | None:  # fmt: skip
    """Return the lever of new deals a month, renewals apart, working days and season taken out; None with none."""
    own = deals[deals["type"] != "renewal"]
    counts = arrivals.monthly_counts(own, as_of=as_of)
    if counts.empty:
        return None
    season = arrivals.season_of(counts, country)
    weight = arrivals._work(counts.index, country) * np.array([season[m] for m in counts.index.month])
    mine = own if column is None else own[own[column].astype(str) == str(value)]
    seen = arrivals.monthly_counts(mine, as_of=as_of).reindex(counts.index, fill_value=0.0)
    block = block_of(np.array([m.year * 12 + m.month - 1 for m in counts.index]), first_month(as_of) - 1)
    frame = pd.DataFrame({"block": block, "n": seen.to_numpy(), "w": weight})[block >= 0]
    blocks = int(frame["block"].max()) + 1 if len(frame) else 0
    n, w = _by_block(frame, "n", blocks), _by_block(frame, "w", blocks)
    full = w >= 2.5
    if not full.any() or n[full].sum() < 5:
        return None
    mean, sd, current = spread(np.log((n[full] + 0.5) / w[full]), 1 / (n[full] + 0.5))
    kind, scope = ("company", "all") if column is None else (column, str(value))
    return Lever(lever, kind, scope, (Change(volume=2.0, column=column, value=value),), float(np.exp(current)), "count",
                 mean, sd, current, int(full.sum()), int(n.sum()))  # fmt: skip


def of_size(deals: pd.DataFrame, *, as_of: dt.date) -> Lever | None:
    """Return the lever of the mean won amount; None under 5 wins with an amount."""
    won = deals[(deals["status"] == "won") & (deals["amount"] > 0) & deals["closed_on"].notna()]
    if len(won) < 5:
        return None
    month = (won["closed_on"].dt.year * 12 + won["closed_on"].dt.month - 1).to_numpy()
    frame = won[["amount"]].assign(block=block_of(month, first_month(as_of) - 1))
    told = frame[frame["block"] >= 0].groupby("block")["amount"].agg(["mean", "size"]).sort_index(ascending=False)
    told = told[told["size"] >= 5]
    if told.empty:
        return None
    cv2 = max(float((won["amount"].std(ddof=1) / won["amount"].mean()) ** 2), 0.01)
    mean, sd, current = spread(np.log(told["mean"].to_numpy()), cv2 / told["size"].to_numpy())
    return Lever("size", "company", "all", (Change(size=2.0),), float(np.exp(current)), "money", mean, sd, current, len(told),
                 int(told["size"].sum()))  # fmt: skip


def of_channels(deals: pd.DataFrame, *, as_of: dt.date, country: str) -> list[Lever]:
    """Return the levers of more deals from each lead source and sales channel with enough of them."""
    recent = deals[deals["created_at"] > pd.Timestamp(as_of) - pd.DateOffset(months=12)]
    made = []
    for column in SEGMENTS:
        counts = recent[column].dropna().astype(str).value_counts() if column in recent else pd.Series(dtype=int)
        chosen = counts[counts >= LEAST_N].sort_index(kind="stable").nlargest(_MOST_VALUES)
        if len(chosen) < 2:
            continue
        found = [
            of_volume(deals, as_of=as_of, country=country, lever="channel", column=column, value=v)
            for v in chosen.index
        ]
        made += [lever for lever in found if lever is not None]
    return made


def distinct(told: pd.DataFrame) -> pd.Series:
    """Return the means of groups whose best and worst differ beyond chance, all pairs counted (Bonferroni); else none.

    Parameters
    ----------
    told : DataFrame
        ``mean, var, size`` by group; groups under 6 observations are left out.

    Examples
    --------
    >>> told = pd.DataFrame({"mean": [1.0, 2.0], "var": [1.0, 1.0], "size": [50, 50]}, index=["a", "b"])
    >>> distinct(told).tolist(), distinct(told.assign(var=9.0)).tolist()
    ([1.0, 2.0], [])
    """
    told = told[(told["size"] >= 6) & told["var"].notna()].sort_index()
    if len(told) < 2:
        return told["mean"].iloc[:0]
    best, worst = told.loc[told["mean"].idxmax()], told.loc[told["mean"].idxmin()]
    error = np.sqrt(best["var"] / best["size"] + worst["var"] / worst["size"])
    pairs = len(told) * (len(told) - 1) / 2
    clear = best["mean"] - worst["mean"] > intervals.z(1 - 0.05 / pairs) * error
    return told["mean"] if clear else told["mean"].iloc[:0]


def focus(deals: pd.DataFrame, per_deal: pd.Series, *, as_of: dt.date, country: str, column: str) -> Lever | None:
    """Return the lever of moving effort from the segment that brings least per new deal to the one that brings most.

    Parameters
    ----------
    per_deal : Series
        What a new deal of each value of `column` brings within a year.
    column : str
        The segment.
    """
    recent = deals[
        (deals["created_at"] > pd.Timestamp(as_of) - pd.DateOffset(months=12)) & (deals["type"] != "renewal")
    ]
    counts = recent[column].dropna().astype(str).value_counts()
    told = per_deal[per_deal.index.isin(counts[counts >= LEAST_N].index)].dropna()
    if len(told) < 2 or told.max() <= told.min():
        return None
    best, worst = str(told.idxmax()), str(told.idxmin())
    up = of_volume(deals, as_of=as_of, country=country, lever="focus", column=column, value=best)
    if up is None:
        return None
    ratio = counts[best] / counts[worst]
    down = Change(volume=0.5, column=column, value=worst)
    return replace(
        up,
        scope=f"{worst} > {best}",
        changes=(*up.changes, down),
        extra={"ratio": float(ratio), "best": best, "worst": worst},
    )


def capacity(reps: int, ramp: np.ndarray, starters: int, months: int) -> Lever | None:
    """Return the lever of one more rep: new deals go up by one part in `reps` as the new one ramps; None without reps.

    It is within the unit's own history where reps have started before.

    Parameters
    ----------
    reps, starters, months : int
        Reps there now, reps whose start was seen, months of history.
    ramp : ndarray
        Share of a ramped rep by months since the start.
    """
    if reps < 1:
        return None
    blocks = months // BLOCK if starters else 0
    return Lever("capacity", "company", "all", (Change(volume=2.0),), float(reps), "count", 0.0, np.log1p(1 / reps) / Z50, 0.0,
                 blocks, max(months * reps, 1), {"ramp": ramp})  # fmt: skip


def moving(deals: pd.DataFrame, staff: pd.DataFrame, *, as_of: dt.date, moved: bool) -> Lever | None:
    """Return the lever of moving one rep from the team that brings least per rep to the one that brings most.

    What a rep brings is taken to go with the team; that it does not fall as the team grows is an assumption.

    Parameters
    ----------
    deals : DataFrame
        With ``team``.
    staff : DataFrame
        ``rep, team`` of those who are there.
    moved : bool
        Whether a rep ever changed teams: without that it is extrapolation.
    """
    reps = staff["team"].dropna().value_counts()
    since = pd.Timestamp(as_of) - pd.DateOffset(months=12)
    won = deals[(deals["status"] == "won") & (deals["closed_on"] > since)]
    month = won.groupby(["team", won["closed_on"].dt.to_period("M")])["amount"].sum().unstack("team", fill_value=0.0)
    month = month[[team for team in month if team in reps.index]].div(reps.reindex(month.columns).dropna(), axis=1)
    brought = distinct(pd.DataFrame({"mean": month.mean(), "var": month.var(), "size": len(month)}))
    if len(brought) < 2 or reps[str(brought.idxmin())] < 2:
        return None
    best, worst = str(brought.idxmax()), str(brought.idxmin())
    up, down = 1 / float(reps[best]), 1 / float(reps[worst])
    changes = (Change(volume=2.0, column="team", value=best), Change(volume=0.5, column="team", value=worst))
    return Lever("focus", "team", f"{worst} > {best}", changes, float(reps[best]), "count", 0.0, np.log1p(up) / Z50, 0.0,
                 LEAST_BLOCKS if moved else 0, max(len(won), 1), {"ratio": down / up, "best": best, "worst": worst})  # fmt: skip
