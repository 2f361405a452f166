"""The demo company: a seeded B2B company that moves month by month, takes decisions and knows its own truth.

It is a function of its options and of the dated decisions it was given: the same ones give the same company, to the
byte, in whatever steps it was run.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from salesloop.demo import arrivals, decisions, futures, levers
from salesloop.demo.arrivals import Columns, join
from salesloop.demo.options import Options
from salesloop.demo.process import Flow, empty, run
from salesloop.demo.world import BURN, month_keys


class Company:
    """A company whose true process is known.

    Parameters
    ----------
    options : Options, optional
        What kind of company; keywords change single options of it.
    decisions : mapping of str to DataFrame, optional
        Rows of ``targets``, ``actions`` and ``interventions`` with the plan files' columns. Each acts only from its own
        ``valid_from``, ``created`` or ``start`` on; interventions may bear ``approved`` (a day before which they do not
        act) and ``change`` (what was promised, a share; else it is worked out from ``expected_effect``).

    Examples
    --------
    >>> company = Company(seed=3, months=6)
    >>> company.today, company.advance().today
    (datetime.date(2024, 4, 30), datetime.date(2024, 5, 31))
    """

    def __init__(
        self, options: Options | None = None, *, decisions: Mapping[str, pd.DataFrame] | None = None, **changes: Any
    ):
        self.options = dataclasses.replace(options or Options(), **changes)
        self.world = levers.build(self.options)
        self.decisions: dict[str, pd.DataFrame] = {}
        self.nudges: dict[int, tuple[float, float]] = {}
        self.n_months = BURN + self.options.months
        wins = arrivals.installed_base(self.world)
        self._base = wins
        self._leads: list[Columns] = []
        first = arrivals.children(self.world, wins, seen=0.0)
        self._flow = Flow(deals=empty(first), live=_no_stays(), pending=first)
        self._made = 0
        self._run(self.n_months, decisions)

    @property
    def today(self) -> dt.date:
        """The last day that was simulated."""
        return self.world.origin + dt.timedelta(days=int(self.world.starts[self.n_months]) - 1)

    def advance(self, decisions: Mapping[str, pd.DataFrame] | None = None, *, months: int = 1) -> Company:
        """Move on by some months, with decisions in force from their own dates, and return the company itself.

        Parameters
        ----------
        decisions : mapping of str to DataFrame, optional
            Rows of ``targets``, ``actions`` and ``interventions``; rows taken before are passed over. A decision that
            is dated before the first day not yet simulated acts from that day on.
        months : int
            How many months.
        """
        self.n_months += months
        self._run(self.n_months, decisions)
        return self

    def _run(self, n_months: int, plan: Mapping[str, pd.DataFrame] | None) -> None:
        self.__dict__.pop("path", None)
        if plan:
            decisions.take(self, plan, since=float(self.world.starts[self._made]))
        months = np.arange(self._made, n_months)
        keys = month_keys(self.options, n_months)[months][None]
        level = self.world.level(n_months)[months][None] + decisions.effort(self, months)
        found = arrivals.leads(self.world, months, keys, level)
        self._leads.append(found)
        self._flow.pending = join(self._flow.pending, arrivals.births(self.world, found))
        run(self.world, self._flow, float(self.world.starts[n_months]), nudges=self.nudges)
        self._made = n_months

    @cached_property
    def path(self) -> Path:
        """The true past: deals, their stays (running ones last) and leads, each in order of time."""
        return Path(self)

    def futures(self, as_of: dt.date, months: int = 3, n: int = 1000, **changes: Any) -> np.ndarray:
        """Return bookings when the true process is continued from the true state of a day.

        Parameters
        ----------
        as_of : date
            All that truly happened until the end of this day stays.
        months : int
            Months ahead, the first being that of the following day (of it only what is still to come).
        n : int
            How many times.
        **changes
            Options that are different from that day on, such as ``bottlenecks=()``; the luck stays the same.

        Returns
        -------
        ndarray
            Money won, one row a future, one column a month.
        """
        return futures.bookings(self, as_of, months, n, changes)

    def win_chances(self, as_of: dt.date, months: int = 3, n: int = 1000) -> pd.DataFrame:
        """Return the true chances of the deals that are truly open at the end of a day.

        Returns
        -------
        DataFrame
            ``opportunity_id``, ``p_win`` (ever), ``p_lost``, and ``p_1``, ``p_2`` ...: won in each month ahead.
        """
        return futures.win_chances(self, as_of, months, n)

    def counterfactual(self, **changes: Any) -> Company:
        """Return the same company, with the same luck and decisions but other options, at the same day.

        ``counterfactual()`` is the company again; ``counterfactual(bottlenecks=())`` never met its bottleneck;
        ``counterfactual(decisions={})`` was never told to do anything.
        """
        kept = changes.pop("decisions", self.decisions)
        other = Company(self.options, decisions=kept, **changes)
        behind = self.n_months - other.n_months
        return other.advance(months=behind) if behind > 0 else other

    def tables(
        self, as_of: dt.date | None = None, *, known_until: dt.date | None = None, only: Iterable[str] | None = None,
    ) -> dict[str, pd.DataFrame]:  # fmt: skip
        """Return the canonical tables as `Book.from_tables` takes them; times are local.

        Parameters
        ----------
        as_of : date, optional
            The day that places events: the state at its end. The last simulated day by default.
        known_until : date, optional
            What was entered until the end of this day is known; `as_of` by default.
        only : iterable of str, optional
            Make only these tables: quicker for benchmarks.
        """
        from salesloop.demo import tables

        return tables.canonical(self, as_of or self.today, known_until, only)


class Path:
    """The true past of a company as columns, in order of time.

    Attributes
    ----------
    deals, stays, leads : dict of ndarray
        ``stays["deal"]`` counts in `deals`; a running stay has ``out`` at or past the end and ``to`` at least 0: what
        will become of it unless something changes.
    """

    def __init__(self, company: Company):
        flow = company._flow
        order = np.lexsort((flow.deals["key"], flow.deals["t"]))
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        self.deals = arrivals.pick(flow.deals, order)
        stays = join(*flow.stays, flow.live) if flow.stays else flow.live
        self.end = float(company.world.starts[company.n_months])
        stays = stays | {"deal": place[stays["deal"]]}
        self.stays = arrivals.pick(stays, np.lexsort((stays["no"], stays["deal"])))
        leads = join(*company._leads)
        self.leads = arrivals.pick(leads, np.lexsort((leads["key"], leads["t"])))


def _no_stays() -> Columns:
    whole = {name: np.zeros(0, dtype=np.int64) for name in ("deal", "no", "stage", "owner", "team", "to")}
    return {
        "key": np.zeros(0, dtype=np.uint64),
        **whole,
        **{name: np.zeros(0) for name in ("t_in", "amount", "aim", "out")},
    }
