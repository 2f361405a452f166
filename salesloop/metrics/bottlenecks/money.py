"""Money at stake: what the next three months would bring if a cell moved at its reference, minus as it moves now.

Both are drawn by the one pipeline simulation with the same random numbers. How the cell moves, and how its reference
does, is measured against the pipeline model's own expectation for the same steps, so that nothing is counted twice.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from salesloop.metrics import pipeline
from salesloop.metrics.bottlenecks.find import ALL
from salesloop.metrics.bottlenecks.stays import pipelines
from salesloop.metrics.pipeline import Change, Model, steps
from salesloop.metrics.pipeline.logistic import sigmoid
from salesloop.metrics.pipeline.model import codes, effects, leave_base, open_moves
from salesloop.metrics.pipeline.stays import exposures, visits

HORIZON = 3
MODEL_ERROR = 0.12
"""What the model itself may be off by, as a share of the money: measured on simulated companies."""
CONFIDENCE = 0.90
_Z = 1.645
_DRAWS, _SEED = 400, 30
_MOST_DEALS = 30_000
_PRIOR_SD = 1.0


@dataclass(frozen=True)
class Shift:
    """How far a cell's pace (log odds of leaving in a step) and losses (log odds of a loss on leaving) are off the model."""

    leave: float
    leave_se: float
    lost: float
    lost_se: float


