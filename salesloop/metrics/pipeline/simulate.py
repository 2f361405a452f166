"""The one set of draws: what open deals, new deals and renewals bring, by owner and month."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from salesloop.metrics.pipeline import arrivals as coming
from salesloop.metrics.pipeline.model import Model, effects, open_moves, start_shares
from salesloop.metrics.pipeline.propagate import Changes, chances, each, factor, standing
from salesloop.metrics.pipeline.stays import OPEN, TOP_AGE, visits
from salesloop.metrics.pipeline.steps import PER_MONTH, first_month, last_step, month_start

PARTS = ("pipeline", "new", "renewal")
NOBODY = "-"
_BLOCK = 256
_FINE = 1 << 16
"""Into how many equal shares the chance of all profiles is cut when a win's profile is drawn."""
_MANY = 50


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
    """

    owners: list[str]
    months: pd.PeriodIndex
    amount: np.ndarray
    deals: pd.DataFrame
    kind: str = "none"
    n_closed: int = 0

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

    Returns
    -------
    Draws
        Empty of money where the model is of kind ``none``.
    """
    ready = prepare(model, deals, events, as_of=as_of, horizon=horizon, country=country, stages=stages)
    return draw(ready, n=n, seed=seed, change=change)


@dataclass(frozen=True)
class Prepared:
    """What every run from one state shares: made once, drawn from many times.

    Attributes
    ----------
    live, size
        The open deals as the model sees them, and their amounts.
    fresh, again
        New business and renewals to come.
    keep : ndarray
        Which owners still create deals.
    """

    model: Model
    as_of: dt.date
    months: pd.PeriodIndex
    owners: list[str]
    live: pd.DataFrame
    size: np.ndarray
    fresh: coming.Arrivals
    again: coming.Arrivals
    keep: np.ndarray


def prepare(
    model: Model, deals: pd.DataFrame, events: pd.DataFrame, *, as_of: dt.date, horizon: int = 12, country: str = "CN",
    stages: pd.DataFrame | None = None,
) -> Prepared:  # fmt: skip
    """Return what every run from one state shares; parameters as for `simulate`."""
    months = pd.period_range(first_month(as_of), periods=horizon, freq="M")
    owners, none = _owners(deals), coming.Arrivals(np.zeros(horizon), np.zeros(horizon), deals[:0])
    if model.kind == "none":
        return Prepared(
            model, as_of, months, owners, deals[:0], np.zeros(0), none, none, np.ones(len(owners), dtype=bool)
        )
    live = open_deals(deals, events, model, as_of=as_of, stages=stages)
    fresh = coming.new_business(deals[deals["type"] != "renewal"], as_of=as_of, months=months, country=country)
    again = coming.renewals(deals, as_of=as_of, months=months)
    size = expected_amount(deals, live)
    return Prepared(model, as_of, months, owners, live, size, fresh, again, _active(deals, owners, as_of))


def draw(ready: Prepared, *, n: int = 5000, seed: int = 1, change: Changes = None) -> Draws:
    """Draw from a prepared state; parameters and result as for `simulate`."""
    model, months, owners = ready.model, ready.months, ready.owners
    amount = np.zeros((len(PARTS), len(owners), len(months), n), dtype=np.float32)
    rngs = [np.random.default_rng(one) for one in np.random.SeedSequence(seed).spawn(len(PARTS))]
    told = _open_table(ready.live[:0], months)
    if model.kind != "none":
        told = _existing(ready, amount[0], rngs[0], change)
        _created(ready, ready.fresh, amount[1], rngs[1], change)
        _created(ready, ready.again, amount[2], rngs[2], change)
    return Draws(owners, months, amount, told, model.kind, model.n_closed)


def totals(ready: Prepared, *, n: int = 5000, seed: int = 1, change: Changes = None) -> np.ndarray:
    """Return months x draws over all owners and parts: what `draw` sums up to, without telling whose it is."""
    made, nobody = np.zeros((len(ready.months), n)), replace(ready, owners=[NOBODY])
    rngs = [np.random.default_rng(one) for one in np.random.SeedSequence(seed).spawn(len(PARTS))]
    if ready.model.kind == "none":
        return made
    open_part = np.zeros((1, *made.shape), dtype=np.float32)
    _existing(replace(nobody, live=ready.live.assign(owner_id=NOBODY)), open_part, rngs[0], change)
    for term, rng in ((ready.fresh, rngs[1]), (ready.again, rngs[2])):
        for month, draw_of, _, value in _wins(ready, term, n, rng, change, owned=False):
            made[month] += np.bincount(draw_of, weights=value, minlength=n)
    return made + open_part[0]


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
    moves = visits(live, open_moves(deals, events, stages), as_of=as_of, staged=model.staged)
    last = moves.drop_duplicates("opportunity_id", keep="last").set_index("opportunity_id")
    since = live["opportunity_id"].map(last["step"])
    state = live["opportunity_id"].map(last["state"]).fillna(live["stage"])
    return live.assign(state=state, age=(last_step(as_of) + 1 - since).fillna(PER_MONTH).clip(lower=1))


