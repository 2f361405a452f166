"""An analyst's own scenario in one line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from salesloop.errors import ParameterError, SalesloopError, raise_all
from salesloop.metrics import forecast
from salesloop.metrics.pipeline import Change
from salesloop.metrics.whatif import levers
from salesloop.metrics.whatif.runner import Simulation, simulation
from salesloop.metrics.whatif.scenarios import TRUST, effect

LEVERS = ("conversion", "cycle", "volume", "size")
COLUMNS = ("period", "before", "after", "change", "low", "high", "share_better")


def scenario(book: Any, asked: dict[str, Any] | list[dict[str, Any]], *, sim: Simulation | None = None) -> pd.DataFrame:
    """Return what a change, or several together, would do to the company's bookings.

    Parameters
    ----------
    book : Book
        From ``open_book``.
    asked : dict or list of dict
        ``{lever: {"change": x, "stage": ..., column: value}}``: ``conversion`` in points of the share that goes on from a
        stage (0.05 is five points more), ``cycle`` as a share of pace (0.1 is 10 % faster), ``volume`` and ``size`` as
        shares of new deals and of amounts. ``stage`` and one column with its value say whom it is for. Levers given
        together are simulated together.
    sim : Simulation, optional
        One made before, to ask again quickly.

    Returns
    -------
    DataFrame
        ``period`` (each month ahead, then ``total``), ``before, after, change`` (means, home money), ``low, high`` (80 %
        range of the expected change: noise of the simulation, model error, and the trust that an ungraded lever has),
        ``share_better`` (draws that end above the same draw without the change, luck of single deals included).

    Raises
    ------
    ParameterError
        A lever, a stage, a column or a value is not known (all problems at once), or there are too few closed deals to
        simulate from.
    """
    if sim is None:
        known = book.deals()
        leaks = forecast.deals.leak_guard(known)
        sim = simulation(book, forecast.deals.without(known, leaks["column"].tolist()))
    if not sim.ready:
        raise ParameterError(
            "scenario", found=f"{sim.model.n_closed} closed deals", allowed="about 5 closed deals, one won or more",
            next_step="take a later month, or import an export that holds closed deals",
        )  # fmt: skip
    changes = parse(asked, sim)
    after = sim.run(changes)
    return table(sim.base, after, sim.months)


def parse(asked: dict[str, Any] | list[dict[str, Any]], sim: Simulation) -> tuple[Change, ...]:
    """Return what was asked as changes of the simulation; every problem is named at once."""
    made, problems = [], []
    for one in asked if isinstance(asked, list) else [asked]:
        for lever, how in one.items():
            try:
                made.append(_change(lever, dict(how), sim))
            except SalesloopError as problem:
                problems.append(problem)
    raise_all(problems)
    return tuple(made)


def _change(lever: str, how: dict[str, Any], sim: Simulation) -> Change:
    if lever not in LEVERS:
        raise ParameterError(
            f"lever {str(lever)[:40]!r}",
            found="no such lever",
            allowed=", ".join(LEVERS),
            next_step="name one of these",
        )
    change, stage, model = how.pop("change", None), how.pop("stage", None), sim.model
    if not isinstance(change, (int, float)) or not np.isfinite(change) or change <= -1:
        raise ParameterError(
            f"{lever}: change", found=repr(change)[:40], allowed="a number above -1, such as 0.05",
            next_step=f'ask for {{"{lever}": {{"change": 0.05}}}}',
        )  # fmt: skip
    if stage is not None and (stage not in model.stages or lever not in ("conversion", "cycle")):
        allowed = ", ".join(model.stages) if lever in ("conversion", "cycle") else f"no stage for {lever}"
        raise ParameterError(
            f"{lever}: stage",
            found=repr(stage)[:40],
            allowed=allowed,
            next_step="name one of these, or leave `stage` out",
        )
    if len(how) > 1:
        raise ParameterError(
            f"{lever}: columns", found=", ".join(map(str, how))[:80], allowed="one column and its value",
            next_step="ask for one column at a time",
        )  # fmt: skip
    column, value = next(iter(how.items()), (None, None))
    _known(lever, column, value, sim.deals)
    where: dict[str, Any] = {"stage": stage, "column": column, "value": value}
    if lever == "conversion":
        return Change(conversion=odds_factor(float(change), going_on(sim, **where)), **where)
    named = {"cycle": "speed"}.get(lever, lever)
    return Change(**(where | {named: 1.0 + float(change)}))


def _known(lever: str, column: str | None, value: Any, deals: pd.DataFrame) -> None:
    if column is None:
        return
    if column not in deals:
        raise ParameterError(
            f"{lever}: column {str(column)[:40]!r}", found="not in the deals",
            allowed="a column of the deals, such as segment or product", next_step="book.deals().columns lists them",
        )  # fmt: skip
    values = sorted(deals[column].dropna().astype(str).unique())
    if str(value) not in values:
        raise ParameterError(
            f"{lever}: {column}", found=repr(value)[:40], allowed=", ".join(values[:12]) or "nothing: the column is empty",
            next_step="take one of these values",
        )  # fmt: skip


def going_on(sim: Simulation, *, stage: str | None, column: str | None, value: Any) -> float:
    """Return the share of exits that go on instead of being lost, in the last three years, shrunk by ten exits to all.

    Parameters
    ----------
    stage, column, value
        Only exits of this stage, of deals with this value.
    """
    lived = levers.lived_by_block(sim.deals, sim.events, sim.stages, as_of=sim.as_of)
    exits = lived[lived["left"] == 1]
    overall = 1 - exits["lost"].mean() if len(exits) else 0.5
    own = exits if stage is None or not sim.model.staged else exits[exits["stage"] == stage]
    if column is not None:
        inside = sim.deals.loc[sim.deals[column].astype(str) == str(value), "opportunity_id"]
        own = own[own["opportunity_id"].isin(inside)]
    return float((len(own) - own["lost"].sum() + 10 * overall) / (len(own) + 10))


def odds_factor(points: float, share: float) -> float:
    """Return the factor on the odds of going on that lifts the share going on by some points.

    Examples
    --------
    >>> round(odds_factor(0.05, 0.65), 4)
    1.2564
    """
    aim = min(max(share + points, 1e-3), 1 - 1e-3)
    return aim / (1 - aim) / (share / (1 - share))


def table(before: np.ndarray, after: np.ndarray, months: pd.PeriodIndex) -> pd.DataFrame:
    """Return before and after by month and in total.

    Examples
    --------
    >>> told = table(np.full((1, 10), 100.0), np.full((1, 10), 110.0), pd.period_range("2026-11", periods=1, freq="M"))
    >>> told[["period", "change", "share_better"]].values.tolist()
    [['2026-11', 10.0, 1.0], ['total', 10.0, 1.0]]
    """
    rows = [(str(month), before[i], after[i]) for i, month in enumerate(months)]
    rows.append(("total", before.sum(axis=0), after.sum(axis=0)))
    made = []
    for period, a, b in rows:
        change, low, high = effect((b - a)[None], TRUST)
        made.append((period, float(a.mean()), float(b.mean()), change, low, high, float((b > a).mean())))
    return pd.DataFrame(made, columns=list(COLUMNS))
