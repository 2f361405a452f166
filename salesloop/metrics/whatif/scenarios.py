"""Which change is worth making: each lever run through the simulation, with what it would do to the targets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from salesloop.metrics.pipeline import Change
from salesloop.metrics.whatif.levers import LEAST_ROOM, Z80, Lever
from salesloop.metrics.whatif.runner import Simulation

COLUMNS = (
    "lever", "scope_kind", "scope", "change", "level_now", "level_then", "uom", "plausible_low", "plausible_high",
    "bookings_change", "low", "high", "by_due", "due_low", "due_high", "p_hit", "p_hit_before", "p_month", "p_quarter",
    "p_year", "cost", "roi", "extrapolated", "trust", "n", "blocks",
)  # fmt: skip
MODEL_ERROR = 0.12
TRUST = {"mean": 1.0, "sd": 0.5}
SHORT = ("conversion", "cycle", "size")
DUE = {True: 2, False: 3}


def due_months(lever: str) -> int:
    """Return in how many months a lever's promise is graded: two where open deals feel it at once, else three."""
    return DUE[lever in SHORT]


def run(
    levers: list[Lever], sim: Simulation, targets: pd.DataFrame, *, trust: dict[str, dict], costs: dict[str, float],
) -> pd.DataFrame:  # fmt: skip
    """Return every lever's scenario, best first.

    Parameters
    ----------
    levers : list of Lever
        From `levers`.
    sim : Simulation
        The baseline.
    targets : DataFrame
        From `aims`: the company's targets that a scenario is held against.
    trust : dict
        The loop's ``lever_priors``: realised over promised effect, ``{lever: {"mean", "sd"}}``.
    costs : dict
        What a lever has cost before, home money.

    Returns
    -------
    DataFrame
        `COLUMNS`: ``change`` (relative; of the odds of going on for conversion, of leaving for cycle), ``level_now,
        level_then`` in ``uom``, ``plausible_low, plausible_high`` (80 % of what six-month blocks have shown),
        ``bookings_change, low, high`` (the twelve months ahead, 80 %, trust in the lever and model error in it),
        ``by_due, due_low, due_high`` (until the promise is graded), ``p_hit, p_hit_before`` (of the main target), ``p_month,
        p_quarter, p_year`` (after), ``cost, roi, extrapolated, trust, n, blocks``.
    """
    rows = [
        _row(lever, sim, targets, trust.get(lever.lever, TRUST), costs.get(lever.lever, float("nan")))
        for lever in levers
    ]
    made = pd.DataFrame(rows, columns=list(COLUMNS))
    made["extrapolated"] = made["extrapolated"].astype(bool)
    order = made.assign(rank=made["extrapolated"] | (made["change"] <= LEAST_ROOM))
    return (
        order.sort_values(["rank", "bookings_change"], ascending=[True, False], kind="stable")
        .drop(columns="rank")
        .reset_index(drop=True)
    )


def _row(lever: Lever, sim: Simulation, targets: pd.DataFrame, trust: dict, cost: float) -> dict[str, Any]:
    change = lever.step if lever.step > LEAST_ROOM else 0.0
    after = moved(lever, change, sim, trust=float(trust["mean"]))
    year, due = effect(after - sim.base, trust), effect((after - sim.base)[: due_months(lever.lever)], trust)
    low, high = lever.plausible
    chances = {name: hit(after, sim, row) for name, row in targets.iterrows()}
    main = next((name for name in ("quarter", "month", "year") if name in targets.index), None)
    return {
        "lever": lever.lever, "scope_kind": lever.scope_kind, "scope": lever.scope, "change": change, "level_now": lever.now,
        "level_then": then(lever, change), "uom": lever.uom, "plausible_low": low, "plausible_high": high,
        "bookings_change": year[0], "low": year[1], "high": year[2], "by_due": due[0], "due_low": due[1], "due_high": due[2],
        "p_hit": chances.get(main, float("nan")) if main else float("nan"),
        "p_hit_before": hit(sim.base, sim, targets.loc[main]) if main else float("nan"),
        **{f"p_{name}": chances.get(name, float("nan")) for name in ("month", "quarter", "year")},
        "cost": cost, "roi": (year[0] - cost) / cost if cost > 0 else float("nan"), "extrapolated": not lever.known,
        "trust": float(trust["mean"]), "n": lever.n, "blocks": lever.blocks,
    }  # fmt: skip


