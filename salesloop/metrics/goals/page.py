"""The tables that the page of the goals shows: few rows and columns, made of the full ones that the results keep."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salesloop import periods
from salesloop.metrics.goals.ground import Ground
from salesloop.metrics.goals.parts import METHODS

OVERVIEW = {
    "level": "word", "month_attained": "percent", "quarter_target": "money", "quarter_actual": "money",
    "quarter_expected": "money", "quarter_p": "chance", "quarter_verdict": "word", "year_target": "money",
    "year_expected": "money", "year_p": "chance",
}  # fmt: skip
OTHERS = {"scope": "scopes", "amount": "uom", "actual_to_date": "uom", "attainment": "percent", "baseline": "uom",
          "low": "uom", "high": "uom", "p_hit": "chance", "verdict": "word"}  # fmt: skip
NEEDS = {"scope": "scopes", "amount": "uom", "p_hit": "chance", "more_50": "change", "more_80": "change", "deals": "count",
         "pipeline": "money", "win_rate": "percent"}  # fmt: skip
SMART = {"scope": "scopes", "p_hit": "chance", **dict.fromkeys("SMART", "word"), "first": "word"}
PARTS = {"scope": "scopes", "parts_level": "word", "n": "count", "whole": "uom", "parts": "uom", "difference": "uom"}
SPLIT = {**dict.fromkeys(METHODS, "money"), **{f"p_{name}": "chance" for name in METHODS}}
CAPACITY = {"scope": "scopes", "target": "money", "booked": "money", "capacity": "money", "low": "money", "high": "money", "gap": "money",
            "gap_reps": "number", "gap_hires": "number", "reps": "count", "joining": "count", "leaving": "count", "n": "count"}  # fmt: skip
RECOVERY = {
    "scope": "scopes",
    "gap": "money",
    "weeks": "count",
    "pull_in": "money",
    "win_open": "money",
    "share": "percent",
}
CHANGES = {
    "scope": "scopes",
    "old": "uom",
    "new": "uom",
    "change": "percent",
    "at": "date",
    "by": "word",
    "why": "word",
}
ISSUES = {"scope": "scopes", "issue": "word", "done": "word", "amount": "number"}
GROWTH = {
    "scope": "scopes",
    "stated": "percent",
    "base_label": "period",
    "base_amount": "uom",
    "amount": "uom",
    "p_hit": "chance",
}


def columns(formats: dict[str, str]) -> list[str]:
    """Return the columns that a table of these formats shows, in order."""
    return list(formats)


def spans(ground: Ground) -> dict[str, str]:
    """Return the month that closed, and the quarter and the year that run or come next, as the plan writes them."""
    following = ground.ahead[0]
    return {"month": str(ground.period), "quarter": periods.quarter_label(following, ground.fiscal_start),
            "year": str(periods.fiscal_year(following, ground.fiscal_start))}  # fmt: skip


def overview(
    judged: pd.DataFrame, ground: Ground, levels: tuple[str, ...] = ("company", "region", "team")
) -> pd.DataFrame:
    """Return the bookings targets of the closed month, the quarter and the year, one row a scope.

    Parameters
    ----------
    judged : DataFrame
        From `judge.judge`.
    ground : Ground
        The unit's calendar.
    levels : tuple of str
        Whose rows; reps come in alphabetical order.

    Returns
    -------
    DataFrame
        ``level, name, month_attained``; of the quarter ``target, actual, expected, p, verdict``; of the year ``target,
        expected, p``. A region that holds one team alone stands as that team.
    """
    own = judged[(judged["measure"] == "bookings") & (judged["tier"] == "base") & judged["level"].isin(levels)]
    at = {key: _by_scope(own[own["period"] == label]) for key, label in spans(ground).items()}
    scopes = own[own["period"].isin(list(spans(ground).values()))][["level", "name"]].drop_duplicates()
    scopes = scopes.assign(rank=[levels.index(level) for level in scopes["level"]])
    scopes = scopes.sort_values(["rank", "name"], kind="stable", na_position="first")
    rows = []
    for level, name in zip(scopes["level"], scopes["name"], strict=True):
        told = {key: rows_of.get((level, str(name)), {}) for key, rows_of in at.items()}
        rows.append({"level": level, "name": name, "month_attained": told["month"].get("attainment", np.nan),
                     **{f"quarter_{new}": told["quarter"].get(old, np.nan) for new, old in _QUARTER.items()},
                     **{f"year_{new}": told["year"].get(old, np.nan) for new, old in _YEAR.items()}})  # fmt: skip
    return pd.DataFrame(rows, columns=["level", "name", *[column for column in OVERVIEW if column != "level"]])


_QUARTER = {"target": "amount", "actual": "actual_to_date", "expected": "baseline", "p": "p_hit", "verdict": "verdict"}
_YEAR = {"target": "amount", "expected": "baseline", "p": "p_hit"}


def _by_scope(rows: pd.DataFrame) -> dict[tuple[str, str], dict]:
    return {(row["level"], str(row["name"])): row for row in reversed(rows.to_dict("records"))}


def others(judged: pd.DataFrame, ground: Ground) -> pd.DataFrame:
    """Return the targets of company, regions and teams that the overview leaves out: other measures, tiers, and longer goals."""
    label = spans(ground)
    over = judged["ends"] == str(ground.period)
    long = pd.Series([len(str(period)) == 9 for period in judged["period"]], index=judged.index)
    own = judged[
        (judged["level"] != "rep")
        & (judged["period"].isin(list(label.values())) | over | long | (judged["ends"] == ""))
    ]
    plain = (own["measure"] == "bookings") & (own["tier"] == "base") & own["period"].isin(list(label.values()))
    return own[~plain].reset_index(drop=True)


def needs(table: pd.DataFrame, judged: pd.DataFrame, ground: Ground) -> pd.DataFrame:
    """Return what it would take, one row a target: base targets of the next month, the quarter and the year, reps left out.

    Returns
    -------
    DataFrame
        ``scope, uom, amount, p_hit, more_50, more_80``; for 80 % in bookings ``deals, pipeline, win_rate``.
    """
    periods_shown = [*spans(ground).values(), str(ground.ahead[0])]
    own = table[(table["level"] != "rep") & (table["tier"] == "base") & table["period"].isin(periods_shown)]
    amounts = judged.drop_duplicates("id").set_index("id")["amount"]
    half, most = own[own["aim"] == 0.5].set_index("id"), own[own["aim"] == 0.8].set_index("id")
    made = most.rename(columns={"amount": "more_80"}).join(half["amount"].rename("more_50"))
    made["amount"] = made.index.to_series().map(amounts)
    return made.reset_index()[["id", "uom", *NEEDS]]


def parts(gaps: pd.DataFrame) -> pd.DataFrame:
    """Return where parts and whole differ, the company first, then by the size of the difference."""
    level = gaps["scope"].str.split("|").str[1].map({"company": 0, "region": 1, "team": 2}).fillna(3)
    share = (gaps["difference"] / gaps["whole"].where(gaps["whole"] != 0)).abs()
    ordered = gaps.assign(rank=level, share=share).sort_values(
        ["rank", "share"], ascending=[True, False], kind="stable"
    )
    return ordered.drop(columns=["rank", "share"]).reset_index(drop=True)


def splits(table: pd.DataFrame) -> pd.DataFrame:
    """Return the splits with one row a name and one column a way, teams where there are several, else reps."""
    counts = table.groupby("level")["name"].nunique() if len(table) else pd.Series(dtype=int)
    level = "team" if counts.get("team", 0) > 1 else "rep"
    own = table[table["level"] == level]
    made = own.pivot_table(index="name", columns="method", values=["amount", "p_hit"], sort=True, observed=True)
    if made.empty:
        return pd.DataFrame(columns=["name", *SPLIT])
    made.columns = [method if value == "amount" else f"p_{method}" for value, method in made.columns]
    return made.reset_index()[["name", *SPLIT]]


def capacity(table: pd.DataFrame, ground: Ground) -> pd.DataFrame:
    """Return the company's capacity in each period ahead and the teams' in the quarter, else in the first period."""
    teams = table[table["level"] == "team"]
    label = spans(ground)["quarter"]
    ahead = teams["period"].iloc[0] if len(teams) else None
    quarters = [period for period in teams["period"] if "Q" in str(period)]
    chosen = label if (teams["period"] == label).any() else quarters[0] if quarters else ahead
    return pd.concat([table[table["level"] == "company"], teams[teams["period"] == chosen]], ignore_index=True)


def recovery(table: pd.DataFrame, judged: pd.DataFrame) -> pd.DataFrame:
    """Return the recovery with one row a target: what its open deals hold by line, and the gap's share of the two together."""
    scope = judged.drop_duplicates("id").set_index("id")["scope"]
    made = table.pivot_table(index=["id", "gap", "weeks"], columns="line", values="amount", sort=False, observed=True)
    made = made.reindex(columns=["pull_in", "win_open"]).reset_index()
    room = made["pull_in"] + made["win_open"]
    made["share"], made["scope"] = made["gap"] / room.where(room > 0), made["id"].map(scope)
    return made[["id", *RECOVERY]]


def growth(judged: pd.DataFrame, plan: pd.DataFrame, ground: Ground) -> pd.DataFrame:
    """Return the growth targets that are not over, with the base they are against and the amount they come to."""
    asked = set(plan.loc[plan["basis"] == "growth", "id"]) if len(plan) else set()
    open_ = (judged["ends"] > str(ground.period)) | (judged["ends"] == "")
    return judged[judged["id"].isin(asked) & open_].reset_index(drop=True)
