"""The sentences, formats and chart tables of the what-ifs: which message, with which values."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from salesloop.metrics.whatif.levers import LEAST_ROOM
from salesloop.metrics.whatif.runner import Simulation
from salesloop.metrics.whatif.scenarios import name_of

Sentence = tuple[str, dict]
SCENARIOS = {
    "lever": "word", "scope_kind": "word", "scope": "word", "change": "percent", "level_now": "uom", "level_then": "uom",
    "plausible_low": "percent", "plausible_high": "percent", "bookings_change": "money", "low": "money", "high": "money",
    "by_due": "money", "due_low": "money", "due_high": "money", "p_hit": "percent", "p_hit_before": "percent",
    "p_month": "percent", "p_quarter": "percent", "p_year": "percent", "cost": "money", "roi": "percent",
    "extrapolated": "word", "trust": "ratio", "n": "count", "blocks": "count",
}  # fmt: skip
SHOWN = ("lever", "scope", "change", "level_now", "level_then", "bookings_change", "low", "high", "p_month", "p_quarter",
         "p_year", "cost", "roi", "extrapolated")  # fmt: skip
PROPOSALS = {"lever": "word", "scope_kind": "word", "scope": "word", "stage": "word", "start": "date", "due": "date", "change": "percent",
             "expected_effect": "money", "low": "money", "high": "money", "cost": "money", "n": "count"}  # fmt: skip
EFFECTS = {"lever": "word", "measure": "word", "scope_kind": "word", "start": "date", "design": "word", "estimand": "word",
           "estimate": "percent", "low": "percent", "high": "percent", "p_value": "ratio", "minimum_detectable": "percent",
           "placebo_p": "ratio", "verdict": "word", "why": "word", "n": "count"}  # fmt: skip
EFFECTS_SHOWN = ("what", "lever", "measure", "scope", "start", "design", "estimate", "low", "high", "minimum_detectable",
                 "placebo_p", "verdict", "why")  # fmt: skip
PRICE = {"estimate": "ratio", "low": "ratio", "high": "ratio", "n": "count", "verdict": "word"}
PROMISES = {
    "lever": "word",
    "scope": "word",
    "start": "date",
    "due": "date",
    "from": "uom",
    "to": "uom",
    "effect": "money",
}
PROMISED = ("lever", "scope", "from", "to", "start", "due", "effect")
MOST_BARS = 12


def best(table: pd.DataFrame) -> dict | None:
    """Return the scenario worth most among those within the unit's own history."""
    ready = (
        table[~table["extrapolated"] & (table["change"] > LEAST_ROOM) & (table["bookings_change"] > 0)]
        if len(table)
        else table
    )
    return (
        ready.sort_values("bookings_change", ascending=False, kind="stable").iloc[0].to_dict() if len(ready) else None
    )


def headline(table: pd.DataFrame, targets: pd.DataFrame) -> Sentence:
    """Say which change is worth most."""
    row = best(table)
    if row is None:
        return "whatif.headline_none", {"n": len(table)}
    values = {key: row[key] for key in ("lever", "scope", "change", "bookings_change", "low", "high")}
    name = next((name for name in ("quarter", "month", "year") if name in targets.index), None)
    if name is None or not math.isfinite(row["p_hit"]):
        return "whatif.headline", values
    return "whatif.headline_hit", values | {
        "period": targets.loc[name, "period"],
        "before": row["p_hit_before"],
        "after": row["p_hit"],
    }


def best_value(table: pd.DataFrame) -> dict:
    """Return the best scenario as a named value."""
    row = best(table)
    if row is None:
        return {"value": float("nan"), "n": 0}
    return {"value": row["bookings_change"], "low": row["low"], "high": row["high"], "n": int(row["n"])}