class Stakes:
    """Prices cells: the model is fitted once, then every cell costs a few small simulations."""

    def __init__(
        self, deals: pd.DataFrame, events: pd.DataFrame, *, as_of: dt.date, stages: pd.DataFrame | None, country: str
    ):
        self.deals = thinned(deals.drop_duplicates("opportunity_id"))
        self.scale = deals["opportunity_id"].nunique() / max(len(self.deals), 1)
        inside = events["opportunity_id"].isin(self.deals["opportunity_id"])
        self.events = events[inside]
        self.as_of, self.stages, self.country = as_of, stages, country
        self.model: Model = pipeline.fit(self.deals, self.events, as_of=as_of, stages=stages)
        moves = open_moves(self.deals, self.events, stages)
        self.moves = visits(self.deals, moves, as_of=as_of)
        self.pipeline = pd.Series(pipelines(self.deals), index=self.deals.index)

    def price(self, cell) -> dict[str, float]:
        """Return ``money, money_low, money_high`` (90 % interval) and ``n`` open deals of a cell; NaN where it cannot be told.

        Parameters
        ----------
        cell : named tuple
            A row of `find`'s cells.
        """
        none = {"money": np.nan, "money_low": np.nan, "money_high": np.nan, "n_open": 0}
        if self.model.kind == "none" or not self.model.staged or cell.stage not in self.model.stages:
            return none
        chosen = self._of(cell)
        deals = self.deals[chosen]
        rows = self._lived(deals, cell.stage)
        now, reference = self._shifts(cell, rows)
        if now is None or reference is None:
            return none
        base = self._worth(deals, cell.stage, now.leave, now.lost)
        best = self._worth(deals, cell.stage, reference.leave, reference.lost)
        money = best - base
        spread = self._spread(deals, cell.stage, now, reference, base, best)
        half = _Z * np.hypot(spread, MODEL_ERROR * money)
        n_open = int((deals["status"] == "open").sum() * self.scale)
        told = {"money": money, "money_low": money - half, "money_high": money + half}
        return {key: value * self.scale for key, value in told.items()} | {"n_open": n_open}

    def _of(self, cell) -> pd.Series:
        inside = self.pipeline == cell.pipeline
        return (
            inside if cell.segment_kind == ALL else inside & (self.deals[cell.segment_kind].astype(str) == cell.segment)
        )

    def _lived(self, deals: pd.DataFrame, stage: str) -> pd.DataFrame:
        """Return the steps that deals lived in a stage, with what the model expected of each."""
        lived = exposures(self.moves[self.moves["opportunity_id"].isin(deals["opportunity_id"])], as_of=self.as_of)
        lived = lived[lived["stage"] == stage]
        place = pd.Index(deals["opportunity_id"]).get_indexer(lived["opportunity_id"])
        own_leave, own_lost, times = effects(self.model, deals)
        base_leave, base_lost = leave_base(self.model)
        at, age = self.model.stages.index(stage), lived["age"].to_numpy() - 1
        return pd.DataFrame({
            "step": lived["step"].to_numpy(), "left": lived["to"].notna().to_numpy(),
            "lost": lived["to"].isin(["lost", "void"]).to_numpy(),
            "leave_logit": base_leave[at, age] + own_leave[place] + times[steps.timing(lived["step"].to_numpy())],
            "lost_logit": base_lost[at, age] + own_lost[place],
        })  # fmt: skip

    def _shifts(self, cell, rows: pd.DataFrame) -> tuple[Shift | None, Shift | None]:
        if cell.nature == "change":
            since = steps.month_start(pd.Period(cell.since, "M"))
            first = self._history_start()
            after, before = rows[rows["step"] >= since], rows[(rows["step"] < since) & (rows["step"] >= first)]
            return shift(after), shift(before)
        rows = rows[rows["step"] >= self._history_start()]
        return shift(rows), self._parent(cell, rows)

    def _history_start(self) -> int:
        at = self.events["at"].min()
        return int(steps.step_of(pd.Series([at]))[0])

    def _parent(self, cell, rows: pd.DataFrame) -> Shift | None:
        """Return the shift at which the cell would move as the rest of its stage does, shrunk by how sure that is."""
        rest = self.deals[(self.pipeline == cell.pipeline) & ~self._of(cell)]
        others = self._lived(rest, cell.stage)
        others = others[others["step"] >= self._history_start()]
        now, there = shift(rows), shift(others)
        if now is None or there is None:
            return None
        own = self._own(cell)
        gaps = (there.leave - now.leave - own[0], there.lost - now.lost - own[1])
        ses = (np.hypot(there.leave_se, now.leave_se), np.hypot(there.lost_se, now.lost_se))
        leave, lost = (gap * max(0.0, 1 - (se / gap) ** 2) if gap else 0.0 for gap, se in zip(gaps, ses, strict=True))
        return Shift(now.leave + leave, ses[0], now.lost + lost, ses[1])

    def _own(self, cell) -> tuple[float, float]:
        """Return the model's own difference between the cell's level and the mean of the others."""
        if cell.segment_kind not in self.model.levels or cell.segment not in self.model.levels[cell.segment_kind]:
            return 0.0, 0.0
        levels = self.model.levels[cell.segment_kind]
        frame = self.deals.drop_duplicates(cell.segment_kind).dropna(subset=[cell.segment_kind])
        blank = frame.assign(**{name: None for name in self.model.levels if name != cell.segment_kind})
        leave, lost, _ = effects(self.model, blank)
        known = codes(blank, {cell.segment_kind: levels})[cell.segment_kind].to_numpy()
        weight = frame[cell.segment_kind].map(self.deals[cell.segment_kind].value_counts()).to_numpy(float)
        mine = known == levels.index(cell.segment)
        if mine.all():
            return 0.0, 0.0
        others = weight * ~mine
        return (float(leave[mine][0] - (leave * others).sum() / others.sum()),
                float(lost[mine][0] - (lost * others).sum() / others.sum()))  # fmt: skip

    def _worth(self, deals: pd.DataFrame, stage: str, leave: float, lost: float) -> float:
        """Return the expected bookings of the cell's deals, open and to come, in the next three months."""
        change = Change(speed=float(np.exp(leave)), conversion=float(np.exp(-lost)), stage=stage)
        drawn = pipeline.simulate(
            self.model, deals, self.events, as_of=self.as_of, horizon=HORIZON, n=_DRAWS, seed=_SEED, change=change,
            country=self.country, stages=self.stages,
        )  # fmt: skip
        return float(drawn.total().sum(axis=0).mean())

    def _spread(self, deals, stage, now: Shift, reference: Shift, base: float, best: float) -> float:
        """Return the standard error of the money from that of pace and losses, each moved by its own."""
        moved = [
            self._worth(deals, stage, now.leave + now.leave_se, now.lost) - base,
            self._worth(deals, stage, now.leave, now.lost + now.lost_se) - base,
            self._worth(deals, stage, reference.leave + reference.leave_se, reference.lost) - best,
            self._worth(deals, stage, reference.leave, reference.lost + reference.lost_se) - best,
        ]
        return float(np.sqrt(np.square(moved).sum()))


