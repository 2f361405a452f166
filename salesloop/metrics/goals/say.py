"""The sentences, formats and chart tables of the goals: which message, with which values."""

from __future__ import annotations

import json
import math

import pandas as pd

from salesloop import periods
from salesloop.metrics.goals.ground import Ground
from salesloop.metrics.goals.remarks import (
    MOST_NAMED,
    MOST_OWN,
    Sentence,
    alone,
    changed,
    growth,
    issues,
    listed,
    mismatches,
    rejected,
    unknown,
    unrated,
)

__all__ = [
    "about", "alone", "attainment", "bullets", "capacity", "chance", "chances", "changed", "company_capacity", "counts", "far", "growth",
    "headline", "issues", "main_target", "mismatches", "needs", "recovery", "rejected", "smart", "split", "unknown", "unrated", "versions",
]  # fmt: skip
TARGETS = {
    "period": "period", "level": "word", "measure": "word", "tier": "word", "amount": "uom", "opening": "uom",
    "actual_to_date": "uom", "attainment": "percent", "n": "count", "baseline": "uom", "low": "uom", "high": "uom",
    "p_hit": "chance", "verdict": "word", "need_50": "uom", "need_80": "uom", "growth_needed": "percent",
    "basis": "word", "begins": "period", "ends": "period", "derived": "word", "locked": "word",
}  # fmt: skip
PARTS = {"period": "period", "measure": "word", "tier": "word", "whole": "uom", "parts_level": "word", "parts": "uom",
         "difference": "uom"}  # fmt: skip
SMART = {
    "letter": "word",
    "n": "count",
    "passed": "count",
    "failed": "count",
    "unknown": "count",
    "main_reason": "word",
}
CAPACITY = {"period": "period", "level": "word", "target": "money", "booked": "money", "capacity": "money", "low": "money", "high": "money",
            "gap": "money", "gap_reps": "number", "gap_hires": "number", "reps": "count", "ramping": "count", "joining": "count",
            "leaving": "count", "n": "count"}  # fmt: skip
SPLIT = {"level": "word", "method": "word", "amount": "money", "share": "percent", "p_hit": "chance"}
VERSIONS = {"period": "period", "level": "word", "measure": "word", "tier": "word", "valid_from": "date"}
NEEDS = {"period": "period", "level": "word", "measure": "word", "tier": "word", "p_hit": "chance", "aim": "chance", "amount": "uom",
         "deals": "count", "pipeline": "money", "win_rate": "percent"}  # fmt: skip
RECOVERY = {"period": "period", "level": "word", "gap": "money", "weeks": "count", "line": "word", "amount": "money",
            "share": "percent"}  # fmt: skip
MOST_A_LETTER, MOST_FAR, MOST_ROWS = 2, 4, 12
OVER = ("met", "missed")


def headline(judged: pd.DataFrame, ground: Ground) -> Sentence:
    """Say where the company stands: the target just closed and the next one that matters."""
    past, ahead = closed_target(judged, ground), main_target(judged, ground)
    if past is None and ahead is None:
        return "goals.headline_none", {"n": len(judged)}
    values: dict = {}
    if past is not None:
        values |= {"period": past["period"], "attainment": past["attainment"], "amount": past["amount"],
                   "actual": past["actual_to_date"]}  # fmt: skip
    if ahead is not None:
        values |= {
            "next": ahead["period"],
            "target": ahead["amount"],
            "p_hit": ahead["p_hit"],
            "baseline": ahead["baseline"],
        }
    kind = "both" if past is not None and ahead is not None else "past" if past is not None else "ahead"
    return f"goals.headline_{kind}", values


def _company(judged: pd.DataFrame) -> pd.DataFrame:
    rows = judged[(judged["level"] == "company") & (judged["measure"] == "bookings") & (judged["tier"] == "base")]
    return rows[rows["amount"].notna()]


def closed_target(judged: pd.DataFrame, ground: Ground) -> dict | None:
    """Return the company's bookings target that closed with the period; the shortest one."""
    rows = _company(judged)
    rows = rows[(rows["ends"] == str(ground.period)) & rows["verdict"].isin(OVER)]
    return rows.sort_values("begins", ascending=False).iloc[0].to_dict() if len(rows) else None


def main_target(judged: pd.DataFrame, ground: Ground) -> dict | None:
    """Return the company's bookings target that matters next: its quarter's, else the nearest one with a P(hit)."""
    rows = _company(judged)
    rows = rows[rows["p_hit"].notna()].sort_values(["ends", "begins"])
    if rows.empty:
        return None
    label = periods.quarter_label(ground.ahead[0], ground.fiscal_start)
    own = rows[rows["period"] == label]
    return (own if len(own) else rows).iloc[0].to_dict()


