"""Deals yet to be created, with something changed: see `flow.flow` for what happens to their wins."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from salesloop.metrics.pipeline.create import Coming, Wins, chances_of, picked
from salesloop.metrics.pipeline.flow import Flow, flow, no_worse
from salesloop.metrics.pipeline.luck import FINE, counts
from salesloop.metrics.pipeline.propagate import Change, Changes, each, factor

MORE = "more_"


def wins(part: Coming, change: Changes) -> Iterator[tuple[int, Wins]]:
    """Yield the wins of one part with a change: the month that they were picked for, and the wins.

    Parameters
    ----------
    part : Coming
        As nothing changes.
    change : Change or tuple of Change, optional
        What is made different.
    """
    months, size = range(len(part.won)), factor(change, "size", part.past.deals)
    after = expected(part, change)
    if after is None:
        for month in months:
            yield month, _sized(part.wins(month), size)
        return
    made = flow(part.expected.sum(axis=1), after.sum(axis=1))
    for month in months:
        for some in _kept(part, part.wins(month), made, month):
            yield month, _sized(some, size)
    for month, won in enumerate(_more(part, made.more, after)):
        if won.any():
            yield month, _sized(picked(part, won, made.more[:, month], month, MORE), size)


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


def _sized(some: Wins, size: np.ndarray) -> Wins:
    return some._replace(value=np.round(some.value * size.take(some.row)))


def _kept(part: Coming, some: Wins, made: Flow, month: int) -> Iterator[Wins]:
    """Yield the wins of a month that stay, and those that move to another."""
    edge = np.round(made.stay[:, month] * FINE).astype(np.int64)
    if not len(some.row) or edge.min() >= FINE:
        yield some
        return
    most = int(some.at.max()) // part.luck.n + 1
    aim = part.luck.whole(most, "move", part.part, month).ravel().take(some.at)
    stays = aim < edge.take(some.row)
    yield _only(some, stays)
    gone, aim = _only(some, ~stays), aim[~stays]
    until = made.stay[:, month, None] + np.cumsum(made.move[:, month], axis=1)
    to = (aim[:, None] >= until[gone.row] * FINE).sum(axis=1)
    inside = to < until.shape[1]
    yield _only(gone, inside)._replace(month=to[inside])


def _only(some: Wins, which: np.ndarray) -> Wins:
    return some._replace(draw=some.draw[which], row=some.row[which], value=some.value[which], at=some.at[which])


def _more(part: Coming, more: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return month won x draws: how many further wins there are."""
    share = after / np.maximum(after.sum(axis=1, keepdims=True), 1e-300)
    mean = np.clip((more[:, None, :] * share).sum(axis=0).T @ part.inside, 0, 1e7)
    return counts(mean, part.luck.uniform(len(mean), f"{MORE}count", part.part))
