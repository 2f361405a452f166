"""Deals yet to be created, with something changed: see `flow.flow` for what happens to their wins."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from salesloop.metrics.pipeline.create import Coming, Wins, chances_of, picked
from salesloop.metrics.pipeline.flow import Flow, flow, no_worse
from salesloop.metrics.pipeline.luck import FINE, counts
from salesloop.metrics.pipeline.propagate import Change, Changes, each, factor

MORE = "more_"


def moved(part: Coming, change: Changes) -> Iterator[tuple]:
    """Yield what a change does to the wins of one part: month ahead, draw, and the money that comes in or goes.

    Parameters
    ----------
    part : Coming
        As nothing changes.
    change : Change or tuple of Change, optional
        What is made different.
    """
    size, after = factor(change, "size", part.past.deals), expected(part, change)
    if (size != 1).any():
        for month in range(len(part.won)):
            yield _resized(part.wins(month), size)
    if after is None:
        return
    made = flow(part.expected.sum(axis=1), after.sum(axis=1))
    for month in np.flatnonzero((made.stay < 1.0).any(axis=0)).tolist():
        yield from _leaving(part, part.wins(month), made, size)
    for month, won in enumerate(_more(part, made.more, after)):
        if won.any():
            some = picked(part, won, made.more[:, month], month, MORE)
            yield some.month, some.draw, some.value * size.take(some.row)


def _resized(some: Wins, size: np.ndarray) -> tuple:
    """Return what wins bring more when their amounts are others."""
    ratio = size.take(some.row)
    other = ratio != 1
    return some.month, some.draw[other], (some.value * (ratio - 1.0))[other]


def expected(part: Coming, change: Changes) -> np.ndarray | None:
    """Return past deals x month created x month won with a change; None where it moves none of them.

    Only the past deals that it is for are carried forward again.
    """
    deals, made, moved = part.past.deals, part.expected, False
    slow = tuple(one for one in each(change) if one.speed != 1 or one.conversion != 1)
    for_whom = np.zeros(len(deals), dtype=bool)
    for one in slow:
        for_whom |= one.applies(deals)
    number = numbers(part, change)
    if number is not None:
        share = number / np.where(part.term.numbers > 0, part.term.numbers, 1.0)
        made, moved = made * share[:, :, None], True
    if for_whom.any():
        again = chances_of(part.ready, part.past.of(for_whom), part.kind[for_whom], slow)
        again = no_worse(part.chance[for_whom], again, slow)
        made = made.copy()
        base = part.term.numbers if number is None else number
        made[for_whom] = base[for_whom][:, :, None] * again
        moved = True
    return made if moved else None


def numbers(part: Coming, change: Changes) -> np.ndarray | None:
    """Return how many deals like each past one are created by month with a change; None where it changes no number."""
    term, months = part.term, len(part.won)
    more = [one for one in each(change) if one.volume != 1 or (one.leads != 1 and term.to_arrive is not None)]
    if not more:
        return None
    made = term.numbers
    if term.to_arrive is not None:
        made = made + (_monthly(more, "leads", part, months) - 1.0) * term.to_arrive
    return np.maximum(made, 0.0) * _monthly(more, "volume", part, months)


def _monthly(changes: list[Change], what: str, part: Coming, months: int) -> np.ndarray:
    """Return past deals x months: the factor of changes made together on a number, each as far as it has come in."""
    made = np.ones((len(part.past.deals), months))
    for one in changes:
        come = np.array([one.ramp[min(month, len(one.ramp) - 1)] for month in range(months)]) if one.ramp else 1.0
        made *= 1.0 + (getattr(one, what) - 1.0) * one.applies(part.past.deals)[:, None] * come
    return made


def _leaving(part: Coming, some: Wins, made: Flow, size: np.ndarray) -> Iterator[tuple]:
    """Yield the wins that do not stay in their month: out of it, and into another."""
    edge = np.round(made.stay[:, some.month] * FINE).astype(np.int64)
    if not len(some.row) or edge.min() >= FINE:
        return
    most = int(some.at.max()) // part.luck.n + 1
    aim = part.luck.whole(most, "move", part.part, some.month).ravel().take(some.at)
    gone = np.flatnonzero(aim >= edge.take(some.row))
    row, draw, value = some.row[gone], some.draw[gone], some.value[gone] * size.take(some.row[gone])
    yield some.month, draw, -value
    until = made.stay[:, some.month, None] + np.cumsum(made.move[:, some.month], axis=1)
    to = (aim[gone, None] >= until[row] * FINE).sum(axis=1)
    inside = to < until.shape[1]
    yield to[inside], draw[inside], value[inside]


def _more(part: Coming, more: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return month won x draws: how many further wins there are."""
    share = after / np.maximum(after.sum(axis=1, keepdims=True), 1e-300)
    mean = np.clip((more[:, None, :] * share).sum(axis=0).T @ part.inside, 0, 1e7)
    return counts(mean, part.luck.uniform(len(mean), f"{MORE}count", part.part))