def then(lever: Lever, change: float) -> float:
    """Return a lever's level after a relative change, in its own unit."""
    if lever.lever == "price":
        return lever.now * (1 + change)
    if lever.uom == "share":
        odds = lever.now / (1 - lever.now) * (1 + change) if lever.now < 1 else np.inf
        return float(odds / (1 + odds)) if np.isfinite(odds) else 1.0
    if lever.lever == "capacity":
        return lever.now + (1.0 if change > 0 else 0.0)
    return lever.now / (1 + change) if lever.uom == "days" else lever.now * (1 + change)


def changes_of(lever: Lever, change: float) -> tuple[Change, ...]:
    """Return the simulation's changes of a lever at a relative change."""
    if lever.lever == "price":
        return lever.at((1 + change) ** (1 + lever.extra["elasticity"]) - 1)
    if lever.lever != "focus":
        return lever.at(change)
    best, worst = lever.changes
    lost = min(change * lever.extra["ratio"], 1.0)
    return (*replace(lever, changes=(best,)).at(change), *replace(lever, changes=(worst,)).at(lost))


def moved(lever: Lever, change: float, sim: Simulation, *, trust: float = 1.0) -> np.ndarray:
    """Return months x draws after a lever's change, with as much of its effect as it is trusted to bring."""
    if change == 0:
        return sim.base
    pace = lever.extra.get("ramp")
    after = sim.run(changes_of(lever, change), pace=None if pace is None else np.asarray(pace))
    return sim.base + trust * (after - sim.base)


def combined(parts: list[tuple[Lever, float]], sim: Simulation, trust: dict[str, dict]) -> np.ndarray:
    """Return months x draws after several levers together, simulated together.

    Trust is the levers' own, weighted by what each would bring alone; one that comes in gradually (a new rep) keeps its
    pace and multiplies what the others make.
    """
    at_once = [(lever, change) for lever, change in parts if "ramp" not in lever.extra and change != 0]
    alone = [moved(lever, change, sim) - sim.base for lever, change in at_once]
    sizes = np.array([max(float(one.mean()), 1e-9) for one in alone])
    means = np.array([float(trust.get(lever.lever, TRUST)["mean"]) for lever, _ in at_once])
    made = sim.base
    if at_once:
        joint = sim.run(tuple(one for lever, change in at_once for one in changes_of(lever, change)))
        made = sim.base + float((means * sizes).sum() / sizes.sum()) * (joint - sim.base)
    for lever, change in parts:
        if "ramp" in lever.extra and change != 0:
            own = moved(lever, change, sim, trust=float(trust.get(lever.lever, TRUST)["mean"]))
            made = made * np.where(sim.base > 0, own / np.maximum(sim.base, 1e-9), 1.0)
    return made


def effect(difference: np.ndarray, trust: dict) -> tuple[float, float, float]:
    """Return the mean effect over months with its 80 % interval: simulation noise, trust in the lever, model error.

    Parameters
    ----------
    difference : ndarray
        Months x draws, with trust's mean in it already.
    trust : dict
        ``mean, sd`` of realised over promised.

    Examples
    --------
    >>> [round(x, 1) for x in effect(np.full((3, 100), 10.0), {"mean": 1.0, "sd": 0.5})]
    [30.0, 10.2, 49.8]
    """
    total = difference.sum(axis=0)
    mean, noise = float(total.mean()), float(total.std(ddof=1) / np.sqrt(len(total)))
    ratio = float(trust["sd"]) / max(abs(float(trust["mean"])), 0.05)
    sd = np.sqrt((mean * ratio) ** 2 + (mean * MODEL_ERROR) ** 2 + noise**2)
    return mean, float(mean - Z80 * sd), float(mean + Z80 * sd)


def aims(targets: pd.DataFrame, *, ahead: pd.Period, quarter: str, year: str) -> pd.DataFrame:
    """Return the company's base bookings targets of the next month, its quarter and year, by name.

    Parameters
    ----------
    targets : DataFrame
        The goals stage's ``targets``.
    ahead : Period
        The next month.
    quarter, year : str
        Its quarter and fiscal year as labels.

    Returns
    -------
    DataFrame
        Index ``month, quarter, year`` (those there are): ``period, amount, actual, begins, ends``.
    """
    columns = ["period", "amount", "actual_to_date", "begins", "ends"]
    if targets.empty:
        return pd.DataFrame(columns=columns)
    rows = targets[(targets["level"] == "company") & (targets["measure"] == "bookings") & (targets["tier"] == "base")]
    rows = rows[rows["p_hit"].notna()].drop_duplicates("period", keep="last").set_index("period", drop=False)
    found = {
        name: label
        for name, label in (("month", str(ahead)), ("quarter", quarter), ("year", year))
        if label in rows.index
    }
    return rows.loc[list(found.values()), columns].set_axis(list(found), axis=0)


