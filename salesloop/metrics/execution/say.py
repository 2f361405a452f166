"""The sentences of the execution page: which message, with which values; and how its tables are shown."""

from __future__ import annotations

import pandas as pd

from salesloop.metrics.execution import warn
from salesloop.metrics.execution.pace import headline_row

Sentence = tuple[str, dict]
PACE = {"horizon": "word", "period": "period", "level": "word", "measure": "word", "target": "uom", "actual": "uom",
        "attainment": "percent", "elapsed_share": "percent", "gap": "points", "run_rate_needed": "uom", "run_rate": "uom",
        "linearity": "ratio", "n": "count"}  # fmt: skip
PACE_SHOWN = ("horizon", "level", "name", "measure", "target", "actual", "attainment", "elapsed_share", "gap",
              "run_rate_needed", "run_rate", "linearity", "n")  # fmt: skip
PACE_REPS = ("rep", "measure", "target", "actual", "attainment", "gap", "run_rate_needed", "run_rate", "n")
HYGIENE = {"rule": "word", "n": "count", "of": "count", "share": "percent", "amount": "money", "before": "count",
           "trend": "count"}  # fmt: skip
LISTED = {"rule": "word", "kind": "word", "amount": "money", "days": "days", "step": "word"}
LISTED_SHOWN = ("rule", "kind", "id", "name", "rep", "amount", "days", "step")
WARNINGS = {"rule": "word", "also": "count", "amount": "money", "days": "days", "step": "word"}
WARNINGS_SHOWN = ("id", "name", "rep", "rule", "also", "amount", "days", "stage", "step")
ACTIONS = {"topic": "word", "done": "count", "of": "count", "effect": "points", "effect_low": "points", "effect_high": "points",
           "verdict": "word", "problem": "word", "move": "word", "amount_won": "money", "due": "date"}  # fmt: skip
ACTIONS_SHOWN = ("id", "topic", "owner", "due", "move", "done", "of", "verdict", "effect", "effect_low", "effect_high",
                 "n_others", "amount_won", "problem")  # fmt: skip
PROPOSED = {"rule": "word", "expected_move": "word", "due": "date", "amount": "money"}
PROPOSED_SHOWN = ("id", "rule", "deal_set", "expected_move", "owner", "due", "amount", "carried")
ACTIVITY = {"type": "word", "planned": "count", "done_of_planned": "count", "share": "percent", "done": "count",
            "overdue": "count", "per_open_deal": "number", "per_key_account": "number", "before": "count",
            "change": "count"}  # fmt: skip
BY_REP = {"planned": "count", "done_of_planned": "count", "share": "percent", "done": "count", "overdue": "count",
          "n_open": "count", "per_open_deal": "number"}  # fmt: skip
UNTOUCHED = {"kind": "word", "amount": "money", "days": "days"}
TEAMS = {"team": "word", "period": "period", "elapsed_share": "percent", "target": "money", "actual": "money", "attainment": "percent", "gap": "points",
         "n_open_actions": "count", "n_done": "count", "n_proposed": "count", "n_warnings": "count", "amount": "money"}  # fmt: skip
SHEET = {
    "targets": ({"line": "word", "horizon": "word", "measure": "word", "target": "uom", "actual": "uom", "attainment": "percent",
                 "gap": "points", "run_rate_needed": "uom"},
                ("line", "horizon", "measure", "target", "actual", "attainment", "gap", "run_rate_needed")),
    "actions": ({"topic": "word", "move": "word", "due": "date", "done": "count", "of": "count", "verdict": "word"},
                ("id", "topic", "move", "owner", "due", "done", "of", "verdict")),
    "proposed": ({"rule": "word", "n_deals": "count", "expected_move": "word", "due": "date", "amount": "money"},
                 ("id", "rule", "n_deals", "expected_move", "owner", "due", "amount")),
    "warnings": ({"rule": "word", "also": "count", "amount": "money", "days": "days", "step": "word"},
                 ("deal", "rep", "rule", "also", "amount", "days", "stage", "step")),
}  # fmt: skip
SINCE_SHOWN = ("scope", "what", "before", "now", "change")
SINCE = {"what": "word", "scope": "word", "before": "uom", "now": "uom", "change": "change"}
LINEAR_UNEVEN = 0.6


def headline(pace: pd.DataFrame, found: pd.DataFrame) -> Sentence:
    """Say in one sentence whether the unit is on pace and how much money needs a hand."""
    row = headline_row(pace)
    risk = {"n": len(found), "amount": float(found["amount"].sum()) if len(found) else 0.0}
    if row is None:
        return "execution.headline_nothing", risk
    message, values = _pace_told(row, risk)
    return (message if len(found) else f"{message}_calm"), values


def _pace_told(row: pd.Series, risk: dict) -> Sentence:
    values = {"horizon": row["period"], "actual": row["actual"], "target": row["target"], **risk}
    if not row["target"] > 0:
        return "execution.headline_no_target", values
    if row["elapsed_share"] >= 1:
        return "execution.headline_closed", {**values, "attainment": row["attainment"]}
    side = "behind" if row["gap"] < -0.005 else "ahead" if row["gap"] > 0.005 else "on"
    return f"execution.headline_{side}", {**values, "attainment": row["attainment"], "elapsed": row["elapsed_share"],
                                         "gap": row["gap"]}  # fmt: skip