def basis(sim: Simulation, table: pd.DataFrame) -> list[Sentence]:
    """Say what the scenarios rest on and which are extrapolation or without room."""
    if not sim.ready:
        return [("whatif.no_model", {"n": sim.model.n_closed, "won": sim.model.n_won})]
    told: list[Sentence] = [("whatif.basis", {"n": sim.model.n_closed, "levers": len(table)})]
    beyond = int(table["extrapolated"].sum())
    full = int((~table["extrapolated"] & (table["change"] <= LEAST_ROOM)).sum())
    told += [("whatif.extrapolated", {"n": beyond})] if beyond else []
    return told + ([("whatif.no_room", {"n": full})] if full else [])


def tornado(table: pd.DataFrame) -> pd.DataFrame:
    """Return the chart of the scenarios: ``lever, scope, bookings_change, low, high, extrapolated``, largest first."""
    shown = table[table["change"] > LEAST_ROOM] if len(table) else table
    return (
        shown[["lever", "scope", "bookings_change", "low", "high", "extrapolated"]]
        .head(MOST_BARS)
        .reset_index(drop=True)
    )


def trust(priors: dict) -> Sentence:
    """Say what graded promises have taught about levers."""
    graded = {lever: row for lever, row in priors.items() if row.get("n")}
    if not graded:
        return "whatif.trust_none", {}
    return "whatif.trust", {"n": sum(int(row["n"]) for row in graded.values()), "levers": len(graded),
                            "mean": float(np.mean([row["mean"] for row in graded.values()]))}  # fmt: skip


def proposals(table: pd.DataFrame, together: np.ndarray, sim: Simulation) -> list[Sentence]:
    """Say what is proposed and what it brings together."""
    if table.empty:
        return [("whatif.proposals_none", {})]
    joint = float((together - sim.base).sum(axis=0).mean())
    told: list[Sentence] = [("whatif.proposals", {"n": len(table), "joint": joint})]
    keys = ("lever", "scope", "change", "expected_effect", "low", "high", "start", "due")
    return [*told, *(("whatif.proposal", {key: row[key] for key in keys}) for row in table.to_dict("records"))]


def promises(table: pd.DataFrame, scenarios: pd.DataFrame) -> pd.DataFrame:
    """Return what would have to be true for each proposal, and when it is graded: ``what, lever, scope, start, due, from, to, uom, effect``."""
    named = (
        scenarios.assign(what=[name_of(row) for row in scenarios.to_dict("records")])
        .drop_duplicates("what")
        .set_index("what")
    )
    found = named[["level_now", "level_then", "uom"]].reindex(table["what"]).reset_index(drop=True)
    made = table[["what", "lever", "scope", "start", "due"]].reset_index(drop=True)
    return made.assign(**{"from": found["level_now"], "to": found["level_then"], "uom": found["uom"],
                          "effect": table["expected_effect"].to_numpy()})  # fmt: skip


def price(table: pd.DataFrame) -> Sentence:
    """Say what order lines tell about prices."""
    if table.empty:
        return "whatif.price_none", {}
    counts = table["verdict"].value_counts()
    return "whatif.price", {
        "n": len(table),
        **{name: int(counts.get(name, 0)) for name in ("inelastic", "elastic", "reversed", "cannot_tell")},
    }


def effects(table: pd.DataFrame) -> list[Sentence]:
    """Say what each past change did: one of three verdicts."""
    if table.empty:
        return [("whatif.effects_none", {})]
    told: list[Sentence] = []
    for row in table.to_dict("records"):
        values = {
            key: row[key] for key in ("what", "measure", "estimate", "low", "high", "minimum_detectable", "n", "why")
        }
        told.append((f"whatif.effect_{row['verdict']}", values))
    if (table["design"] == "did_few").any():
        told.append(("whatif.few_groups", {}))
    return told


def effect_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return the chart of past effects: ``what, estimate, low, high, minimum_detectable, verdict``."""
    return (
        table.loc[table["estimate"].notna(), ["what", "estimate", "low", "high", "minimum_detectable", "verdict"]]
        .head(MOST_BARS)
        .reset_index(drop=True)
    )