def hit(total: np.ndarray, sim: Simulation, target: pd.Series) -> float:
    """Return P(hit) of one target in months x draws."""
    inside = sim.months.isin(pd.period_range(target["begins"], target["ends"], freq="M"))
    won = 0.0 if pd.isna(target["actual_to_date"]) else float(target["actual_to_date"])
    return float((won + total[inside].sum(axis=0) >= float(target["amount"]) - 0.005).mean())


def propose(
    table: pd.DataFrame,
    levers: list[Lever],
    sim: Simulation,
    *,
    period: pd.Period,
    trust: dict[str, dict],
    most: int = 3,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return a few complementary changes, and months x draws with all of them together.

    Taken greedily by what they bring until they are graded: only levers whose range the unit's own history has shown
    and whose interval lies above nothing, each of another kind, and only as long as a further one still brings at least
    half of what it would bring alone.

    Parameters
    ----------
    table, levers
        From `run` and what it was run on.
    sim : Simulation
        The baseline.
    period : Period
        The month just evaluated: promises are about the months after it.
    trust : dict
        As for `run`.
    most : int
        How many.

    Returns
    -------
    proposals : DataFrame
        ``id, what, lever, scope_kind, scope, stage, start, due, change, expected_effect, low, high, cost, n``, effects in home
        money over the months from the next one to the due one, against the forecast.
    together : ndarray
        Months x draws.
    """
    by_scope = {(lever.lever, lever.scope): lever for lever in levers}
    ready = table[~table["extrapolated"] & (table["change"] > LEAST_ROOM) & (table["due_low"] > 0)]
    ready = ready.sort_values("by_due", ascending=False, kind="stable")
    chosen: list[dict] = []
    kinds: set[str] = set()
    parts: list[tuple[Lever, float]] = []
    together = sim.base
    for row in ready.to_dict("records"):
        if len(chosen) >= most or row["lever"] in kinds:
            continue
        lever = by_scope[(row["lever"], row["scope"])]
        now = combined([*parts, (lever, row["change"])], sim, trust)
        months = due_months(row["lever"])
        gain = float((now - together)[:months].sum(axis=0).mean())
        if gain < 0.5 * row["by_due"]:
            continue
        together, kinds, parts = now, kinds | {row["lever"]}, [*parts, (lever, row["change"])]
        chosen.append(_proposal(row, lever, period, len(chosen) + 1))
    columns = [
        "id",
        "what",
        "lever",
        "scope_kind",
        "scope",
        "stage",
        "start",
        "due",
        "change",
        "expected_effect",
        "low",
        "high",
        "cost",
        "n",
    ]
    return pd.DataFrame(chosen, columns=columns), together


def _proposal(row: dict, lever: Lever, period: pd.Period, number: int) -> dict[str, Any]:
    months = due_months(row["lever"])
    kind, scope, stage = plan_scope(lever)
    return {
        "id": f"W-{period}-{number}", "what": name_of(row), "lever": row["lever"],
        "scope_kind": kind, "scope": scope, "stage": stage, "start": str((period + 1).start_time.date()),
        "due": str((period + months).end_time.date()), "change": round(row["change"], 4),
        "expected_effect": round(row["by_due"], 2), "low": round(row["due_low"], 2), "high": round(row["due_high"], 2),
        "cost": row["cost"], "n": int(row["n"]),
    }  # fmt: skip


def name_of(row: dict) -> str:
    """Return a scenario's name as a plan file holds it.

    Examples
    --------
    >>> name_of({"lever": "cycle", "scope": "Proposal", "change": 0.25})
    'cycle · Proposal · +25%'
    """
    return f"{row['lever']} · {row['scope']} · {row['change']:+.0%}"


def plan_scope(lever: Lever) -> tuple[str, str, str | None]:
    """Return whom a lever applies to as the plan file says it: one column (or stage, or the company), its value, its stage.

    The third is the stage that a lever of one group is limited to, None for all others. Effort that moves is written as
    from and to: ``SMB > Enterprise``.
    """
    if lever.scope_kind.startswith("stage+"):
        one = lever.changes[0]
        return str(one.column), str(one.value), str(one.stage)
    return lever.scope_kind, lever.scope, None


def costs_of(interventions: pd.DataFrame) -> dict[str, float]:
    """Return the mean cost of past changes by lever; levers whose cost was never written down are absent.

    Examples
    --------
    >>> costs_of(pd.DataFrame({"lever": ["volume", "volume", "size"], "cost": [10.0, 20.0, None]}))
    {'volume': 15.0}
    """
    told = interventions[interventions["cost"] > 0] if "cost" in interventions else interventions[:0]
    return {str(lever): float(cost) for lever, cost in told.groupby("lever")["cost"].mean().items()}
