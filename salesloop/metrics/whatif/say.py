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
SHOWN = ("lever", "scope", "change", "level_now", "level_then", "bookings_change", "low", "high", "n", "extrapolated")
CHANCES = {"lever": "word", "scope": "word", "p_month": "percent", "p_quarter": "percent", "p_year": "percent", "cost": "money",
           "roi": "percent"}  # fmt: skip
PROPOSED = ("id", "lever", "scope", "stage", "start", "due", "change", "expected_effect", "low", "high", "n")
PROPOSALS = {"lever": "word", "scope_kind": "word", "scope": "word", "stage": "word", "start": "date", "due": "date", "change": "percent",
             "expected_effect": "money", "low": "money", "high": "money", "cost": "money", "n": "count"}  # fmt: skip
EFFECTS = {"lever": "word", "measure": "word", "scope_kind": "word", "scope": "word", "start": "date", "design": "word", "estimand": "word",
           "estimate": "percent", "low": "percent", "high": "percent", "p_value": "ratio", "minimum_detectable": "percent",
           "placebo_p": "ratio", "verdict": "word", "why": "word", "n": "count"}  # fmt: skip
EFFECTS_SHOWN = (
    "what",
    "measure",
    "scope",
    "start",
    "verdict",
    "estimate",
    "low",
    "high",
    "minimum_detectable",
    "n",
    "placebo_p",
)
DESIGNS_SHOWN = ("what", "scope", "design", "estimand", "why")
PRICE = {"estimate": "ratio", "low": "ratio", "high": "ratio", "n": "count", "verdict": "word"}
PROMISES = {
    "lever": "word",
    "scope": "word",
    "start": "date",
    "due": "date",
    "from": "uom",
    "to": "uom",
    "effect": "money",
    "measure": "word",
}
PROMISED = ("lever", "scope", "from", "to", "start", "due", "effect", "measure")
MOST_SAID, MOST_NAMED = 6, 3
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
    """Return what would have to be true for each proposal, and when and by what it is graded.

    Columns: ``what, lever, scope, start, due, from, to, uom, effect, measure``.
    """
    named = (
        scenarios.assign(what=[name_of(row) for row in scenarios.to_dict("records")])
        .drop_duplicates("what")
        .set_index("what")
    )
    found = named[["level_now", "level_then", "uom"]].reindex(table["what"]).reset_index(drop=True)
    made = table[["what", "lever", "scope", "start", "due"]].reset_index(drop=True)
    return made.assign(**{"from": found["level_now"], "to": found["level_then"], "uom": found["uom"],
                          "effect": table["expected_effect"].to_numpy(), "measure": "graded_bookings"})  # fmt: skip


def price(table: pd.DataFrame, aside: int = 0) -> list[Sentence]:
    """Say what order lines tell about prices, and how many say nothing."""
    odd: list[Sentence] = [("whatif.price_aside", {"n": aside})] if aside else []
    if table.empty:
        return [("whatif.price_none", {}), *odd]
    counts = table["verdict"].value_counts()
    told = {name: int(counts.get(name, 0)) for name in ("inelastic", "elastic", "reversed", "cannot_tell")}
    message = "whatif.price_silent" if told["cannot_tell"] == len(table) else "whatif.price"
    return [(message, {"n": len(table), **told}), *odd]


def effects(table: pd.DataFrame) -> list[Sentence]:
    """Say what each past change did, one of three verdicts; those beyond the first few only by number."""
    if table.empty:
        return [("whatif.effects_none", {})]
    order = {"compatible": 0, "cannot_tell": 1}
    tested = table[table["verdict"].isin(list(order))].sort_values("verdict", key=lambda v: v.map(order), kind="stable")
    silent = table[table["verdict"] == "cannot_test"]
    told = [_effect(row) for row in tested.head(MOST_SAID).to_dict("records")]
    told += [_effect(row) for row in silent.to_dict("records")] if len(silent) <= MOST_NAMED else []
    more = len(tested) - MOST_SAID
    told += [("whatif.effects_more", {"n": more})] if more > 0 else []
    told += [("whatif.effects_silent", {"n": len(silent), "of": len(table)})] if len(silent) > MOST_NAMED else []
    return told + _designs(table)


def _effect(row: dict) -> Sentence:
    """Say one effect; a change that the loop proposed is named in words instead of its name in the plan file."""
    keys = ("measure", "estimate", "low", "high", "minimum_detectable", "n", "why", "what", "lever", "scope")
    values = {key: row[key] for key in keys} | {"unit": "n_months" if row["design"] == "interrupted" else "n_seen"}
    return f"whatif.effect_{row['verdict']}{'_own' if _proposed(row) else ''}", values


def _proposed(row: dict) -> bool:
    return str(row["what"]).startswith(f"{row['lever']} · ")


def _designs(table: pd.DataFrame) -> list[Sentence]:
    """Say what stands behind the verdicts: placebos, and what the designs in use cannot know."""
    told: list[Sentence] = []
    placebo = table["placebo_p"].dropna()
    if len(placebo):
        told.append(("whatif.placebo", {"n": len(placebo), "passed": int((placebo >= 0.05).sum())}))
    for design, message in (("did_few", "few_groups"), ("doubly_robust", "chosen")):
        if (table["design"] == design).any():
            told.append((f"whatif.{message}", {}))
    return told


def effect_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the effects as the page shows them: a change that the loop proposed by its id, as lever and scope tell the rest."""
    own = [_proposed(row) for row in table.to_dict("records")]
    return table.assign(what=table["what"].where(~np.array(own, dtype=bool), table["intervention"]))


def effect_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return the chart of past effects that could be tested: ``what, lever, scope, estimate, low, high, verdict``; no lever where `what` is a name."""
    tested = table[table["verdict"].isin(["compatible", "cannot_tell"])].head(MOST_BARS).reset_index(drop=True)
    own = np.array([_proposed(row) for row in tested.to_dict("records")], dtype=bool)
    columns = ["what", "lever", "scope", "estimate", "low", "high", "minimum_detectable", "verdict"]
    return tested[columns].assign(lever=tested["lever"].where(own, None))