def _existing(ready: Prepared, amount: np.ndarray, rng, change: Changes) -> pd.DataFrame:
    model, live, months, size = ready.model, ready.live, ready.months, ready.size
    if live.empty:
        return _open_table(live, months)
    mass = standing(model, live["state"], live["age"].to_numpy())
    won, gone = chances(model, live, mass, first_step=last_step(ready.as_of) + 1, months=len(months), change=change)
    sized = size * factor(change, "size", live)
    place = pd.Categorical(live["owner_id"].fillna(NOBODY).astype(str), ready.owners).codes
    luck = _common_luck(model, amount.shape[-1], rng)
    for start in range(0, len(live), _BLOCK):
        rows = slice(start, start + _BLOCK)
        _draw_block(won[rows], sized[rows], place[rows], model.drift, luck, amount, rng)
    told = live.assign(p_win=won.sum(axis=1), p_lost=gone.sum(axis=1), expected=size * model.drift.mean())
    return _open_table(told, months, won)


def _common_luck(model: Model, n: int, rng) -> np.ndarray:
    """Return a factor a draw on all chances, mean 1: how far the model's own rates may be off."""
    sd = 1.0 / np.sqrt(max(model.n_won, 1))
    return np.exp(sd * rng.standard_normal(n) - sd**2 / 2)


def _draw_block(won, size, place, drift, luck, amount, rng) -> None:
    """Draw outcomes of some deals and add the amounts of those won to their owners' months."""
    n, months = amount.shape[-1], won.shape[1]
    luckier = rng.random((len(won), n), dtype=np.float32) / luck[None].astype(np.float32)
    ratio = drift[rng.integers(0, len(drift), (len(won), n))] if len(drift) > 1 else np.ones((1, 1))
    until = np.cumsum(won, axis=1).astype(np.float32)
    month = np.zeros((len(won), n), dtype=np.int16)
    for m in range(months):
        month += luckier >= until[:, m : m + 1]
    deal, draw = np.nonzero(month < months)
    value = np.round(size[deal] * np.broadcast_to(ratio, (len(won), n))[deal, draw])
    flat = (place[deal].astype(np.int64) * months + month[deal, draw]) * n + draw
    np.add.at(amount.reshape(-1), flat, value.astype(np.float32))


def expected_amount(deals: pd.DataFrame, wanted: pd.DataFrame) -> np.ndarray:
    """Return the amounts of deals; one without an amount gets the mean of won deals of its product, else of all."""
    won = deals[(deals["status"] == "won") & (deals["amount"] > 0)]
    overall = won["amount"].mean() if len(won) else 0.0
    by_product = won.groupby("product")["amount"].mean()
    guess = wanted["product"].map(by_product).astype(float).fillna(overall)
    return wanted["amount"].where(wanted["amount"] > 0, guess).fillna(0.0).to_numpy(float)


def _open_table(live: pd.DataFrame, months: pd.PeriodIndex, won: np.ndarray | None = None) -> pd.DataFrame:
    columns = ["opportunity_id", "owner_id", "state", "age", "p_win", "p_lost", "expected"]
    made = live.reindex(columns=columns).rename(columns={"state": "stage", "expected": "amount"})
    made["age_days"] = (made.pop("age").astype(float) * 365.25 / 12 / PER_MONTH).round()
    for i in range(len(months)):
        made[f"p_{i + 1}"] = won[:, i] if won is not None else np.nan
    return made


def _created(ready: Prepared, term, amount: np.ndarray, rng, change: Changes) -> None:
    """Draw the wins of deals yet to be created and add their amounts to their owners' months."""
    months, n = amount.shape[1:]
    for month, draw, owner, value in _wins(ready, term, n, rng, change, owned=True):
        np.add.at(amount.reshape(-1), (owner * months + month) * n + draw, value.astype(np.float32))


def _wins(ready: Prepared, term, n: int, rng, change: Changes, *, owned: bool):
    """Yield by month the wins of deals yet to be created: thinned Poisson counts, each with a past deal's profile.

    Yields
    ------
    month, draw, owner, value
        The month ahead, and for each win its draw, its owner (None unless `owned`) and its amount.
    """
    model, months = ready.model, len(ready.months)
    luck = rng.standard_normal((2, n))
    if not term.rate.sum() > 0 or term.profiles.empty:
        return
    won, volume = _created_chances(model, term.profiles, ready.as_of, months, change)
    inside = np.exp(term.log_sd[:, None] * luck[0][None] - term.log_sd[:, None] ** 2 / 2)
    inside *= _common_luck(model, n, rng)[None]
    expected = (term.numbers * volume[:, None])[:, :, None] * won
    wins = _counts(np.clip(expected.sum(axis=0).T @ inside, 0, 1e7), rng.random((months, n)))
    pick = _Profiles(term.profiles, expected.sum(axis=1), ready.owners, ready.keep, change)
    for month, own in enumerate(rng.spawn(months)):
        place, draw = _placed(wins[month])
        owner, value = pick(month, place, draw, n, own, model.drift, owned=owned)
        yield month, draw, owner, value


