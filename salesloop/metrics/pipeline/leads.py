"""Leads that become deals: the open ones by their source and age, and those still to arrive."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from salesloop.metrics.pipeline import arrivals
from salesloop.metrics.pipeline.coded import filled, places, within
from salesloop.metrics.pipeline.steps import PER_MONTH, last_step, month_start, step_of, work

LEAST = 30
"""Leads that became deals before they are a term of their own."""
_TOP = 26
_BANDS = np.array([0, 1, 2, 3, 4, 5, 7, 10, 16])
_LINKED, _SOURCE_PRIOR, _MOST = 0.8, 10.0, 0.9


@dataclass(frozen=True)
class Leads:
    """What is known of the leads at a day, in steps.

    Attributes
    ----------
    created, ended : ndarray of int
        The step of arrival, and the last one in which a lead was open (it became a deal, was closed, or the day came).
    became, dropped : ndarray of bool
        Whether it became a deal or was closed by then.
    source : ndarray of int
        A place in `sources`.
    sources : list of str
        The lead sources.
    born : ndarray of bool
        Which of the deals began as one of these leads.
    """

    created: np.ndarray
    ended: np.ndarray
    became: np.ndarray
    dropped: np.ndarray
    source: np.ndarray
    sources: list[str]
    born: np.ndarray

    @property
    def open(self) -> np.ndarray:
        """Which leads are open."""
        return ~self.became & ~self.dropped


def known(leads: pd.DataFrame | None, deals: pd.DataFrame, *, as_of: dt.date) -> Leads | None:
    """Return the leads as they stood at a day; None where they cannot be a term of their own.

    That takes 30 leads that became deals, of which at least 80 % can be found among the deals: otherwise a deal would
    count as born of a lead and as created without one.

    Parameters
    ----------
    leads : DataFrame, optional
        ``lead_id, created_at, converted_at, closed_at, lead_source, opportunity_id``.
    deals : DataFrame
        New business: ``opportunity_id, lead_id``.
    """
    if leads is None or leads.empty or "lead_id" not in deals:
        return None
    after = pd.Timestamp(as_of) + pd.Timedelta(days=1)
    leads = leads[leads["created_at"] < after]
    became = (leads["converted_at"] < after).to_numpy()
    dropped = (leads["closed_at"] < after).to_numpy() & ~became
    born = within(deals["lead_id"], leads["lead_id"]) | within(deals["opportunity_id"], leads["opportunity_id"])
    found = within(leads["opportunity_id"], deals["opportunity_id"]) | within(leads["lead_id"], deals["lead_id"])
    if became.sum() < LEAST or found[became].mean() < _LINKED:
        return None
    created, last = step_of(leads["created_at"]), last_step(as_of)
    ended = np.where(became, step_of(leads["converted_at"]), np.where(dropped, step_of(leads["closed_at"]), last))
    code, names = filled(leads["lead_source"], "-")
    seen = np.bincount(code, minlength=len(names)) > 0
    sources = sorted(names[seen])
    source = pd.Index(sources, dtype=object).get_indexer(names)[code]
    ended = np.minimum(np.maximum(ended, created), np.maximum(last, created))
    return Leads(created, ended, became, dropped, source, sources, born)


def rates(told: Leads, country: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the chances in a usual step, by age, to become a deal and to be closed, and each source's factor on the first.

    A source's factor is what became deals over what was expected of leads of their ages, shrunk towards 1.
    """
    age = np.arange(_TOP)
    at_risk = age[None] <= (told.ended - told.created)[:, None]
    passed = at_risk * np.exp(work((told.created[:, None] + age).ravel(), country)).reshape(at_risk.shape)
    last = np.minimum(told.ended - told.created, _TOP - 1)
    band = np.searchsorted(_BANDS, age, side="right") - 1
    time = np.bincount(band, passed.sum(axis=0), len(_BANDS))
    chance = [
        (np.bincount(band[last[which]], minlength=len(_BANDS)) / np.maximum(time, 1.0))[band]
        for which in (told.became, told.dropped)
    ]
    expected = np.bincount(told.source, passed @ chance[0], len(told.sources))
    came = np.bincount(told.source[told.became], minlength=len(told.sources))
    return chance[0], chance[1], (came + _SOURCE_PRIOR) / (expected + _SOURCE_PRIOR)


