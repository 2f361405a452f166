"""Deals yet to be created: how many of them are won in each month of each draw, whose they are and what they bring."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from salesloop.metrics.pipeline.arrivals import Arrivals
from salesloop.metrics.pipeline.coded import places, plain
from salesloop.metrics.pipeline.luck import FINE, Luck, below, counts
from salesloop.metrics.pipeline.model import Model, effects, start_shares
from salesloop.metrics.pipeline.propagate import Changes, arriving, each
from salesloop.metrics.pipeline.steps import first_month, month_start

if TYPE_CHECKING:
    from salesloop.metrics.pipeline.simulate import Prepared

NOBODY = "-"
_MOST_KEPT = 1_000_000
"""How many wins of a part are kept for the next run from the same state."""


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

    def of(self, which: np.ndarray) -> Group:
        """Return some of them."""
        own = (self.own[0][which], self.own[1][which])
        return Group(self.deals[which], self.size[which], self.owner[which], own, self.begin[which])


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
    owner = places(some["owner_id"], owners, NOBODY)
    return Group(some, expected_amount(deals, some), owner, own, start_shares(model, some))


def _together(own: tuple[np.ndarray, np.ndarray], nearly: float) -> tuple[np.ndarray, np.ndarray]:
    """Return effects with the mean of those nearly alike for each of them."""
    _, kind = np.unique(np.column_stack([np.round(one / nearly) for one in own]), axis=0, return_inverse=True)
    kind, n = kind.ravel(), np.bincount(kind.ravel())
    first, second = ((np.bincount(kind, one) / n)[kind] for one in own)
    return first, second


def expected_amount(deals: pd.DataFrame, wanted: pd.DataFrame) -> np.ndarray:
    """Return the amounts of deals; one without an amount gets the mean of won deals of its product, else of all."""
    if (wanted["amount"] > 0).all():
        return wanted["amount"].to_numpy(float)
    won = deals[(deals["status"] == "won") & (deals["amount"] > 0)]
    overall = won["amount"].mean() if len(won) else 0.0
    by_product = won["amount"].groupby(plain(won["product"])).mean()
    guess = plain(wanted["product"]).map(by_product).astype(float).fillna(overall)
    return wanted["amount"].where(wanted["amount"] > 0, guess).fillna(0.0).to_numpy(float)


def common_luck(model: Model, luck: Luck, part: int) -> np.ndarray:
    """Return a factor a draw on all chances, mean 1: how far the model's own rates may be off."""
    sd = 1.0 / np.sqrt(max(model.n_won, 1))
    return np.exp(sd * luck.normal("common", part) - sd**2 / 2)


class Wins(NamedTuple):
    """Wins of deals yet to be created, a row each.

    Attributes
    ----------
    month : int
        The month ahead.
    draw, row, value : ndarray
        The draw, the past deal that it is like, and its amount.
    at : ndarray
        Its place in a table of random numbers with a column a draw: the k-th win of a draw has its own, come what may.
    """

    month: int
    draw: np.ndarray
    row: np.ndarray
    value: np.ndarray
    at: np.ndarray


@dataclass(frozen=True)
class Coming:
    """Deals of one part that are yet to be created, as nothing changes: thinned Poisson counts, each with a past deal's profile.

    Attributes
    ----------
    ready : Prepared
        What every run shares.
    term, past
        How many are to come, and the past deals that they are like.
    part : int
        Which part of the draws it is.
    luck : Luck
        The random numbers.
    kind : ndarray
        Each past deal's kind: alike are those that move alike.
    chance : ndarray
        Past deals x month created x month won: the chance of one like it.
    expected : ndarray
        The same, how many wins are expected.
    inside : ndarray
        Month created x draws: the factor on how many there are, mean 1.
    won : ndarray
        Month won x draws: how many are won.
    """

    ready: Prepared
    term: Arrivals
    past: Group
    part: int
    luck: Luck
    kind: np.ndarray
    chance: np.ndarray
    expected: np.ndarray
    inside: np.ndarray
    won: np.ndarray
    _kept: dict[int, Wins] = field(default_factory=dict, repr=False)

    def wins(self, month: int) -> Wins:
        """Return the wins of a month ahead."""
        if month not in self._kept:
            made = picked(self, self.won[month], self.expected[:, :, month].sum(axis=1), month)
            if self.won.sum() > _MOST_KEPT:
                return made
            self._kept[month] = made
        return self._kept[month]


