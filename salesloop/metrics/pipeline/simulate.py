"""The one set of draws: what open deals, new deals and renewals bring, by owner and month."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from salesloop.metrics.pipeline import arrivals
from salesloop.metrics.pipeline import leads as born
from salesloop.metrics.pipeline.coded import filled, plain
from salesloop.metrics.pipeline.coupled import moved
from salesloop.metrics.pipeline.create import NOBODY, Coming, Group, coming, group, owner_of
from salesloop.metrics.pipeline.heirs import Heirs, heirs_of
from salesloop.metrics.pipeline.live import Live, live
from salesloop.metrics.pipeline.luck import Luck
from salesloop.metrics.pipeline.model import Model, open_moves
from salesloop.metrics.pipeline.propagate import Changes, chances, standing
from salesloop.metrics.pipeline.stays import OPEN, coded_visits
from salesloop.metrics.pipeline.steps import PER_MONTH, first_month, last_step

PARTS = ("pipeline", "new", "renewal")
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
    seed: int = 1, country: str = "CN", stages: pd.DataFrame | None = None, leads: pd.DataFrame | None = None,
) -> Draws:  # fmt: skip
    """Draw the bookings of the months ahead; what a change would do to them, `totals` tells.

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
    return draw(ready, n=n, seed=seed)


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
    fresh: arrivals.Arrivals
    again: arrivals.Arrivals
    profiles: tuple[Group, Group]
    heirs: Heirs
    _lucks: dict[tuple[int, int], Luck] = field(default_factory=dict, repr=False, compare=False)
    _standing: dict[tuple[int, int], Live] = field(default_factory=dict, repr=False, compare=False)
    _total: dict[tuple[int, int], np.ndarray] = field(default_factory=dict, repr=False, compare=False)
    _comings: dict[tuple[int, int], list[Coming]] = field(default_factory=dict, repr=False, compare=False)

    def luck(self, n: int, seed: int) -> Luck:
        """Return the random numbers of `n` draws, the same ones for every run from this state."""
        return self._lucks.setdefault((n, seed), Luck(n, seed))

    def total(self, n: int, seed: int) -> np.ndarray:
        """Return months x draws over all owners and parts as nothing changes."""
        if (n, seed) not in self._total:
            made = np.zeros((len(self.months), n))
            if self.model.kind != "none" and len(self.live.deals):
                for _, month, draw_of, value in self.standing(n, seed).wins():
                    _add(made, month, draw_of, value)
            for part in self.comings(n, seed):
                for month in range(len(made)):
                    won = part.wins(month)
                    made[month] += np.bincount(won.draw, weights=won.value, minlength=n)
            self._total[n, seed] = made
        return self._total[n, seed]

    def standing(self, n: int, seed: int) -> Live:
        """Return the open deals with their luck, the same for every run from this state."""
        if (n, seed) not in self._standing:
            self._standing[n, seed] = live(self, self.luck(n, seed))
        return self._standing[n, seed]

    def comings(self, n: int, seed: int) -> list[Coming]:
        """Return the parts that are not created yet as nothing changes, the same ones for every run from this state."""
        if (n, seed) not in self._comings:
            terms = (1, self.fresh, self.profiles[0]), (2, self.again, self.profiles[1])
            made = (coming(self, term, past, part, self.luck(n, seed)) for part, term, past in terms)
            self._comings[n, seed] = [one for one in made if one is not None]
        return self._comings[n, seed]


def prepare(
    model: Model, deals: pd.DataFrame, events: pd.DataFrame, *, as_of: dt.date, horizon: int = 12, country: str = "CN",
    stages: pd.DataFrame | None = None, leads: pd.DataFrame | None = None,
) -> Prepared:  # fmt: skip
    """Return what every run from one state shares; parameters as for `simulate`."""
    months = pd.period_range(first_month(as_of), periods=horizon, freq="M")
    owners = _owners(deals)
    fresh = again = arrivals.Arrivals(np.zeros(horizon), np.zeros(horizon), deals[:0])
    now = deals[:0].assign(state=None, age=0.0)
    if model.kind != "none":
        now = open_deals(deals, events, model, as_of=as_of, stages=stages)
        new = deals[deals["type"] != "renewal"]
        fresh = born.new_business(new, leads, as_of=as_of, months=months, country=country)
        again = arrivals.renewals(deals, as_of=as_of, months=months)
    past = tuple(group(model, term.profiles, term.profiles, owners, nearly=_ALIKE) for term in (fresh, again))
    heirs = heirs_of(deals, owners, _active(deals, owners, as_of))
    return Prepared(model, as_of, months, owners, group(model, now, deals, owners), fresh, again, past, heirs)  # type: ignore[arg-type]


