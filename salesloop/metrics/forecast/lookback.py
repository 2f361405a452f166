"""Past month ends as they stood then: each is fitted once, for the back-test, the bridge and the reliability of chances."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from salesloop import periods
from salesloop.metrics import pipeline
from salesloop.metrics.pipeline.coded import matched


def as_known(deals: pd.DataFrame, events: pd.DataFrame, day: dt.date) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return deals and events as they stood at a day: later ones gone, later closings undone.

    The amount of a deal then open is the last one its events state by that day; without any it is the one known now.
    """
    after = pd.Timestamp(day) + pd.Timedelta(days=1)
    past = events[events["at"] < after]
    made = deals[(deals["created_at"] < after) | (deals["created_at"].isna() & (deals["closed_on"] < after))]
    status = made["status"].where(made["status"].eq("open") | (made["closed_on"] < after), "open")
    live, last = status.eq("open").to_numpy(), _last(made["opportunity_id"], past)
    stage = _stated(made["stage"], past["to_stage"], last, live)
    made = made.assign(status=status, closed_on=made["closed_on"].mask(live), stage=stage)
    if "amount" in past:
        stated = np.append(past["amount"].to_numpy(float), np.nan)[last]
        made["amount"] = made["amount"].mask(live & (stated > 0), stated)
    return made, past


def _last(ids: pd.Series, events: pd.DataFrame) -> np.ndarray:
    """Return the row of each deal's last event, -1 where it has none."""
    (own, told), n = matched(ids, events["opportunity_id"])
    by, last = np.argsort(events["at"].to_numpy(), kind="stable"), np.full(n + 1, -1)
    last[told[by]] = by
    last[-1] = -1
    return last[own]


def _stated(stage: pd.Series, to_stage: pd.Series, last: np.ndarray, live: np.ndarray) -> pd.Series:
    """Return the stages of deals, of those that were open the one their last event states."""
    if isinstance(stage.dtype, pd.CategoricalDtype) and stage.dtype == to_stage.dtype:
        code = np.where(live, np.append(to_stage.array.codes, -1)[last], stage.array.codes)
        return pd.Series(pd.Categorical.from_codes(code, dtype=stage.dtype), index=stage.index)
    told = np.append(to_stage.to_numpy(object), np.nan)[last]
    return pd.Series(np.where(live, told, stage.to_numpy(object)), index=stage.index, dtype=stage.dtype)


class LookBack:
    """What was known at past month ends, and the model fitted to it; asked for again, it is there.

    Parameters
    ----------
    known, events, stages : DataFrame
        ``Book.deals()`` and the canonical tables.
    state_known : {"observed", "events", "dates"}
        With ``dates`` no stage of the past is known: deals go by their age alone.
    country : str
        Whose working days count.
    leads : DataFrame, optional
        The leads; at each end only what was known of them then is read.
    """

    def __init__(
        self, known: pd.DataFrame, events: pd.DataFrame, stages: pd.DataFrame, *, state_known: str, country: str,
        leads: pd.DataFrame | None = None,
    ):  # fmt: skip
        self.deals, self.events, self.leads = pipeline.compact(known, events, leads)
        self.stages, self.staged, self.country = stages, state_known != "dates", country
        self._then: dict[pd.Period, tuple[pd.DataFrame, pd.DataFrame]] = {}
        self._models: dict[pd.Period, pipeline.Model] = {}

    def then(self, month: pd.Period) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return deals and events as they stood at a month's end."""
        if month not in self._then:
            self._then[month] = as_known(self.deals, self.events, periods.end(month))
        return self._then[month]

    def model(self, month: pd.Period) -> pipeline.Model:
        """Return the model as it would have been fitted at a month's end."""
        if month not in self._models:
            self._models[month] = self.fit(*self.then(month), periods.end(month))
        return self._models[month]

    def ready(self, month: pd.Period, horizon: int) -> pipeline.Prepared:
        """Return what every run from a month's end shares, so many months ahead."""
        return self.prepare(self.model(month), *self.then(month), periods.end(month), horizon)

    def chances(self, month: pd.Period, months: int) -> pd.DataFrame:
        """Return ``opportunity_id, p_win`` of the deals then open: the chance to be won within so many months."""
        how = {"as_of": periods.end(month), "months": months, "stages": self.stages}
        return pipeline.stated(self.model(month), *self.then(month), **how)  # type: ignore[arg-type]

    def fit(self, deals: pd.DataFrame, events: pd.DataFrame, as_of: dt.date) -> pipeline.Model:
        """Return the model fitted to a state of the deals."""
        return pipeline.fit(
            deals, events, as_of=as_of, stages=self.stages, staged=self.staged, country=self.country
        )  # fmt: skip

    def prepare(
        self, model: pipeline.Model, deals: pd.DataFrame, events: pd.DataFrame, as_of: dt.date, horizon: int
    ) -> pipeline.Prepared:
        """Return what every run from a state of the deals shares."""
        return pipeline.prepare(
            model, deals, events, as_of=as_of, horizon=horizon, country=self.country, stages=self.stages, leads=self.leads
        )  # fmt: skip
