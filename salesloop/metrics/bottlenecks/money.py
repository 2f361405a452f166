"""Money at stake: what the next three months would bring if a cell moved at its reference, minus as it moves now.

Both are the mean of the one pipeline simulation, carried forward without draws. How the cell moves, and how its reference
does, is measured against the pipeline model's own expectation for the same steps, so that nothing is counted twice.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from functools import cached_property

import numpy as np
import pandas as pd

from salesloop.metrics import pipeline
from salesloop.metrics.bottlenecks.cells import ALL
from salesloop.metrics.bottlenecks.shifts import Shift, moved, shift, slowed
from salesloop.metrics.bottlenecks.stays import Stays, pipelines
from salesloop.metrics.bottlenecks.worth import Outlook, Part
from salesloop.metrics.pipeline import Change, Model, steps
from salesloop.metrics.pipeline.logistic import sigmoid
from salesloop.metrics.pipeline.model import leave_base, open_moves, paces
from salesloop.metrics.pipeline.stays import exposures, visits

HORIZON = 3
MODEL_ERROR = 0.15
"""What the model itself may be off by, as a share of the money: measured on simulated companies."""
CONFIDENCE = 0.90
_Z = 1.645
_MODEL_DEALS, _CELL_DEALS = 10_000, 5_000


class Stakes:
    """Prices cells: the model is fitted once, then every cell costs a few small simulations."""

    def __init__(
        self,
        deals: pd.DataFrame,
        events: pd.DataFrame,
        *,
        as_of: dt.date,
        stages: pd.DataFrame | None,
        country: str,
        made: Stays,
    ):
        self.deals, self.events = deals.drop_duplicates("opportunity_id").reset_index(drop=True), events
        self.as_of, self.stages, self.country = as_of, stages, country
        self.first = int(steps.step_of(pd.Series([pd.Timestamp("1970-01-01") + pd.Timedelta(days=made.since)]))[0])
        self.until, self.order, table = made.until, made.order, made.table
        self.entered = table.loc[table["exit"] == "", ["opportunity_id", "stage", "start"]]
        some = thinned(self.deals, _MODEL_DEALS)
        self.model: Model = pipeline.fit(
            some, self._events(some), as_of=as_of, stages=stages, country=country, people=False
        )
        self.pipeline = pd.Series(pipelines(self.deals), index=self.deals.index)
        self._parts: dict[tuple, Part] = {}

    @cached_property
    def outlook(self) -> Outlook:
        """What the deals are expected to bring."""
        return Outlook(
            self.model, self.deals, self.events, as_of=self.as_of, horizon=HORIZON, country=self.country,
            stages=self.stages,
        )  # fmt: skip

    @cached_property
    def lived(self) -> pd.DataFrame:
        """The steps that all deals lived."""
        return self._steps(self.deals)

    def _events(self, deals: pd.DataFrame) -> pd.DataFrame:
        return self.events[self.events["opportunity_id"].isin(deals["opportunity_id"])]

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
        whole = np.flatnonzero(self._of(cell))
        place = thin(self.deals["opportunity_id"].iloc[whole], _CELL_DEALS)
        inside = whole[place]
        scale = len(whole) / max(len(inside), 1)
        rows = self._lived(inside, cell.stage)
        reference, share = self._reference(cell, rows)
        if reference is None:
            return none
        key = (cell.pipeline, cell.segment_kind, cell.segment)
        part = self._parts.get(key) or self._parts.setdefault(key, self.outlook.part(inside))
        money, spread = self._difference(part, cell, rows, reference, share)
        half = _Z * np.hypot(spread, MODEL_ERROR * money)
        n_open = int((self.deals["status"].iloc[whole] == "open").sum())
        told = {"money": money, "money_low": money - half, "money_high": money + half}
        return {key: value * scale for key, value in told.items()} | {"n_open": n_open}

    def _of(self, cell) -> pd.Series:
        inside = self.pipeline == cell.pipeline
        return (
            inside if cell.segment_kind == ALL else inside & (self.deals[cell.segment_kind].astype(str) == cell.segment)
        )

    def _lived(self, inside: np.ndarray, stage: str) -> pd.DataFrame:
        """Return the steps that some deals lived in a stage, with what the model expected of each."""
        few = len(self.deals) > _MODEL_DEALS
        lived = self._steps(self.deals.iloc[inside]) if few else self.lived
        lived = lived[(lived["stage"] == stage).to_numpy() & np.isin(lived["row"].to_numpy(), inside)]
        row, step = lived["row"].to_numpy(), lived["step"].to_numpy()
        own_leave, own_lost = self.outlook.own
        base_leave, base_lost = leave_base(self.model)
        quick, hard = paces(self.model, step)
        at, age, kind = self.model.stages.index(stage), lived["age"].to_numpy() - 1, self.outlook.kind[row]
        return pd.DataFrame({
            "step": step, "left": lived["to"].notna().to_numpy(), "lost": lived["to"].isin(["lost", "void"]).to_numpy(),
            "leave_logit": base_leave[at, age] + own_leave[kind] + quick[:, at],
            "lost_logit": base_lost[at, age] + own_lost[kind] + hard[:, at], "type": _types(self.deals)[row],
        })  # fmt: skip

    def _steps(self, deals: pd.DataFrame) -> pd.DataFrame:
        moves = open_moves(deals, self._events(deals), self.stages)
        lived = exposures(visits(deals, moves, as_of=self.as_of), as_of=self.as_of)
        return lived.assign(row=pd.Index(self.deals["opportunity_id"]).get_indexer(lived["opportunity_id"]))

    def _reference(self, cell, rows: pd.DataFrame) -> tuple[Shift | None, float]:
        """Return how the cell moves at its reference, against the model, and the share lost among those that leave.

        Both what was seen before and after the change tell it; after it, the change itself is taken out first.
        """
        rows = rows[rows["step"] >= self.first]
        since = steps.month_start(pd.Period(cell.since, "M")) if cell.nature == "change" else 0
        after = (rows["step"] >= since).to_numpy()
        found, share = shift(rows), 0.5
        for _ in range(3):
            if found is None:
                return None, share
            leaves = sigmoid(rows["leave_logit"].to_numpy() + found.leave)
            share = float((sigmoid(rows["lost_logit"].to_numpy() + found.lost) * leaves).sum() / leaves.sum())
            leave, lost = moved(float(np.log(cell.ratio)), cell.direction, share)
            logit = rows["leave_logit"].to_numpy() + found.leave
            seen = np.where(after, slowed(logit, leave), logit) - found.leave
            found = shift(rows.assign(leave_logit=seen, lost_logit=rows["lost_logit"] + lost * after))
        return found, share

    def _difference(self, part: Part, cell, rows: pd.DataFrame, reference: Shift, share: float) -> tuple[float, float]:
        """Return the money between the reference and the present, and its standard error from that of the ratio."""
        stage, log = cell.stage, float(np.log(cell.ratio))
        leave, lost = moved(log, cell.direction, share)
        at = Change(speed=float(np.exp(reference.leave)), conversion=float(np.exp(-reference.lost)), stage=stage)
        off = [
            Change(speed=float(np.exp(odds)), conversion=float(np.exp(-lost)), stage=stage, column="type", value=kind)
            for kind, odds in _odds(rows, reference, leave).items()
        ]
        pace = float(np.exp(leave))
        now = self.outlook.worth(part, model=self._slow_start(cell, pace), change=(at, *off))
        usual = self.outlook.worth(part, model=self.model, change=at, age=self._younger(part, cell, pace))
        return usual - now, abs(usual - now) * cell.ratio_se / max(abs(log), cell.ratio_se)

    def _younger(self, part: Part, cell, pace: float) -> np.ndarray:
        """Return the ages of open deals as if the days spent in a slowed stage had counted by its pace only.

        A deal held up for ninety days at a third of the pace has lived through what thirty days are at the reference;
        taken for an old deal it would look as slow as those that were old before anything changed.
        """
        age = part.live["age"].to_numpy(float)
        if cell.nature != "change" or pace >= 1:
            return age
        standing = self.entered[self.entered["stage"] == cell.stage]
        start = standing["start"].to_numpy(float)
        slow = self.until - np.maximum(start, float(np.datetime64(cell.since, "D").astype("int64")))
        when = pd.Timestamp("1970-01-01") + pd.to_timedelta(pd.Series(start + slow * (1 - pace)), unit="D")
        young = np.maximum(steps.last_step(self.as_of) + 1 - steps.step_of(when), 1)
        own = pd.Index(standing["opportunity_id"]).get_indexer(part.live["opportunity_id"])
        return np.where(own >= 0, young[own], age) if len(young) else age

    def _slow_start(self, cell, pace: float) -> Model:
        """Return the model with fewer deals past a slowed stage at the end of the step that they are created in."""
        order, names = dict(zip(self.order["stage"], self.order["order"], strict=True)), self.model.stages
        here = order.get(cell.stage, np.inf)
        later = np.array([*[order.get(name, -np.inf) > here for name in names], True, False])

        def held(share: np.ndarray) -> np.ndarray:
            usual = names[int(np.argmax(share[:-2]))]
            if cell.nature != "change" or pace >= 1 or order.get(usual, np.inf) > here:
                return share
            made = np.where(later, share * pace, share)
            made[names.index(cell.stage)] += share.sum() - made.sum()
            return made

        starts = {name: held(share) for name, share in self.model.starts.items()}
        return dataclasses.replace(self.model, start=held(self.model.start), starts=starts)


def _types(deals: pd.DataFrame) -> np.ndarray:
    return (
        (deals["type"] if "type" in deals else pd.Series("None", index=deals.index)).astype(str).to_numpy(dtype=object)
    )


def _odds(rows: pd.DataFrame, reference: Shift, pace: float) -> dict[str, float]:
    """Return for each type of deal the log of the odds of leaving in a step that a pace comes to.

    Deals that leave fast, such as renewals, lose more odds at the same pace than those that leave slowly.
    """
    p = sigmoid(rows["leave_logit"].to_numpy() + reference.leave)
    told = {}
    for kind, inside in rows.groupby("type").indices.items():
        usual = float(np.square(p[inside]).sum() / p[inside].sum())
        logit = float(np.log(usual / (1 - usual)))
        told[str(kind)] = float(slowed(np.array([logit]), pace)[0]) - logit
    return told


def thinned(deals: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return at most so many deals, evenly over their ids: enough to fit a model of any company."""
    return deals.iloc[thin(deals["opportunity_id"], most)].reset_index(drop=True)


