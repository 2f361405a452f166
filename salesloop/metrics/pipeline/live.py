"""Open deals: which of them are won in each draw, when, and with what amount."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from salesloop.metrics.pipeline.create import Group, common_luck
from salesloop.metrics.pipeline.flow import flow, no_worse
from salesloop.metrics.pipeline.luck import Luck, below
from salesloop.metrics.pipeline.propagate import Changes, chances, each, factor, standing
from salesloop.metrics.pipeline.steps import last_step

if TYPE_CHECKING:
    from salesloop.metrics.pipeline.simulate import Prepared

_BLOCK = 256
_MOST_KEPT = 1_000_000


class Won(NamedTuple):
    """Wins of open deals of a block, a row each: deal, month ahead, draw, amount when won over amount now, and its number."""

    deal: np.ndarray
    month: np.ndarray
    draw: np.ndarray
    drift: np.ndarray
    chance: np.ndarray

    def of(self, which: np.ndarray) -> Won:
        """Return some of them."""
        return Won(*(one[which] for one in self))

    def money(self, size: np.ndarray, which: np.ndarray | slice = slice(None)) -> tuple:
        """Return month, draw and money of some of them, from what a deal of the block is worth."""
        return self.month[which], self.draw[which], size[self.deal[which]] * self.drift[which]


@dataclass(frozen=True)
class Live:
    """The open deals of a prepared state with their luck.

    A deal is won where its number lies below its chance, and in the month in which its chance has grown past it. With other
    chances it keeps its number: see `flow.flow` for what then moves.

    Attributes
    ----------
    ready : Prepared
        What every run shares.
    luck : Luck
        The random numbers.
    won, lost : ndarray
        Deals x months: the chances as nothing changes.
    """

    ready: Prepared
    luck: Luck
    won: np.ndarray
    lost: np.ndarray
    _kept: dict[int, Won] = field(default_factory=dict, repr=False)

    def chances(self, change: Changes) -> np.ndarray:
        """Return deals x months: the chances to be won with a change."""
        group, slow = self.ready.live, tuple(one for one in each(change) if one.speed != 1 or one.conversion != 1)
        concerned = np.zeros(len(group.deals), dtype=bool)
        for one in slow:
            concerned |= one.applies(group.deals)
        if not concerned.any():
            return self.won
        made = self.won.copy()
        made[concerned] = no_worse(made[concerned], _carried(self.ready, group.of(concerned), slow)[0], slow)
        return made

    def wins(self) -> Iterator[tuple]:
        """Yield the wins as nothing changes, some deals at a time: owner, month ahead, draw and amount."""
        group = self.ready.live
        for block, rows in self._blocks():
            found = self._block(block, rows)
            yield (
                group.owner[rows][found.deal],
                found.month,
                found.draw,
                np.round(group.size[rows][found.deal] * found.drift),
            )

    def moved(self, change: Changes) -> Iterator[tuple]:
        """Yield what a change does, some deals at a time: month ahead, draw, and the money that comes in or goes."""
        group, won = self.ready.live, self.chances(change)
        ratio = factor(change, "size", group.deals)
        if won is self.won and (ratio == 1).all():
            return
        for block, rows in self._blocks():
            found, worth = self._block(block, rows), group.size[rows]
            other = np.flatnonzero((ratio[rows] != 1)[found.deal])
            yield found.money(worth * (ratio[rows] - 1.0), other)
            if won is not self.won:
                gone, came = self._changed(found, self.won[rows], won[rows], block)
                sized = worth * ratio[rows]
                yield gone.money(-sized)
                yield came.money(sized)

    def _blocks(self) -> Iterator[tuple[int, slice]]:
        for block, start in enumerate(range(0, len(self.won), _BLOCK)):
            yield block, slice(start, start + _BLOCK)

    def _block(self, block: int, rows: slice) -> Won:
        """Return the wins of a block as nothing changes, kept for the next run as far as there is room."""
        if block not in self._kept:
            some = self.won[rows]
            made = self._hits(np.zeros(len(some)), np.cumsum(some, axis=1), np.arange(len(some)), block, len(some))
            if sum(len(kept.deal) for kept in self._kept.values()) + len(made.deal) > _MOST_KEPT:
                return made
            self._kept[block] = made
        return self._kept[block]

    def _changed(self, found: Won, before: np.ndarray, after: np.ndarray, block: int) -> tuple[Won, Won]:
        """Return the wins that do not stay in their month with other chances, and those that come into one."""
        made, which = flow(before, after), np.flatnonzero((before != after).any(axis=1))
        some = found.of(np.flatnonzero((made.stay < 1.0)[found.deal, found.month]))
        start = np.cumsum(before, axis=1) - before
        within = (some.chance - start[some.deal, some.month]) / before[some.deal, some.month]
        out = within >= made.stay[some.deal, some.month]
        gone, within = some.of(out), within[out]
        until = made.stay[gone.deal, gone.month, None] + np.cumsum(made.move[gone.deal, gone.month], axis=1)
        to = (within[:, None] >= until).sum(axis=1)
        whole = before.sum(axis=1)[which]
        more = self._hits(whole, whole[:, None] + np.cumsum(made.more[which], axis=1), which, block, len(before))
        came = gone._replace(month=to).of(to < after.shape[1])
        return gone, Won(*(np.concatenate(parts) for parts in zip(came, more, strict=True)))

    def _hits(self, low: np.ndarray, until: np.ndarray, which: np.ndarray, block: int, rows: int) -> Won:
        """Return the wins of some deals of a block whose numbers lie between a lower bound and a last one, by month."""
        luck, drift = self.luck, self.ready.model.drift
        common = common_luck(self.ready.model, luck, 0).astype(np.float32)
        low, until = low.astype(np.float32), until.astype(np.float32)
        aim = luck.uniform(rows, "outcome", 0, block)[which]
        flat = np.flatnonzero((aim >= low[:, None] * common[None]) & (aim < until[:, -1:] * common[None]))
        deal, draw = np.divmod(flat, luck.n)
        chance = aim.ravel().take(flat) / common.take(draw)
        month, later = np.zeros(len(flat), dtype=np.int64), np.arange(len(flat))
        for m in range(until.shape[1] - 1):
            later = later[chance.take(later) >= until[:, m].take(deal.take(later))]
            month[later] += 1
        if len(drift) == 1:
            return Won(which[deal], month, draw, np.full(len(flat), drift[0]), chance)
        told = luck.whole(rows, "drift", 0, block)[which].ravel().take(flat)
        return Won(which[deal], month, draw, drift[below(told, len(drift))], chance)


def live(ready: Prepared, luck: Luck) -> Live:
    """Return the open deals of a prepared state."""
    return Live(ready, luck, *_carried(ready, ready.live, None))


def _carried(ready: Prepared, group: Group, change: Changes) -> tuple[np.ndarray, np.ndarray]:
    mass = standing(ready.model, group.deals["state"], group.deals["age"].to_numpy())
    return chances(
        ready.model, group.deals, mass, first_step=last_step(ready.as_of) + 1, months=len(ready.months), change=change,
        own=group.own,
    )  # fmt: skip