def new_business(
    deals: pd.DataFrame, leads: pd.DataFrame | None, *, as_of: dt.date, months: pd.PeriodIndex, country: str = "CN"
) -> arrivals.Arrivals:
    """Return the deals to be created, renewals apart: those born of leads, and those created without one.

    Where the leads do not carry it (see `known`), all are expected as deals have been created.

    Parameters
    ----------
    deals : DataFrame
        All deals but renewals.
    leads : DataFrame, optional
        The leads.
    months : PeriodIndex
        The months ahead.
    country : str
        Whose working days count.
    """
    told = known(leads, deals, as_of=as_of)
    if told is None:
        return arrivals.new_business(deals, as_of=as_of, months=months, country=country)
    direct = arrivals.new_business(deals[~told.born], as_of=as_of, months=months, country=country)
    past = arrivals.recent(deals[told.born], as_of)
    parts, log_sd = expected(told, leads, as_of=as_of, months=months, country=country)  # type: ignore[arg-type]
    made = parts.sum(axis=0)
    if past.empty:
        return arrivals.new_business(deals, as_of=as_of, months=months, country=country)
    due, ahead = (_spread(one, told.sources, past["lead_source"]) for one in (made, parts[1]))
    rate = made.sum(axis=0)
    both = rate + direct.rate
    sd = np.hypot(rate * log_sd, direct.rate * direct.log_sd) / np.maximum(both, 1e-9)
    profiles = pd.concat([direct.profiles, past])
    to_arrive = np.vstack([np.zeros_like(direct.numbers), ahead])
    return arrivals.Arrivals(
        both, sd, profiles, np.vstack([direct.numbers, due]), int(told.open.sum()), rate, to_arrive
    )


def expected(
    told: Leads, leads: pd.DataFrame, *, as_of: dt.date, months: pd.PeriodIndex, country: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return how many leads are expected to become deals, (open now, still to arrive) x sources x months, and the log sd of their sum."""
    become, drop, factor = rates(told, country)
    level, sd = arrivals.level_ahead(leads, as_of=as_of, months=months, country=country)
    recent = told.created > last_step(as_of) - 12 * PER_MONTH
    mix = np.bincount(told.source[recent], minlength=len(told.sources)) / max(recent.sum(), 1)
    mass = np.zeros((2, len(told.sources), _TOP))  # open now, and still to arrive
    age = np.minimum(last_step(as_of) - told.created[told.open] + 1, _TOP - 1)
    np.add.at(mass[0], (told.source[told.open], age), 1.0)
    made, first = np.zeros((2, len(told.sources), len(months))), last_step(as_of) + 1
    steps = np.arange(first, month_start(months[-1]) + PER_MONTH)
    pace = np.exp(work(steps, country))
    whole = np.exp(work(np.arange(month_start(months[0]), steps[-1] + 1), country)).reshape(-1, PER_MONTH).sum(axis=1)
    for step, speed in zip(steps, pace, strict=True):
        month = (step - month_start(months[0])) // PER_MONTH
        mass[1, :, 0] += mix * level[month] * speed / whole[month]
        out = mass * np.minimum(become * speed * factor[:, None], _MOST)
        made[:, :, month] += out.sum(axis=2)
        left = (mass - out) * (1 - np.minimum(drop * speed, _MOST))
        mass = np.concatenate([np.zeros_like(left[..., :1]), left[..., :-1]], axis=2)
        mass[..., -1] += left[..., -1]
    total = made.sum(axis=(0, 1))
    unseen = made[1].sum(axis=0) / np.maximum(total, 1e-9)
    return made, np.sqrt((unseen * sd) ** 2 + 1.0 / told.became.sum())


def _spread(made: np.ndarray, sources: list[str], of: pd.Series) -> np.ndarray:
    """Return how many of each past deal are expected, by source as far as it has past deals, profiles x months."""
    place = places(of, sources, "-")
    n = np.bincount(place[place >= 0], minlength=len(sources))
    without = made[n == 0].sum(axis=0) / len(of)
    each = np.where(n[:, None] > 0, made / np.maximum(n, 1)[:, None], 0.0)
    return np.where(place[:, None] >= 0, each[place], 0.0) + without[None]
