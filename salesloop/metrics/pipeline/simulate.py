"""The one set of draws: what open deals, new deals and renewals bring, by owner and month."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from salesloop.metrics.pipeline import arrivals as coming
from salesloop.metrics.pipeline import leads as born
from salesloop.metrics.pipeline.create import NOBODY, Group, common_luck, group, wins
from salesloop.metrics.pipeline.heirs import Heirs, heirs_of
from salesloop.metrics.pipeline.luck import Luck, below
from salesloop.metrics.pipeline.model import Model, open_moves
from salesloop.metrics.pipeline.propagate import Changes, chances, factor, standing
from salesloop.metrics.pipeline.stays import OPEN, coded_visits
from salesloop.metrics.pipeline.steps import PER_MONTH, first_month, last_step

PARTS = ("pipeline", "new", "renewal")
_BLOCK = 256
_ALIKE = 0.2
"""How near the log odds of past deals lie whose successors are carried forward together."""


@dataclass(frozen=True)
class Draws:
    """The draws and what they were made of.

    Attributes
    ----------
    owners : list of str
        Who the amounts belong to; `NOBODY` for deals without an owner.
    months : PeriodIndex
        The months ahead.
    amount : ndarray
        Parts x owners x months x draws, whole units of home money, float32; the order of parts is `PARTS`.
    deals : DataFrame
        A row an open deal: ``opportunity_id, p_win`` (within the horizon), ``p_lost``, ``stage, age_days, amount``
        (expected when won), ``p_1 ...`` (chance to be won in each month ahead).
    kind, n_closed
        Of the model: how much the closed deals could carry, and how many there were.
    open_leads, from_leads
        Open leads that new deals are expected from, and how many deals in all within the horizon; NaN where leads are
        no term of their own.
    """

    owners: list[str]
    months: pd.PeriodIndex
    amount: np.ndarray
    deals: pd.DataFrame
    kind: str = "none"
    n_closed: int = 0
    open_leads: int = 0
    from_leads: float = float("nan")

    @property
    def n_open(self) -> int:
        """The number of open deals."""
        return len(self.deals)

    @property
    def n(self) -> int:
        """The number of draws."""
        return self.amount.shape[-1]

    def total(self) -> np.ndarray:
        """Return the sum over parts and owners: months x draws."""
        return self.amount.sum(axis=(0, 1), dtype=np.float64)

    def frame(self) -> pd.DataFrame:
        """Return the draws as a long table without its zeros: ``draw, owner_id, period, part, amount``."""
        part, owner, month, draw = np.nonzero(self.amount)
        return pd.DataFrame({
            "draw": draw.astype(np.int16), "owner_id": pd.Categorical.from_codes(owner, self.owners),
            "period": pd.Categorical.from_codes(month, [str(m) for m in self.months], ordered=True),
            "part": pd.Categorical.from_codes(part, list(PARTS)), "amount": self.amount[part, owner, month, draw],
        })  # fmt: skip


def simulate(
    model: Model, deals: pd.DataFrame, events: pd.DataFrame, *, as_of: dt.date, horizon: int = 12, n: int = 5000,
    seed: int = 1, change: Changes = None, country: str = "CN", stages: pd.DataFrame | None = None,
    leads: pd.DataFrame | None = None,
) -> Draws:  # fmt: skip
    """Draw the bookings of the months ahead.

    The same deals, seed and number of draws use the same random numbers, so that a run with a `change` differs from
    the one without only by the change.

    Parameters
    ----------
    model : Model
        From `fit`.
    deals, events : DataFrame
        As for `fit`, with ``owner_id`` and ``account_id``.
    as_of : date
        The day from which to look ahead.
    horizon : int
        Months ahead.
    n, seed : int
        Number of draws and their seed.
    change : Change or tuple of Change, optional
        What to make different; several are made together.
    country : str
        Whose working days count for new deals.
    leads : DataFrame, optional
        The leads, from which deals are born where they carry it: see `leads.known`.

    Returns
    -------
    Draws
        Empty of money where the model is of kind ``none``.
    """
    ready = prepare(model, deals, events, as_of=as_of, horizon=horizon, country=country, stages=stages, leads=leads)
    return draw(ready, n=n, seed=seed, change=change)


@dataclass(frozen=True)
class Prepared:
    """What every run from one state shares: made once, drawn from many times.

    Attributes
    ----------
    live : Group
        The open deals as the model sees them.
    fresh, again : Arrivals
        New business and renewals to come, and their past deals as groups in `profiles`.
    heirs : Heirs
        Who makes the deals of owners who create none any more.
    """

    model: Model
    as_of: dt.date
    months: pd.PeriodIndex
    owners: list[str]
    live: Group
    fresh: coming.Arrivals
    again: coming.Arrivals
    profiles: tuple[Group, Group]
    heirs: Heirs
    _lucks: dict[tuple[int, int], Luck] = field(default_factory=dict, repr=False, compare=False)

    def luck(self, n: int, seed: int) -> Luck:
        """Return the random numbers of `n` draws, the same ones for every run from this state."""
        return self._lucks.setdefault((n, seed), Luck(n, seed))

    @property
    def terms(self) -> tuple[tuple[int, coming.Arrivals, Group], ...]:
        """The parts that are not created yet: place in `PARTS`, arrivals, past deals."""
        return (1, self.fresh, self.profiles[0]), (2, self.again, self.profiles[1])


def prepare(
    model: Model, deals: pd.DataFrame, events: pd.DataFrame, *, as_of: dt.date, horizon: int = 12, country: str = "CN",
    stages: pd.DataFrame | None = None, leads: pd.DataFrame | None = None,
) -> Prepared:  # fmt: skip
    """Return what every run from one state shares; parameters as for `simulate`."""
    months = pd.period_range(first_month(as_of), periods=horizon, freq="M")
    owners = _owners(deals)
    fresh = again = coming.Arrivals(np.zeros(horizon), np.zeros(horizon), deals[:0])
    live = deals[:0].assign(state=None, age=0.0)
    if model.kind != "none":
        live = open_deals(deals, events, model, as_of=as_of, stages=stages)
        new = deals[deals["type"] != "renewal"]
        fresh = born.new_business(new, leads, as_of=as_of, months=months, country=country)
        again = coming.renewals(deals, as_of=as_of, months=months)
    past = tuple(group(model, term.profiles, term.profiles, owners, nearly=_ALIKE) for term in (fresh, again))
    heirs = heirs_of(deals, owners, _active(deals, owners, as_of))
    return Prepared(model, as_of, months, owners, group(model, live, deals, owners), fresh, again, past, heirs)  # type: ignore[arg-type]


def draw(ready: Prepared, *, n: int = 5000, seed: int = 1, change: Changes = None) -> Draws:
    """Draw from a prepared state; parameters and result as for `simulate`."""
    model, months, owners = ready.model, ready.months, ready.owners
    amount = np.zeros((len(PARTS), len(owners), len(months), n), dtype=np.float32)
    luck, told = ready.luck(n, seed), _open_table(ready.live.deals[:0], months)
    if model.kind != "none" and len(ready.live.deals):
        won, gone = _live_chances(ready, change)
        for owner, month, draw_of, value in _closed(ready, won, luck, change):
            _add(amount[0], owner * len(months) + month, draw_of, value)
        size = ready.live.size * model.drift.mean()
        told = _open_table(
            ready.live.deals.assign(p_win=won.sum(axis=1), p_lost=gone.sum(axis=1), expected=size), months, won
        )
    for part, term, past in ready.terms:
        for month, draw_of, owner, value in wins(ready, term, past, part, luck, change, owned=True):
            _add(amount[part][:, month], owner, draw_of, value)
    from_leads = float("nan") if ready.fresh.from_leads is None else float(ready.fresh.from_leads.sum())
    return Draws(owners, months, amount, told, model.kind, model.n_closed, ready.fresh.open_leads, from_leads)


def totals(ready: Prepared, *, n: int = 5000, seed: int = 1, change: Changes = None) -> np.ndarray:
    """Return months x draws over all owners and parts: what `draw` sums up to, without telling whose it is."""
    made, luck = np.zeros((len(ready.months), n)), ready.luck(n, seed)
    if ready.model.kind != "none" and len(ready.live.deals):
        won, _ = _live_chances(ready, change)
        for _, month, draw_of, value in _closed(ready, won, luck, change):
            _add(made, month, draw_of, value)
    for part, term, past in ready.terms:
        for one, draw_of, _, value in wins(ready, term, past, part, luck, change, owned=False):
            made[one] += np.bincount(draw_of, weights=value, minlength=n)
    return made


def _owners(deals: pd.DataFrame) -> list[str]:
    return sorted(deals["owner_id"].fillna(NOBODY).astype(str).unique())


def _active(deals: pd.DataFrame, owners: list[str], as_of: dt.date) -> np.ndarray:
    """Return who still creates deals: any in the last three months, or holds an open one; all where nobody does."""
    recent = deals["created_at"] > pd.Timestamp(as_of) - pd.Timedelta(days=92)
    live = deals.loc[recent, "owner_id"].fillna(NOBODY).astype(str).unique()
    found = np.isin(owners, live)
    return found if found.any() else np.ones(len(owners), dtype=bool)


def open_deals(deals: pd.DataFrame, events: pd.DataFrame, model: Model, *, as_of: dt.date, stages=None) -> pd.DataFrame:
    """Return the open deals with the state and the age in steps that the model sees them in."""
    live = deals[deals["status"] == OPEN].sort_values("opportunity_id").reset_index(drop=True)
    moves = coded_visits(live, open_moves(deals, events, stages), as_of=as_of, staged=model.staged)
    since, state = np.full(len(live), np.nan), live["stage"].to_numpy(dtype=object).copy()
    since[moves.deal[moves.last]] = moves.step[moves.last]
    state[moves.deal[moves.last]] = np.array(moves.names, dtype=object)[moves.state[moves.last]]
    age = last_step(as_of) + 1 - since
    return live.assign(state=state, age=np.maximum(np.where(np.isnan(age), PER_MONTH, age), 1))


def _live_chances(ready: Prepared, change: Changes) -> tuple[np.ndarray, np.ndarray]:
    deals, first = ready.live.deals, last_step(ready.as_of) + 1
    mass = standing(ready.model, deals["state"], deals["age"].to_numpy())
    return chances(
        ready.model, deals, mass, first_step=first, months=len(ready.months), change=change, own=ready.live.own
    )


def _closed(ready: Prepared, won: np.ndarray, luck: Luck, change: Changes):
    """Yield the wins of open deals, some deals at a time: owner, month ahead, draw and amount."""
    size = ready.live.size * factor(change, "size", ready.live.deals)
    common = common_luck(ready.model, luck, 0)
    for block, start in enumerate(range(0, len(won), _BLOCK)):
        rows = slice(start, start + _BLOCK)
        deal, month, draw_of, drift = _outcomes(won[rows], ready.model.drift, common, luck, block)
        yield ready.live.owner[rows][deal], month, draw_of, np.round(size[rows][deal] * drift)


def _outcomes(won: np.ndarray, drift: np.ndarray, common: np.ndarray, luck: Luck, block: int) -> tuple:
    """Return a row a win of some open deals: deal, month, draw, and amount when won over amount now."""
    until, aim = np.cumsum(won, axis=1).astype(np.float32), luck.uniform(len(won), "outcome", 0, block)
    flat = np.flatnonzero(aim < until[:, -1:] * common[None].astype(np.float32))
    deal, draw_of = np.divmod(flat, luck.n)
    chance, month = (
        aim.ravel().take(flat) / common.astype(np.float32).take(draw_of),
        np.zeros(len(flat), dtype=np.int64),
    )
    later = np.arange(len(flat))
    for m in range(won.shape[1] - 1):
        later = later[chance.take(later) >= until[:, m].take(deal.take(later))]
        month[later] += 1
    if len(drift) == 1:
        return deal, month, draw_of, drift[0]
    return deal, month, draw_of, drift[below(luck.whole(len(won), "drift", 0, block).ravel().take(flat), len(drift))]


def _add(amount: np.ndarray, row: np.ndarray, draw_of: np.ndarray, value: np.ndarray) -> None:
    """Add values to a table of amounts, draws last; its other axes are counted through as rows."""
    sums = np.bincount(row * amount.shape[-1] + draw_of, weights=value, minlength=amount.size)
    amount += sums.reshape(amount.shape).astype(amount.dtype)


def _open_table(live: pd.DataFrame, months: pd.PeriodIndex, won: np.ndarray | None = None) -> pd.DataFrame:
    columns = ["opportunity_id", "owner_id", "state", "age", "p_win", "p_lost", "expected"]
    made = live.reindex(columns=columns).rename(columns={"state": "stage", "expected": "amount"})
    made["age_days"] = (made.pop("age").astype(float) * 365.25 / 12 / PER_MONTH).round()
    for i in range(len(months)):
        made[f"p_{i + 1}"] = won[:, i] if won is not None else np.nan
    return made