def pace(table: pd.DataFrame, months: int) -> list[Sentence]:
    """Say what the curve rests on, which targets are missing, and what rate is still needed."""
    curve = "season" if months >= 24 else "days"
    told: list[Sentence] = [(f"execution.curve_{curve}", {"n": months})]
    aimed = table[table["target"] > 0] if len(table) else table
    if aimed.empty:
        return [*told, ("execution.no_targets", {})]
    row = headline_row(table)
    if row is not None and row["run_rate_needed"] == row["run_rate_needed"] and row["run_rate_needed"] > 0:
        told.append(
            (
                "execution.run_rate",
                {"horizon": row["period"], "needed": row["run_rate_needed"], "rate": row["run_rate"]},
            )
        )
    if row is not None and row["linearity"] > LINEAR_UNEVEN:
        told.append(("execution.uneven", {"gini": row["linearity"]}))
    teams = aimed[(aimed["level"] == "team") & (aimed["measure"] == "bookings") & (aimed["horizon"] == "month")]
    if len(teams):
        told.append(("execution.teams", {"behind": int((teams["gap"] < 0).sum()), "of": len(teams)}))
    return told


def activity(table: pd.DataFrame, quiet: pd.DataFrame, *, dated: bool) -> list[Sentence]:
    """Say how much of what was planned was done and how many deals and key accounts nobody touched."""
    if table.empty:
        told: list[Sentence] = [("execution.no_activities", {})]
    else:
        row = table.set_index("type").loc["all"]
        key = "activity" if row["planned"] else "activity_unplanned"
        told = [(f"execution.{key}", {"planned": row["planned"], "kept": row["done_of_planned"], "share": row["share"],
                                      "done": row["done"], "before": row["before"], "overdue": row["overdue"]})]  # fmt: skip
    if not dated:
        return [*told, ("execution.untouched_unknown", {})]
    deals, accounts = quiet[quiet["kind"] == "deal"], quiet[quiet["kind"] == "account"]
    return [
        *told,
        ("execution.untouched", {"deals": len(deals), "amount": deals["amount"].sum(), "accounts": len(accounts)}),
    ]


def hygiene(table: pd.DataFrame, score: float, n: int) -> list[Sentence]:
    """Say how clean the open deals are, what costs most, and what cannot be judged."""
    if not n or score != score:
        told: list[Sentence] = [("execution.hygiene_unjudged" if n else "execution.hygiene_none", {"n": n})]
    else:
        told = [("execution.hygiene", {"score": score, "n": n})]
    worst = table[table["n"] > 0].sort_values("amount", ascending=False, kind="stable")
    if len(worst) and worst["amount"].iloc[0] > 0:
        row = worst.iloc[0]
        told.append(("execution.hygiene_worst", {"rule": row["rule"], "n": row["n"], "amount": row["amount"]}))
    blind = int(table["n"].isna().sum())
    if blind:
        told.append(("execution.hygiene_blind", {"n": blind, "of": len(table)}))
    return told


def warnings(found: pd.DataFrame) -> Sentence:
    """Say how many deals need a hand and how many of them are shown."""
    if found.empty:
        return "execution.warnings_none", {}
    shown = min(len(found), warn.SHOWN)
    top = found.head(shown)["amount"].sum()
    return "execution.warnings", {"n": len(found), "shown": shown, "amount": found["amount"].sum(), "top": top}


def actions(checked: pd.DataFrame) -> list[Sentence]:
    """Say what became of the actions, and what is wrong with those that cannot be measured."""
    if checked.empty:
        return [("execution.actions_none", {})]
    counts = checked["verdict"].value_counts()
    measurable = int(len(checked) - counts.get("not_measurable", 0))
    told: list[Sentence] = [("execution.actions", {"n": len(checked), "measurable": measurable, "done": int(counts.get("done", 0)),
                             "running": int(counts.get("running", 0))})]  # fmt: skip
    for problem, group in checked.dropna(subset=["problem"]).groupby("problem", sort=True):
        told.append(
            (f"execution.problem_{problem}", {"n": len(group), "ids": ", ".join(group["id"].astype(str).head(8))})
        )
    return told


def proposed(table: pd.DataFrame) -> Sentence:
    """Say what is worth agreeing for the next month."""
    if table.empty:
        return "execution.proposed_none", {}
    return "execution.proposed", {
        "n": len(table),
        "amount": table["amount"].sum(),
        "carried": int(table["carried"].notna().sum()),
    }


def since(changes: pd.DataFrame, day: str, *, inside: bool) -> list[Sentence]:
    """Say what moved since the look before, or that there was none."""
    if changes.empty:
        return [("execution.since_none", {})] if inside else []
    rows = changes.set_index(["what", "scope"])
    told: list[Sentence] = []
    if ("bookings", "company") in rows.index:
        told.append(("execution.since_bookings", {"day": day, "change": rows.loc[("bookings", "company"), "change"]}))
    if ("warnings_new", "company") in rows.index:
        told.append(("execution.since_warnings", {"day": day, "new": rows.loc[("warnings_new", "company"), "now"],
                                                  "gone": rows.loc[("warnings_gone", "company"), "now"]}))  # fmt: skip
    return told


def memberships(doubled: pd.DataFrame) -> list[Sentence]:
    """Name the reps who are in two teams at once."""
    if doubled.empty:
        return []
    return [
        (
            "execution.two_teams",
            {"n": doubled["rep"].nunique(), "names": ", ".join(sorted(doubled["rep"].unique())[:5])},
        )
    ]


def no_teams(table: pd.DataFrame) -> list[Sentence]:
    """Say where there is nothing to put on any team's sheet."""
    return [] if len(table) else [("execution.team_none", {})]