def _counts(expected: np.ndarray, luck: np.ndarray) -> np.ndarray:
    """Return Poisson counts by inversion, so that the same luck gives more only where more is expected.

    Above a mean of 50 by the Cornish-Fisher expansion, which is then off by far less than one.
    """
    from scipy.special import ndtri

    z = ndtri(np.clip(luck, 1e-9, 1 - 1e-9))
    made = np.maximum(np.ceil(expected + np.sqrt(expected) * z + (z**2 - 1) / 6 - 0.5), 0).astype(np.int64)
    few = np.flatnonzero(expected.ravel() < _MANY)
    mean, aim = expected.ravel()[few], luck.ravel()[few]
    count, chance = np.zeros(len(few), dtype=np.int64), np.exp(-mean)
    below, left = chance.copy(), np.flatnonzero(chance < aim)
    for k in range(1, 4 * _MANY):
        chance[left] *= mean[left] / k
        below[left] += chance[left]
        count[left] = k
        left = left[below[left] < aim[left]]
        if len(left) == 0:
            break
    made.ravel()[few] = count
    return made


def _placed(wins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a row a win: which win of its draw it is, and the draw."""
    draw = np.repeat(np.arange(len(wins)), wins)
    return np.arange(len(draw)) - np.repeat(np.cumsum(wins) - wins, wins), draw


def _created_chances(model, profiles, as_of, months, change) -> tuple[np.ndarray, np.ndarray]:
    """Return profile x month created x month won, for deals created evenly over the four steps of a month."""
    base = month_start(first_month(as_of))
    begin, own = start_shares(model, profiles), effects(model, profiles)
    first, back = _alike(profiles, begin, own, change)
    few = profiles.iloc[first]
    nothing, entering = np.zeros((len(few), len(model.stages), TOP_AGE)), begin[first, :-2] / PER_MONTH
    own = (own[0][first], own[1][first], own[2])
    won = np.zeros((len(few), months, months))
    for created in range(min(months, 3)):
        step, span = base + created * PER_MONTH + 1, months - created
        found, _ = chances(model, few, nothing, first_step=step, months=span, change=change, own=own, entering=entering)
        won[:, created, created:] = found
        won[:, created, created] += begin[first, -2]
    for created in range(3, months):
        won[:, created, created:] = won[:, created % 3, created % 3 : created % 3 + months - created]
    return won[back], factor(change, "volume", profiles)


def _alike(profiles, begin, own, change) -> tuple[np.ndarray, np.ndarray]:
    """Return a row of each kind of profile, and every profile's kind: alike are those that move alike."""
    applies = [one.applies(profiles).astype(float) for one in each(change)]
    kinds = np.column_stack([begin, own[0], own[1], *applies]).round(12)
    _, first, back = np.unique(kinds, axis=0, return_index=True, return_inverse=True)
    return first, back.ravel()


class _Profiles:
    """Pick past deals for wins of a month by their chance to be won then."""

    def __init__(self, profiles, expected, owners, keep, change):
        self.expected = expected
        self.size = expected_amount(profiles, profiles) * factor(change, "size", profiles)
        self.owner = pd.Categorical(profiles["owner_id"].fillna(NOBODY).astype(str), owners).codes.astype(np.int64)
        self.heirs, self.keep = np.flatnonzero(keep), keep

    def __call__(self, month, place, draw, n, rng, drift, *, owned):
        """Return owner and amount of each win; the k-th win of a draw has its own random numbers, come what may."""
        most = int(place.max()) + 1 if len(place) else 0
        which, heir, moved = rng.spawn(3)
        row = self._place(month)[_whole(which, most, n, place, draw, _FINE)]
        value = self.size[row]
        if len(drift) > 1:
            value = value * drift[_whole(moved, most, n, place, draw, len(drift))]
        if not owned:
            return None, np.round(value)
        other = self.heirs[_whole(heir, most, n, place, draw, len(self.heirs))]
        return np.where(self.keep[self.owner[row]], self.owner[row], other), np.round(value)

    def _place(self, month) -> np.ndarray:
        """Return which deal each of `_FINE` equal shares of the chance falls to."""
        share = np.cumsum(self.expected[:, month])
        middle = (np.arange(_FINE) + 0.5) / _FINE
        return np.searchsorted(share, middle * share[-1], side="right").clip(max=len(share) - 1)


def _whole(rng, most: int, n: int, place: np.ndarray, draw: np.ndarray, below: int) -> np.ndarray:
    """Return a whole number below a bound for each win, from a table of its own place and draw."""
    return (
        (rng.random((most, n), dtype=np.float32)[place, draw] * np.float32(below)).astype(np.int32).clip(max=below - 1)
    )
