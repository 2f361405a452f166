"""Who makes the deals that people who are gone would have made: those who are still there of their own team."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from salesloop.metrics.pipeline.coded import labels, places
from salesloop.metrics.pipeline.create import NOBODY
from salesloop.metrics.pipeline.luck import below


@dataclass(frozen=True)
class Heirs:
    """For each owner who may follow, as one row of numbers with each owner's place and count in it.

    Examples
    --------
    The second of three owners is gone; the first and the third share what they would have made.

    >>> Heirs(np.array([0, 0, 2, 2]), np.array([0, 1, 3]), np.array([1, 2, 1]))(np.array([0, 1, 1, 2]), np.array([9, 9, 65535, 9]))
    array([0, 0, 2, 2])
    """

    who: np.ndarray
    first: np.ndarray
    count: np.ndarray

    def __call__(self, owner: np.ndarray, luck: np.ndarray) -> np.ndarray:
        """Return who makes the deal of each owner; luck are whole numbers below `luck.FINE`, one a deal."""
        return self.who[self.first[owner] + below(luck, self.count[owner])]


def heirs_of(deals: pd.DataFrame, owners: list[str], active: np.ndarray) -> Heirs:
    """Return the heirs of each owner: themselves, if active, else the active ones of their last team, region, or all.

    Parameters
    ----------
    deals : DataFrame
        owner_id, created_at; team and region where they are known.
    owners : list of str
        All owners.
    active : ndarray of bool
        Which of them still create deals; one at least.

    Examples
    --------
    >>> deals = pd.DataFrame({"owner_id": ["a", "b", "c", "d"], "team": ["N", "N", "S", "W"],
    ...                       "created_at": pd.to_datetime(["2026-01-05"] * 4)})
    >>> found = heirs_of(deals, ["a", "b", "c", "d"], np.array([True, False, True, False]))
    >>> [found.who[i:i + n].tolist() for i, n in zip(found.first, found.count)]
    [[0], [0], [2], [0, 2]]
    """
    whose, on = places(deals["owner_id"], owners, NOBODY), deals["created_at"].to_numpy()
    by = np.argsort(on, kind="stable")
    by = by[~np.isnat(on[by])]
    levels = [_last(whose, by, deals[level], len(owners)) for level in ("team", "region") if level in deals]
    alive, found = np.flatnonzero(active), []
    for owner in range(len(owners)):
        near = [alive[place[alive] == place[owner]] for place in levels if place[owner] >= 0]
        found.append(np.array([owner]) if active[owner] else next((some for some in near if len(some)), alive))
    count = np.array([len(some) for some in found], dtype=np.int64)
    return Heirs(np.concatenate(found) if found else alive, np.cumsum(count) - count, count)


def _last(whose: np.ndarray, by: np.ndarray, place: pd.Series, n: int) -> np.ndarray:
    """Return each owner's place, as a code, by their last deal that has one, -1 without; `by` are deals in order of time."""
    code, last = labels(place)[0], np.full(n, -1)
    by = by[(code[by] >= 0) & (whose[by] >= 0)]
    last[whose[by]] = code[by]
    return last
