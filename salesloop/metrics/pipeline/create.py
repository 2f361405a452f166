"""Deals yet to be created: how many of them are won in each month of each draw, whose they are and what they bring."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from salesloop.metrics.pipeline.arrivals import Arrivals
from salesloop.metrics.pipeline.luck import FINE, Luck, below, counts
from salesloop.metrics.pipeline.model import Model, effects, start_shares
from salesloop.metrics.pipeline.propagate import Changes, arriving, each, factor
from salesloop.metrics.pipeline.steps import first_month, month_start

if TYPE_CHECKING:
    from salesloop.metrics.pipeline.simulate import Prepared

NOBODY = "-"


@dataclass(frozen=True)
class Group:
    """Deals with what every run needs to know of them.

    Attributes
    ----------
    deals : DataFrame
        Their features.
    size : ndarray
        Their amounts.
    owner : ndarray of int
        Their owners, as places in a list of owners.
    own : tuple of ndarray
        Their `effects`.
    begin : ndarray
        Where they would begin, from `start_shares`.
    """

    deals: pd.DataFrame
    size: np.ndarray
    owner: np.ndarray
    own: tuple[np.ndarray, np.ndarray]
    begin: np.ndarray


def group(model: Model, some: pd.DataFrame, deals: pd.DataFrame, owners: list[str], *, nearly: float = 0.0) -> Group:
    """Return some deals as a group.

    Parameters
    ----------
    deals : DataFrame
        The deals whose amounts stand in for one that has none.
    owners : list of str
        All owners; `NOBODY` among them where a deal has none.
    nearly : float
        How near the log odds of those lie that are taken as alike and carried forward together.
    """
    own = effects(model, some) if model.kind != "none" else (np.zeros(len(some)), np.zeros(len(some)))
    if nearly and len(some):
        own = _together(own, nearly)
    owner = pd.Categorical(some["owner_id"].fillna(NOBODY).astype(str), owners).codes.astype(np.int64)
    return Group(some, expected_amount(deals, some), owner, own, start_shares(model, some))


def _together(own: tuple[np.ndarray, np.ndarray], nearly: float) -> tuple[np.ndarray, np.ndarray]:
    """Return effects with the mean of those nearly alike for each of them."""
    _, kind = np.unique(np.column_stack([np.round(one / nearly) for one in own]), axis=0, return_inverse=True)
    kind, n = kind.ravel(), np.bincount(kind.ravel())
    first, second = ((np.bincount(kind, one) / n)[kind] for one in own)
    return first, second


def expected_amount(deals: pd.DataFrame, wanted: pd.DataFrame) -> np.ndarray:
    """Return the amounts of deals; one without an amount gets the mean of won deals of its product, else of all."""
    won = deals[(deals["status"] == "won") & (deals["amount"] > 0)]
    overall = won["amount"].mean() if len(won) else 0.0
    by_product = won.groupby("product")["amount"].mean()
    guess = wanted["product"].map(by_product).astype(float).fillna(overall)
    return wanted["amount"].where(wanted["amount"] > 0, guess).fillna(0.0).to_numpy(float)


def common_luck(model: Model, luck: Luck, part: int) -> np.ndarray:
    """Return a factor a draw on all chances, mean 1: how far the model's own rates may be off."""
    sd = 1.0 / np.sqrt(max(model.n_won, 1))
    return np.exp(sd * luck.normal("common", part) - sd**2 / 2)


def wins(
    ready: Prepared, term: Arrivals, past: Group, part: int, luck: Luck, change: Changes, *, owned: bool
) -> Iterator[tuple]:
    """Yield by month the wins of deals yet to be created: thinned Poisson counts, each with a past deal's profile.

    Parameters
    ----------
    ready : Prepared
        What every run shares.
    term, past
        How many are to come, and the past deals that they are like.
    part : int
        Which part of the draws it is.
    owned : bool
        Whether to tell whose each is.

    Yields
    ------
    month, draw, owner, value
        The month ahead, and for each win its draw, its owner (None unless `owned`) and its amount.
    """
    model, months = ready.model, len(ready.months)
    if not term.rate.sum() > 0 or past.deals.empty:
        return
    expected = (term.numbers * factor(change, "volume", past.deals)[:, None])[:, :, None] * _chances(
        ready, past, change
    )
    inside = np.exp(term.log_sd[:, None] * luck.normal("level", part)[None] - term.log_sd[:, None] ** 2 / 2)
    inside *= common_luck(model, luck, part)[None]
    won = counts(np.clip(expected.sum(axis=0).T @ inside, 0, 1e7), luck.uniform(months, "count", part))
    pick = _Profiles(ready, past, expected.sum(axis=1), part, luck, change)
    for month in range(months):
        place, draw = _placed(won[month])
        owner, value = pick(month, place, draw, owned=owned)
        yield month, draw, owner, value


def _placed(won: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a row a win: which win of its draw it is, and the draw."""
    draw = np.repeat(np.arange(len(won)), won)
    return np.arange(len(draw)) - np.repeat(np.cumsum(won) - won, won), draw


def _chances(ready: Prepared, past: Group, change: Changes) -> np.ndarray:
    """Return profile x month created x month won, for deals created evenly over the steps of a month."""
    first, back = _alike(past, change)
    few, own = past.deals.iloc[first], (past.own[0][first], past.own[1][first])
    base = month_start(first_month(ready.as_of))
    return arriving(
        ready.model, few, past.begin[first], first_step=base, months=len(ready.months), change=change, own=own
    )[back]


def _alike(past: Group, change: Changes) -> tuple[np.ndarray, np.ndarray]:
    """Return a row of each kind of profile, and every profile's kind: alike are those that move alike."""
    applies = [one.applies(past.deals).astype(float) for one in each(change)]
    kinds = np.column_stack([past.begin, *past.own, *applies]).round(6)
    _, first, back = np.unique(kinds, axis=0, return_index=True, return_inverse=True)
    return first, back.ravel()


class _Profiles:
    """Pick past deals for wins of a month by their chance to be won then."""

    def __init__(self, ready, past, expected, part, luck, change):
        self.expected, self.part, self.luck = expected, part, luck
        self.size, self.owner = past.size * factor(change, "size", past.deals), past.owner
        self.heirs = ready.heirs
        drift = ready.model.drift
        self.drift = drift[below(np.arange(FINE), len(drift))] if len(drift) > 1 else None

    def __call__(self, month, place, draw, *, owned):
        """Return owner and amount of each win; the k-th win of a draw has its own random numbers, come what may."""
        most, at = int(place.max()) + 1 if len(place) else 0, place * self.luck.n + draw
        row = self._shares(month).take(self._whole(most, "profile", month).take(at))
        value = self.size.take(row)
        if self.drift is not None:
            value *= self.drift.take(self._whole(most, "drift", month).take(at))
        if not owned:
            return None, np.round(value)
        heir = self._whole(most, "heir", month).take(at)
        return self.heirs(self.owner[row], heir), np.round(value)

    def _whole(self, most, purpose, month) -> np.ndarray:
        return self.luck.whole(most, purpose, self.part, month).ravel()

    def _shares(self, month) -> np.ndarray:
        """Return which deal each of `FINE` equal shares of the chance falls to."""
        share = np.cumsum(self.expected[:, month])
        if not share[-1] > 0:
            return np.zeros(FINE, dtype=np.int64)
        edge = np.ceil(share / share[-1] * FINE - 0.5).astype(np.int64).clip(0, FINE)
        edge[-1] = FINE
        return np.repeat(np.arange(len(edge)), np.diff(edge, prepend=0))