def thin(ids: pd.Series, most: int) -> np.ndarray:
    """Return the places of at most so many ids, evenly over their order; all as they stand where there are no more.

    Examples
    --------
    >>> thin(pd.Series(["c", "a", "b"]), 2).tolist(), thin(pd.Series(["c", "a"]), 2).tolist()
    ([1, 0], [0, 1])
    """
    if len(ids) <= most:
        return np.arange(len(ids))
    return np.argsort(ids.to_numpy(), kind="stable")[np.linspace(0, len(ids) - 1, most).astype(int)]


def priced(cells: pd.DataFrame, stakes: Stakes | None, *, most: int = 4, q: float) -> pd.DataFrame:
    """Add money to the most suspicious cells and flag those that both tests carry.

    Parameters
    ----------
    cells : DataFrame
        From `find` and `describe`, most suspicious first.
    stakes : Stakes or None
        Without one no money is told and nothing is flagged.
    most : int
        How many of the cells that were not found are priced too.
    q : float
        The q value a flagged cell may have.

    Returns
    -------
    DataFrame
        `cells` with ``money, money_low, money_high, n_open, flagged``, flagged first: changes before lasting
        differences, most money first; last what is so with its segment everywhere.
    """
    blank = {"money": np.nan, "money_low": np.nan, "money_high": np.nan, "n_open": np.nan}
    told, spare = [], most
    for cell in cells.itertuples():
        likely = cell.found < 2 and cell.own_q <= q
        near = cell.found >= 2 and (cell.ratio < 1) == (cell.direction == "slower")
        wanted = stakes is not None and (likely or (near and spare > 0))
        spare -= int(near)
        told.append(stakes.price(cell) if wanted and stakes is not None else blank)
    money = pd.DataFrame(told, columns=list(blank), index=cells.index)
    made = cells.join(money)
    made["flagged"] = (made["found"] < 2) & (made[["q_value", "own_q"]].max(axis=1) <= q) & (made["money_low"] > 0)
    trait = (made["found"] < 2) & (made["own_q"] > q)
    rank = np.select([made["flagged"] & (made["nature"] == "change"), made["flagged"], ~trait], [0, 1, 2], 3)
    made = made.assign(rank=rank, worth=np.where(made["flagged"], -made["money"], made["p_value"]))
    return made.sort_values(["rank", "worth"], kind="stable").drop(columns=["rank", "worth", "found"]).reset_index(drop=True)  # fmt: skip