def attainment(judged: pd.DataFrame, ground: Ground) -> dict:
    """Return attainment of the target that closed with the period, else of the running one, as a named value."""
    row = closed_target(judged, ground) or main_target(judged, ground)
    return {"value": row["attainment"], "n": int(row["n"])} if row else {"value": float("nan"), "n": 0}


def chance(judged: pd.DataFrame, ground: Ground) -> dict:
    """Return P(hit) of the company's next target as a named value."""
    row = main_target(judged, ground)
    return {"value": row["p_hit"], "n": ground.n_draws} if row else {"value": float("nan"), "n": 0}


def counts(judged: pd.DataFrame) -> list[Sentence]:
    """Say how many targets are met, missed, on course and not to be judged."""
    if judged.empty:
        return []
    told = judged["verdict"].value_counts()
    over = int(sum(told.get(name, 0) for name in OVER))
    ahead = {"n": len(judged) - over, "course": int(told.get("on_course", 0)), "risk": int(told.get("at_risk", 0)),
             "stretch": int(told.get("no_stretch", 0)), "credible": int(told.get("not_credible", 0)),
             "unknown": int(sum(told.get(name, 0) for name in ("cannot_tell", "not_measurable", "too_far")))}  # fmt: skip
    return [("goals.counts_past", {"n": over, "met": int(told.get("met", 0))}), ("goals.counts_ahead", ahead)]


def smart(audit: pd.DataFrame, judged: pd.DataFrame) -> list[Sentence]:
    """Say what fails: the company's targets one by one, of all others each reason once with how many share it."""
    if audit.empty:
        return []
    known = judged[~judged["verdict"].isin(OVER)].drop_duplicates("id").set_index("id")
    failed = audit[audit["ok"].isin([False]) & audit["id"].isin(known.index)]
    order = {ident: place for place, ident in enumerate(known.index)}
    failed = failed.assign(order=failed["id"].map(order)).sort_values("order", kind="stable")
    top = failed[failed["id"].map(known["level"]) == "company"]
    top = top[top["why"] != "r_no_objective"].drop_duplicates(["id", "letter"]).head(MOST_OWN)
    told: list[Sentence] = [
        (reason, json.loads(values)) for reason, values in zip(top["reason"], top["values"], strict=True)
    ]
    rest = failed[~failed.index.isin(top.index)]
    groups = sorted(rest.groupby(["letter", "why"]), key=lambda one: ("SMART".index(one[0][0]), -len(one[1])))
    for place, ((letter, why), rows) in enumerate(groups):
        if sum(other == letter for (other, _), _ in groups[:place]) >= MOST_A_LETTER:
            continue
        values = {
            "letter": letter,
            "n": len(rows),
            "why": why,
            "which": listed(rows["id"].map(known["scope"]).tolist()),
        }
        told.append(("goals.smart_fails", values))
    return told or [("goals.smart_all", {})]


def needs(table: pd.DataFrame, judged: pd.DataFrame, ground: Ground) -> list[Sentence]:
    """Say what the company's target that matters next would take."""
    main = main_target(judged, ground)
    told: list[Sentence] = []
    for row in table[table["id"] == (main or {}).get("id")].to_dict("records"):
        values = {key: row[key] for key in ("period", "aim", "amount", "deals", "pipeline", "win_rate", "p_hit")}
        reached = "" if pd.notna(row["win_rate"]) else "_never"
        told.append(("goals.need_nothing" if row["amount"] <= 0 else f"goals.need{reached}", values))
    return told or [("goals.need_none", {})]


def capacity(table: pd.DataFrame, ramps: int, ground: Ground) -> list[Sentence]:
    """Say whether the people there can carry the company's next target: its quarter's, else the first."""
    own = table[table["level"] == "company"] if len(table) else table
    if own.empty:
        return [("goals.capacity_none", {})]
    quarter = own[own["period"] == periods.quarter_label(ground.ahead[0], ground.fiscal_start)]
    row = (quarter if len(quarter) else own).iloc[0].to_dict()
    values = {key: row[key] for key in ("period", "capacity", "low", "high", "reps", "n")}
    values["target"] = left = row["target"] - row["booked"]
    values |= {"gap": abs(row["gap"]), "gap_reps": _whole(row["gap_reps"]), "gap_hires": _whole(row["gap_hires"])}
    kind = "within" if row["low"] <= left <= row["high"] else "short" if row["gap"] > 0 else "enough"
    told = [(f"goals.capacity_{kind}", values), ("goals.ramp" if ramps >= 5 else "goals.ramp_few", {"n": ramps})]
    moving = {"joining": row["joining"], "leaving": row["leaving"]}
    return [*told, ("goals.capacity_moving", moving)] if sum(moving.values()) else told