def thinned(deals: pd.DataFrame) -> pd.DataFrame:
    """Return at most 30,000 deals, evenly over their ids: enough to price a cell of any company."""
    if len(deals) <= _MOST_DEALS:
        return deals.reset_index(drop=True)
    take = np.linspace(0, len(deals) - 1, _MOST_DEALS).astype(int)
    return deals.sort_values("opportunity_id").iloc[take].reset_index(drop=True)


def shift(rows: pd.DataFrame) -> Shift | None:
    """Return how far the pace and the losses seen in some steps are off what was expected; None with too few of them.

    Parameters
    ----------
    rows : DataFrame
        ``left, lost, leave_logit, lost_logit``.
    """
    if len(rows) < 20 or rows["left"].sum() < 5:
        return None
    gone = rows[rows["left"]]
    leave, leave_se = _offset(rows["leave_logit"].to_numpy(), rows["left"].to_numpy(float))
    lost, lost_se = _offset(gone["lost_logit"].to_numpy(), gone["lost"].to_numpy(float))
    return Shift(leave, leave_se, lost, lost_se)


def _offset(logit: np.ndarray, hits: np.ndarray) -> tuple[float, float]:
    """Return the constant to add to logits so that they meet what was seen, with its standard error; a weak prior at 0.

    Examples
    --------
    >>> b, se = _offset(np.zeros(100), np.r_[np.ones(80), np.zeros(20)])
    >>> round(b, 2), round(se, 2)
    (1.31, 0.24)
    """
    b, curve = 0.0, 1.0
    for _ in range(50):
        p = sigmoid(logit + b)
        curve = float((p * (1 - p)).sum()) + 1 / _PRIOR_SD**2
        step = (float((hits - p).sum()) - b / _PRIOR_SD**2) / curve
        b += float(np.clip(step, -1.5, 1.5))
        if abs(step) < 1e-8:
            break
    return b, float(1 / np.sqrt(curve))


def priced(cells: pd.DataFrame, stakes: Stakes | None, *, most: int = 8, q: float) -> pd.DataFrame:
    """Add money to the most suspicious cells and flag those that both tests carry.

    Parameters
    ----------
    cells : DataFrame
        From `find` and `describe`, most suspicious first.
    stakes : Stakes or None
        Without one no money is told and nothing is flagged.
    most : int
        How many cells are priced; all that were found are.
    q : float
        The q value a flagged cell may have.

    Returns
    -------
    DataFrame
        `cells` with ``money, money_low, money_high, n_open, flagged``, flagged first: changes before lasting
        differences, most money first.
    """
    blank = {"money": np.nan, "money_low": np.nan, "money_high": np.nan, "n_open": 0}
    told = []
    for i, cell in enumerate(cells.itertuples()):
        wanted = stakes is not None and (i < most or cell.found < 2)
        told.append(stakes.price(cell) if wanted and stakes is not None else blank)
    money = pd.DataFrame(told, columns=list(blank), index=cells.index)
    made = cells.join(money)
    made["flagged"] = (made["found"] < 2) & (made["q_value"] <= q) & (made["money_low"] > 0)
    rank = np.select([made["flagged"] & (made["nature"] == "change"), made["flagged"]], [0, 1], 2)
    made = made.assign(rank=rank, worth=np.where(made["flagged"], -made["money"], made["p_value"]))
    return made.sort_values(["rank", "worth"], kind="stable").drop(columns=["rank", "worth", "found"]).reset_index(drop=True)  # fmt: skip