def coming(ready: Prepared, term: Arrivals, past: Group, part: int, luck: Luck) -> Coming | None:
    """Return a part's deals yet to be created; None where there are none."""
    if not term.rate.sum() > 0 or past.deals.empty:
        return None
    model, months, kind = ready.model, len(ready.months), _alike(past)
    chance = chances_of(ready, past, kind, None)
    expected = term.numbers[:, :, None] * chance
    inside = np.exp(term.log_sd[:, None] * luck.normal("level", part)[None] - term.log_sd[:, None] ** 2 / 2)
    inside *= common_luck(model, luck, part)[None]
    won = counts(np.clip(expected.sum(axis=0).T @ inside, 0, 1e7), luck.uniform(months, "count", part))
    return Coming(ready, term, past, part, luck, kind, chance, expected, inside, won)


def _alike(past: Group) -> np.ndarray:
    """Return every past deal's kind: alike are those that move alike."""
    kinds = np.column_stack([past.begin, *past.own]).round(6)
    return np.unique(kinds, axis=0, return_inverse=True)[1].ravel()


def chances_of(ready: Prepared, past: Group, kind: np.ndarray, change: Changes) -> np.ndarray:
    """Return past deals x month created x month won: the chance of one like it, created evenly over its month's steps.

    Parameters
    ----------
    kind : ndarray
        Their kinds; what a change is for is told apart besides.
    """
    for one in each(change):
        kind = kind * 2 + one.applies(past.deals)
    _, first, back = np.unique(kind, return_index=True, return_inverse=True)
    few, own = past.deals.iloc[first], (past.own[0][first], past.own[1][first])
    base = month_start(first_month(ready.as_of))
    return arriving(
        ready.model, few, past.begin[first], first_step=base, months=len(ready.months), change=change, own=own
    )[back]


def picked(part: Coming, won: np.ndarray, expected: np.ndarray, month: int, more: str = "") -> Wins:
    """Return wins of a month ahead, each like a past deal picked by how many wins are expected of it.

    Parameters
    ----------
    won : ndarray
        How many in each draw.
    expected : ndarray
        How many are expected of each past deal.
    more : str
        Whose random numbers: those of a change begin with ``more_``.
    """
    luck, draw = part.luck, np.repeat(np.arange(len(won)), won)
    place = np.arange(len(draw)) - np.repeat(np.cumsum(won) - won, won)
    most, at = int(place.max()) + 1 if len(place) else 0, place * luck.n + draw
    row = _shares(expected).take(luck.whole(most, f"{more}profile", part.part, month).ravel().take(at))
    value, drift = part.past.size.take(row), part.ready.model.drift
    if len(drift) > 1:
        told = luck.whole(most, f"{more}drift", part.part, month).ravel().take(at)
        value = value * drift[below(np.arange(FINE), len(drift))].take(told)
    return Wins(month, draw, row, np.round(value), at)


def owner_of(part: Coming, wins: Wins) -> np.ndarray:
    """Return who makes each of a month's wins as nothing changes."""
    most = int(wins.at.max()) // part.luck.n + 1 if len(wins.at) else 0
    heir = part.luck.whole(most, "heir", part.part, wins.month).ravel().take(wins.at)
    return part.ready.heirs(part.past.owner[wins.row], heir)


def _shares(expected: np.ndarray) -> np.ndarray:
    """Return which deal each of `FINE` equal shares of the chance falls to."""
    share = np.cumsum(expected)
    if not share[-1] > 0:
        return np.zeros(FINE, dtype=np.int64)
    edge = np.ceil(share / share[-1] * FINE - 0.5).astype(np.int64).clip(0, FINE)
    edge[-1] = FINE
    return np.repeat(np.arange(len(edge)), np.diff(edge, prepend=0))
