"""What the CRM holds of the truth: when things were entered, close dates that slip, typed chances, dirty facts."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from salesloop.demo import market
from salesloop.demo.arrivals import Columns, month_at
from salesloop.demo.market import LOST, VOID, WON
from salesloop.demo.process import final_amount
from salesloop.demo.rng import choice, normal, uniform
from salesloop.demo.world import BURN

if TYPE_CHECKING:
    from salesloop.demo.company import Company

_REMAINING = np.array([95.0, 78.0, 60.0, 40.0, 20.0])
_PUSHES = 7


class Crm:
    """The CRM of a company: everything ever entered, each with when it was entered.

    Attributes
    ----------
    start : float
        The CRM's first day; what had ended by then was never entered.
    deals, stays, leads : dict of ndarray
        Those of the company's path that the CRM knows.
    final : ndarray
        Amount of each stay when it ended: the signed one for wins.
    entered : ndarray
        When the end of each stay was entered.
    """

    def __init__(self, company: Company):
        self.company, self.world, path = company, company.world, company.path
        self.start = float(self.world.starts[BURN])
        last = np.zeros(len(path.deals["key"]))
        np.maximum.at(last, path.stays["deal"], np.where(np.isfinite(path.stays["out"]), path.stays["out"], 1e9))
        keep = last >= self.start
        place = np.cumsum(keep) - 1
        self.deals: Columns = {name: values[keep] for name, values in path.deals.items()}
        rows = keep[path.stays["deal"]]
        stays = {name: values[rows] for name, values in path.stays.items()}
        self.stays: Columns = stays | {"deal": place[stays["deal"]]}
        led = (path.leads["t"] >= self.start) & ~path.leads["direct"]
        self.leads: Columns = {name: values[led] for name, values in path.leads.items()}
        amount = final_amount(self.world, self.deals, self.stays)
        self.final = np.where(self.stays["to"] == WON, amount, self.stays["amount"])
        self.entered = self._entered()

    def _entered(self) -> np.ndarray:
        """Most ends are entered at once; some wins days later, a few long after the books of their month closed."""
        stays, world = self.stays, self.world
        out = np.minimum(stays["out"], world.n_days - 40.0)
        month = month_at(world, out)
        left = world.starts[month + 1] - out
        u, many = uniform(stays["key"], "late", stays["no"]), uniform(stays["key"], "how late", stays["no"])
        won, gone = stays["to"] == WON, np.isin(stays["to"], (LOST, VOID))
        lag = np.where(won & (left < 3.0) & (u < 0.30), 1.0 + 3.0 * many, 0.0)
        lag = np.where(won & (left >= 3.0) & (u < 0.04), 1.0 + 2.0 * many, lag)
        lag = np.where(won & (left < 9.0) & (u > 1 - self.company.options.late_entry), left + 14.0 + 6.0 * many, lag)
        lag = np.where(gone & (u < 0.08), 1.0 + 2.0 * many, lag)
        return np.where(np.isfinite(stays["out"]), stays["out"] + lag, np.inf)

    @cached_property
    def dates(self) -> Columns:
        """Every expected close ever typed: ``deal``, ``t`` (when), ``close`` (the day), in order of time."""
        stays, world, found = self.stays, self.world, []
        now = np.full(len(self.deals["key"]), np.nan)
        aim = stays["aim"] if "close_dates" in world.options.movement else None
        for no in range(int(stays["no"].max(initial=0)) + 1):
            rows = np.flatnonzero(stays["no"] == no)
            deal, t = stays["deal"][rows], stays["t_in"][rows]
            new = self._guess(rows, t, no)
            if aim is not None:
                new = np.where(np.isfinite(aim[rows]), np.floor(aim[rows]), new)
            moved = (uniform(stays["key"][rows], "redate", no) < 0.6) | np.isnan(now[deal])
            moved |= (aim is not None) & (stays["stage"][rows] >= 3)
            close = np.where(moved, new, now[deal])
            found.append({"deal": deal[moved], "t": t[moved], "close": close[moved]})
            found += self._pushes(rows, close, no)
            now[deal] = found[-1].get("last", close)
        whole = {name: np.concatenate([part[name] for part in found]) for name in ("deal", "t", "close")}
        order = np.lexsort((whole["deal"], whole["t"]))
        return {name: values[order] for name, values in whole.items()}

    def _guess(self, rows: np.ndarray, t: np.ndarray, no: object, left: float = 1.0) -> np.ndarray:
        stays, people = self.stays, self.world.people
        slow = np.array([1.3, 1.0, 0.8])[self.deals["segment"][stays["deal"][rows]]]
        days = _REMAINING[stays["stage"][rows]] * slow * people.sunny[stays["owner"][rows]] * left
        days = np.maximum(days * np.exp(0.3 * normal(stays["key"][rows], f"guess {no}", stays["no"][rows])), 5.0)
        day = np.floor(t + days)
        inside = np.clip(day, 0, self.world.n_days - 40).astype(np.int64)
        snap = uniform(stays["key"][rows], f"snap {no}", stays["no"][rows]) < 0.35
        return np.where(snap, self.world.starts[self.world.month[inside] + 1] - 1.0, day)

    def _pushes(self, rows: np.ndarray, close: np.ndarray, no: int) -> list[Columns]:
        """Return the moves of close dates that had passed while the stay ran; some are never moved."""
        stays, found, close = self.stays, [], close.copy()
        alive = uniform(stays["key"][rows], "pushes", no) > 0.12
        for turn in range(_PUSHES):
            gap = 1.0 + 11.0 * uniform(stays["key"][rows], f"push {turn}", no) ** 2
            t = np.maximum(close + 1.0, stays["t_in"][rows]) + gap
            now = alive = alive & (t < stays["out"][rows]) & (t < self.world.n_days - 60.0)
            if not now.any():
                break
            new = self._guess(rows, t, f"{no} {turn}", left=0.7)
            close = np.where(now, new, close)
            found.append({"deal": stays["deal"][rows][now], "t": t[now], "close": close[now]})
        return [*found, {"deal": rows[:0], "t": close[:0], "close": close[:0], "last": close}]

    @cached_property
    def typed(self) -> np.ndarray:
        """The chance typed into the CRM for each stay, a share: the stage's, bent by habit, seldom brought up to date."""
        stays = self.stays
        key = self.deals["key"][stays["deal"]]
        lazy = uniform(key, "lazy") < 0.3
        first = market.START_STAGE[self.deals["type"][stays["deal"]]]
        base = np.array(market.STAGE_PROBABILITY)[np.where(lazy, first, stays["stage"])]
        said = base + 8.0 + 16.0 * normal(key, "typed")
        return np.clip(np.round(said / 5.0) * 5.0, 5.0, 95.0) / 100.0

    @cached_property
    def unpriced(self) -> np.ndarray:
        """Whether a deal's amount is not typed in before the proposal, by deal."""
        return uniform(self.deals["key"], "unpriced") < 0.025

    @cached_property
    def reason(self) -> np.ndarray:
        """Why each deal is lost, a code into market.LOSS_REASONS, -1 where nobody says."""
        key = self.deals["key"]
        code = choice(uniform(key, "reason"), np.array([0.27, 0.23, 0.14, 0.18, 0.10, 0.08]))
        return np.where(uniform(key, "reason?") < 0.86, code, -1)

    @cached_property
    def competitor(self) -> np.ndarray:
        """The competitor named in each deal, -1 for none."""
        key = self.deals["key"]
        code = choice(uniform(key, "competitor"), np.array([0.4, 0.3, 0.18, 0.12]))
        named = (uniform(key, "competitor?") < 0.42) & (self.deals["type"] != market.TYPES.index("renewal"))
        return np.where(named, code, -1)

    def last_date(self, t: float) -> np.ndarray:
        """Return the expected close of each deal as typed by `t`, NaN where there was none."""
        dates = self.dates
        until = int(np.searchsorted(dates["t"], t))
        found = np.full(len(self.deals["key"]), np.nan)
        found[dates["deal"][:until]] = dates["close"][:until]
        return found

    def log(self, true_until: float, known_until: float) -> pd.DataFrame:
        """Return the history of stages, amounts and close dates as entered by `known_until`, of what was true by then.

        Returns
        -------
        DataFrame
            ``deal, t, kind`` (open, move, date), ``from, to`` (state codes, -1 for none), ``amount, probability, close``,
            in order of time within each deal.
        """
        stays, until = self.stays, min(true_until, known_until)
        first = stays["no"] == 0
        opened = pd.DataFrame({"deal": stays["deal"], "t": stays["t_in"], "kind": 0, "from": -1, "to": stays["stage"],
                               "amount": stays["amount"], "probability": self.typed, "stay": np.arange(len(first))})[first]  # fmt: skip
        opened = opened[opened["t"] < until]
        ended = (stays["out"] < true_until) & (self.entered < known_until)
        after = np.minimum(np.arange(len(first)) + 1, len(first) - 1)
        on = stays["to"] < WON
        moved = pd.DataFrame({
            "deal": stays["deal"], "t": self.entered, "kind": 1, "from": stays["stage"], "to": stays["to"],
            "amount": np.where(on, stays["amount"][after], self.final),
            "probability": np.where(on, self.typed[after], np.array(market.STAGE_PROBABILITY)[stays["to"]] / 100),
            "stay": np.where(on, after, np.arange(len(first))),
        })[ended]  # fmt: skip
        rows = pd.concat([opened, moved, self._redated(until)], ignore_index=True)
        rows = rows.sort_values(["deal", "t", "kind"], kind="stable", ignore_index=True)
        rows["close"] = self._close_at(rows)
        return rows

    def _redated(self, until: float) -> pd.DataFrame:
        """Return the changes of a close date that came without a move."""
        dates, stays = self.dates, self.stays
        base = np.searchsorted(stays["deal"], dates["deal"])
        place = base.copy()
        for step in range(int(stays["no"].max(initial=0)) + 1):
            nxt = np.minimum(base + step, len(stays["deal"]) - 1)
            place = np.where((stays["deal"][nxt] == dates["deal"]) & (stays["t_in"][nxt] <= dates["t"]), nxt, place)
        own = (dates["t"] > stays["t_in"][place]) & (dates["t"] < until)
        place = place[own]
        return pd.DataFrame({"deal": dates["deal"][own], "t": dates["t"][own], "kind": 2, "from": stays["stage"][place],
                             "to": stays["stage"][place], "amount": stays["amount"][place], "probability": self.typed[place],
                             "stay": place})  # fmt: skip

    def _close_at(self, rows: pd.DataFrame) -> np.ndarray:
        dates = pd.DataFrame(self.dates).sort_values(["t", "deal"], kind="stable")
        asked = rows[["deal", "t"]].reset_index().sort_values("t", kind="stable")
        found = pd.merge_asof(asked, dates, on="t", by="deal").set_index("index").sort_index()["close"]
        ended = rows["to"].to_numpy() >= WON
        signed = np.floor(self.stays["out"][rows["stay"].to_numpy()])
        return np.where(ended, signed, found.to_numpy())
