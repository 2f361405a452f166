"""What some of the deals, open and to come, will bring on average: the mean of the pipeline simulation, without draws."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from salesloop.metrics.pipeline import Changes, Model
from salesloop.metrics.pipeline import arrivals as coming
from salesloop.metrics.pipeline.create import expected_amount
from salesloop.metrics.pipeline.model import codes, effects, start_shares
from salesloop.metrics.pipeline.propagate import chances, standing
from salesloop.metrics.pipeline.simulate import open_deals
from salesloop.metrics.pipeline.steps import PER_MONTH, first_month, last_step, month_start


@dataclass(frozen=True)
class Part:
    """Some of the deals, with what they weigh.

    Attributes
    ----------
    live : DataFrame
        Their open deals: ``state, age`` (in steps), ``kind`` (a place in `Outlook.few`) and ``size``, the amount.
    coming : ndarray
        Months ahead x kinds: the amount of the deals that each month is expected to create.
    """

    live: pd.DataFrame
    coming: np.ndarray


class Outlook:
    """Expected bookings of any part of the deals in the months ahead.

    Deals alike in all that the model looks at are carried forward together; what no part changes is made once.
    """

    def __init__(
        self, model: Model, deals: pd.DataFrame, events: pd.DataFrame, *, as_of: dt.date, horizon: int, country: str,
        stages: pd.DataFrame | None,
    ):  # fmt: skip
        self.model, self.deals, self.as_of, self.country = model, deals, as_of, country
        self.months = pd.period_range(first_month(as_of), periods=horizon, freq="M")
        both = pd.concat([deals, deals.assign(type="renewal")], ignore_index=True)
        told = codes(both, model.levels).assign(_type=pd.factorize(both["type"].astype(str))[0])
        _, first, kind = np.unique(told.to_numpy(), axis=0, return_index=True, return_inverse=True)
        self.kind, self.again, self.few = kind.ravel()[: len(deals)], kind.ravel()[len(deals) :], both.iloc[first]
        self.own = effects(model, self.few)
        live = open_deals(deals, events, model, as_of=as_of, stages=stages)
        row = pd.Index(deals["opportunity_id"]).get_indexer(live["opportunity_id"])
        self.live = live.assign(row=row, kind=self.kind[row]).set_index("row")

    def part(self, rows: np.ndarray) -> Part:
        """Return a part of the deals.

        Parameters
        ----------
        rows : ndarray
            Their places in the deals.
        """
        deals = self.deals.iloc[rows]
        live = self.live[self.live.index.isin(rows)]
        fresh = coming.new_business(
            deals[deals["type"] != "renewal"], as_of=self.as_of, months=self.months, country=self.country
        )
        again = coming.renewals(deals, as_of=self.as_of, months=self.months)
        ahead = self._coming(fresh, self.kind) + self._coming(again, self.again)
        return Part(live.assign(size=expected_amount(deals, live)), ahead)

    def _coming(self, term: coming.Arrivals, kind: np.ndarray) -> np.ndarray:
        """Return the amount that each month is expected to create, months x kinds."""
        made = np.zeros((len(self.few), len(self.months)))
        if len(term.profiles):
            size = expected_amount(term.profiles, term.profiles)
            np.add.at(made, kind[term.profiles.index], term.numbers * size[:, None])
        return made.T

    def worth(self, part: Part, *, model: Model, change: Changes, age: np.ndarray | None = None) -> float:
        """Return the bookings that a part of the deals is expected to bring.

        Parameters
        ----------
        part : Part
            From `part`.
        model : Model
            How new deals begin; else as the one that the outlook was made with.
        change : Change or tuple of Change
            What to make different: pace and losses, by stage and type.
        age : ndarray, optional
            Other ages of the open deals, in steps.
        """
        used = np.flatnonzero(part.coming.any(axis=0))
        used = np.union1d(used, part.live["kind"].to_numpy(dtype=int))
        few, own = self.few.iloc[used], (self.own[0][used], self.own[1][used])
        stood = standing(model, part.live["state"], part.live["age"].to_numpy() if age is None else age)
        mass = np.zeros((len(used), *stood.shape[1:]))
        at = np.searchsorted(used, part.live["kind"].to_numpy(dtype=int))
        np.add.at(mass, at, stood * part.live["size"].to_numpy()[:, None, None])
        horizon, begin, nothing = len(self.months), start_shares(model, few), np.zeros_like(mass)
        won, _ = chances(model, few, mass, first_step=last_step(self.as_of) + 1, months=horizon, change=change, own=own)
        total = float(won.sum())
        for month, amount in enumerate(part.coming[:, used]):
            won, _ = chances(
                model, few, nothing, first_step=month_start(self.months[month]) + 1, months=horizon - month,
                change=change, own=own, entering=begin[:, :-2] * amount[:, None] / PER_MONTH,
            )  # fmt: skip
            total += float(won.sum() + begin[:, -2] @ amount)
        return total * float(model.drift.mean())