def _whole(reps: float) -> float:
    return float(math.ceil(abs(reps) - 1e-9)) if math.isfinite(reps) else float("nan")


def split(table: pd.DataFrame, whole: dict | None) -> Sentence:
    """Say which target is split and how: over teams where there are several, else over reps."""
    if whole is None or table.empty:
        return "goals.split_none", {}
    level = "team" if table.loc[table["level"] == "team", "name"].nunique() > 1 else "rep"
    own = table[table["level"] == level]
    chance = own.loc[own["method"] == "equal_chance", "p_hit"].median()
    values = {"period": whole["period"], "amount": whole["amount"], "n": int(own["name"].nunique()), "p": chance}
    return f"goals.split_{level}", values


def recovery(table: pd.DataFrame) -> list[Sentence]:
    """Say what would bring locked targets back on course."""
    told: list[Sentence] = []
    for row in table.head(MOST_NAMED).to_dict("records"):
        values = {
            "scope": row["scope"],
            "gap": row["gap"],
            "weeks": row["weeks"],
            "open": row["win_open"],
            "pull": row["pull_in"],
        }
        told.append((f"goals.recovery{'' if row['share'] <= 1 else '_beyond'}", values))
    rest = len(table) - len(told)
    told += [("goals.recovery_more", {"n": rest})] if rest > 0 else []
    return told or [("goals.recovery_none", {})]


def bullets(judged: pd.DataFrame, ground: Ground) -> pd.DataFrame:
    """Return the chart of attainment: a row a scope of one period.

    Returns
    -------
    DataFrame
        ``period, level, name, attained, expected, low, high`` as shares of the target, ``n``.
    """
    rows = judged[(judged["measure"] == "bookings") & (judged["tier"] == "base") & (judged["level"] != "rep")]
    rows = rows[(rows["amount"] > 0) & rows["actual_to_date"].notna()]
    label = next((name for name in _choices(ground) if (rows["period"] == name).any()), None)
    rows = rows[rows["period"] == label].head(MOST_ROWS)
    made = rows[["period", "level", "name"]].assign(
        attained=rows["attainment"], **{new: rows[old] / rows["amount"] for new, old in
                                        (("expected", "baseline"), ("low", "low"), ("high", "high"))}, n=rows["n"])  # fmt: skip
    return made.astype(dict.fromkeys(("attained", "expected", "low", "high"), float)).reset_index(drop=True)


def about(table: pd.DataFrame) -> dict:
    """Return what the chart of attainment is about: ``period, n``."""
    return {"period": table["period"].iloc[0] if len(table) else None, "n": len(table)}


def _choices(ground: Ground) -> list[str]:
    month, start = ground.period, ground.fiscal_start
    following = ground.ahead[0]
    return [periods.quarter_label(month, start), str(month), str(periods.fiscal_year(month, start)),
            periods.quarter_label(following, start), str(following)]  # fmt: skip


def chances(judged: pd.DataFrame) -> pd.DataFrame:
    """Return the chart of P(hit): the company's bookings targets ahead, months first, ``period, tier, p_hit, amount``."""
    rows = judged[(judged["level"] == "company") & (judged["measure"] == "bookings") & judged["p_hit"].notna()]
    rows = rows.assign(
        span=[(pd.Period(b, "M") - pd.Period(a, "M")).n for a, b in zip(rows["begins"], rows["ends"], strict=True)]
    )
    rows = rows.sort_values(["span", "begins", "tier"], kind="stable").groupby("span", sort=False).head(6)
    return rows[["period", "tier", "p_hit", "amount"]].head(MOST_ROWS).reset_index(drop=True)


def company_capacity(table: pd.DataFrame) -> pd.DataFrame:
    """Return the chart of capacity: the company's rows; `target` is what it still asks for."""
    own = table[table["level"] == "company"] if len(table) else table
    return own.assign(target=own["target"] - own["booked"]).head(MOST_ROWS).reset_index(drop=True)


def versions(plan: pd.DataFrame) -> pd.DataFrame:
    """Return the targets that were changed since they began: opening and current version."""
    columns = ["period", "level", "name", "measure", "tier", "opening", "amount", "versions", "valid_from"]
    if plan.empty:
        return plan.reindex(columns=columns)
    moved = plan[(plan["versions"] > 1) & ~plan["derived"].astype(bool)]
    return moved[columns].reset_index(drop=True)


def far(judged: pd.DataFrame) -> list[Sentence]:
    """Say what growth targets far ahead ask for."""
    told: list[Sentence] = []
    for row in judged[judged["verdict"] == "too_far"].head(MOST_FAR).to_dict("records"):
        values = {"scope": row["scope"], "amount": row["amount"], "growth": row["growth_needed"]}
        told.append(("goals.far" if math.isfinite(row["growth_needed"]) else "goals.far_few", values))
    return told