def draw(ready: Prepared, *, n: int = 5000, seed: int = 1) -> Draws:
    """Draw from a prepared state; parameters and result as for `simulate`."""
    model, months, owners = ready.model, ready.months, ready.owners
    amount = np.zeros((len(PARTS), len(owners), len(months), n), dtype=np.float32)
    told = _open_table(ready.live.deals[:0], months)
    if model.kind != "none" and len(ready.live.deals):
        stand = ready.standing(n, seed)
        for owner, month, draw_of, value in stand.wins():
            _add(amount[0], owner * len(months) + month, draw_of, value)
        told = _told(stand)
    for part in ready.comings(n, seed):
        for month in range(len(months)):
            won = part.wins(month)
            _add(amount[part.part][:, month], owner_of(part, won), won.draw, won.value)
    from_leads = float("nan") if ready.fresh.from_leads is None else float(ready.fresh.from_leads.sum())
    return Draws(owners, months, amount, told, model.kind, model.n_closed, ready.fresh.open_leads, from_leads)


def totals(ready: Prepared, *, n: int = 5000, seed: int = 1, change: Changes = None) -> np.ndarray:
    """Return months x draws over all owners and parts: what `draw` sums up to, without telling whose it is.

    Parameters
    ----------
    ready : Prepared
        The state.
    n, seed : int
        Number of draws and their seed: the same ones meet the same luck, so that a run with a change differs from the one
        without by the change alone.
    change : Change or tuple of Change, optional
        What to make different; several are made together.
    """
    usual = ready.total(n, seed)
    live = ready.model.kind != "none" and len(ready.live.deals) > 0
    found = list(ready.standing(n, seed).moved(change)) if live and change is not None else []
    found += [one for part in ready.comings(n, seed) for one in moved(part, change)] if change is not None else []
    if not found:
        return usual.copy()
    place = np.concatenate([month * n + draw_of for month, draw_of, _ in found])
    sums = np.bincount(place, weights=np.concatenate([value for *_, value in found]), minlength=usual.size)
    return usual + sums.reshape(usual.shape)


def _owners(deals: pd.DataFrame) -> list[str]:
    return _names(deals["owner_id"])


def _names(owner: pd.Series) -> list[str]:
    code, names = filled(owner, NOBODY)
    return sorted(names[np.bincount(code, minlength=len(names)) > 0])


def _active(deals: pd.DataFrame, owners: list[str], as_of: dt.date) -> np.ndarray:
    """Return who still creates deals: any in the last three months, or holds an open one; all where nobody does."""
    recent = deals["created_at"] > pd.Timestamp(as_of) - pd.Timedelta(days=92)
    found = np.isin(owners, _names(deals.loc[recent, "owner_id"]))
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


def stated(
    model: Model, deals: pd.DataFrame, events: pd.DataFrame, *, as_of: dt.date, months: int,
    stages: pd.DataFrame | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return ``opportunity_id, p_win`` of the open deals: the chance to be won within the months; none without a model.

    Parameters as for `simulate`; nothing is drawn, and deals yet to be created take no part.
    """
    if model.kind == "none":
        return pd.DataFrame({"opportunity_id": plain(deals["opportunity_id"][:0]), "p_win": np.zeros(0)})
    now = open_deals(deals, events, model, as_of=as_of, stages=stages)
    stand = standing(model, now["state"], now["age"].to_numpy())
    won, _ = chances(model, now, stand, first_step=last_step(as_of) + 1, months=months)
    return pd.DataFrame({"opportunity_id": plain(now["opportunity_id"]), "p_win": won.sum(axis=1)})


def _told(stand: Live) -> pd.DataFrame:
    """Return the table of open deals with their chances."""
    ready = stand.ready
    size = ready.live.size * ready.model.drift.mean()
    told = ready.live.deals.assign(p_win=stand.won.sum(axis=1), p_lost=stand.lost.sum(axis=1), expected=size)
    return _open_table(told, ready.months, stand.won)


def _add(amount: np.ndarray, row: np.ndarray, draw_of: np.ndarray, value: np.ndarray) -> None:
    """Add values to a table of amounts, draws last; its other axes are counted through as rows."""
    sums = np.bincount(row * amount.shape[-1] + draw_of, weights=value, minlength=amount.size)
    amount += sums.reshape(amount.shape).astype(amount.dtype)


def _open_table(live: pd.DataFrame, months: pd.PeriodIndex, won: np.ndarray | None = None) -> pd.DataFrame:
    columns = ["opportunity_id", "owner_id", "state", "age", "p_win", "p_lost", "expected"]
    made = live.reindex(columns=columns).rename(columns={"state": "stage", "expected": "amount"})
    made = made.assign(**{name: plain(made[name]) for name in ("opportunity_id", "owner_id")})
    made["age_days"] = (made.pop("age").astype(float) * 365.25 / 12 / PER_MONTH).round()
    for i in range(len(months)):
        made[f"p_{i + 1}"] = won[:, i] if won is not None else np.nan
    return made
