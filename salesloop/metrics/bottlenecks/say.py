"""The sentences of the bottlenecks: which message, with which values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from salesloop.metrics.bottlenecks.cells import ALL, Q
from salesloop.metrics.bottlenecks.lasting import BY_NATURE
from salesloop.metrics.bottlenecks.timing import CYCLE, PATTERNS

if TYPE_CHECKING:
    from salesloop.metrics.bottlenecks import Diagnosis

Sentence = tuple[str, dict]
FORMATS = {"segment_kind": "word", "segment": "word", "n": "count", "conversion": "percent", "low": "percent", "high": "percent", "p50_days": "days",
           "p75_days": "days", "p50_low": "days", "p50_high": "days", "p75_low": "days", "p75_high": "days", "excess_days": "days", "money": "money", "money_low": "money", "money_high": "money", "q_value": "ratio",
           "flagged": "word", "since": "period", "direction": "word", "nature": "word", "ratio": "ratio", "n_open": "count", "renewals": "money"}  # fmt: skip
SHOWN = ("stage", "segment_kind", "segment", "direction", "nature", "since", "money", "money_low", "money_high", "excess_days", "n_open",
         "flagged")  # fmt: skip
MOVES = ("stage", "segment_kind", "segment", "n", "conversion", "low", "high", "p50_days", "p50_low", "p50_high", "p75_days", "p75_low",
         "p75_high")  # fmt: skip
SLIPS = {"period": "period", "n": "count", "slipped": "count", "rate": "percent", "low": "percent", "high": "percent",
         "due_amount": "money", "slipped_amount": "money", "rate_value": "percent", "overdue": "count"}  # fmt: skip
PUSHED = {
    "pushes": "count",
    "n": "count",
    "closed": "count",
    "win_rate": "percent",
    "low": "percent",
    "high": "percent",
}
LIMITS = {"n_won": "count", "p75_days": "days"}
STALLED = {"days": "days", "limit_days": "days", "amount": "money", "reason": "word"}
LEADS = {"segment_kind": "word", "segment": "word", "n": "count", "converted": "count", "conversion": "percent", "low": "percent",
         "high": "percent", "response_hours": "number", "unanswered": "percent", "attempts": "count"}  # fmt: skip
VARIANTS = {"n": "count", "share": "percent", "closed": "count", "win_rate": "percent", "low": "percent", "high": "percent",
            "p50_days": "days", "amount": "money", "conforms": "word"}  # fmt: skip
CONDUCT = {"path": "word", "share": "percent", "n": "count", "closed": "count", "win_rate": "percent", "low": "percent", "high": "percent",
           "p50_days": "days", "amount": "money"}  # fmt: skip
TIMING = {"kind": "word", "level": "word", "n": "count", "win_rate": "percent", "low": "percent", "high": "percent", "q_value": "ratio",
          "flagged": "word"}  # fmt: skip
TIMING_SHOWN = ("kind", "level", "n", "win_rate", "low", "high", "flagged")
DRIVERS = {"kind": "word", "level": "word", "n": "count", "win_rate": "percent", "low": "percent", "high": "percent", "effect": "points",
           "effect_low": "points", "effect_high": "points", "q_value": "ratio", "told": "word"}  # fmt: skip
DRIVERS_SHOWN = ("kind", "level", "n", "win_rate", "low", "high", "effect", "effect_low", "effect_high", "told")
REASONS = {"kind": "word", "n": "count", "share": "percent"}
REASONS_SHOWN = ("name", "n", "share")
RIVALS = {"n": "count", "won": "count", "lost": "count", "win_rate": "percent", "low": "percent", "high": "percent"}
RIVALS_SHOWN = ("name", *RIVALS)
GAINS = {"kind": "word", "segment_kind": "word", "segment": "word", "n": "count", "rate": "percent", "low": "percent", "high": "percent", "money": "money",
         "money_low": "money", "money_high": "money", "told": "word"}  # fmt: skip
GAINS_SHOWN = ("kind", "segment", "n", "rate", "low", "high", "money", "money_low", "money_high", "told")
PROBLEMS = ("unknown_deal", "undated", "future", "doubled", "renamed", "unknown_stage", "before_creation", "after_closing",
            "out_of_order", "no_created", "no_event")  # fmt: skip
_FEW_MONTHS = 8


def headline(told: Diagnosis) -> Sentence:
    """Say the one thing: the most expensive bottleneck, or that none can be told from noise, or why none can be searched."""
    if not told.stays.staged:
        return "bottlenecks.dates.headline", {}
    if told.table.empty or told.found.months < _FEW_MONTHS:
        return "bottlenecks.few.headline", {"n": len(told.stays.table), "months": told.found.months}
    if told.flagged.empty and len(told.found.causes):
        return suspect(told.found.causes.iloc[0], ".headline")
    if told.flagged.empty:
        return "bottlenecks.none.headline", {"cells": len(told.table), "months": told.found.months}
    return cell(told.flagged.iloc[0], ".headline")


def cell(row: pd.Series, end: str = "") -> Sentence:
    """Say what is the matter with one cell, and what it costs."""
    where = "all" if row["segment_kind"] == ALL else "one"
    values = {
        "stage": row["stage"],
        "money": row["money"],
        "low": row["money_low"],
        "high": row["money_high"],
        "pace": pace(row),
    }
    values |= {"segment": row["segment"]} if where == "one" else {}
    values |= {"since": row["since"]} if row["nature"] == "change" else {}
    return f"bottlenecks.{row['nature']}_{row['direction']}_{where}{end}", values


def suspect(row: pd.Series, end: str = "") -> Sentence:
    """Say that a cell changed, though its money cannot be told from nothing, so that it is not flagged."""
    where = "all" if row["segment_kind"] == ALL else "one"
    values = {"stage": row["stage"], "since": row["since"], "pace": pace(row)}
    return f"bottlenecks.suspect_{row['direction']}_{where}{end}", values | (
        {"segment": row["segment"]} if where == "one" else {}
    )


def pace(row: pd.Series) -> float:
    """Return how far the pace is off its reference, as a share: fewer moves, or more losses."""
    return abs(1 - float(row["ratio"]))


def others(told: Diagnosis) -> list[Sentence]:
    """Say the further findings, one sentence each, and how much was looked at."""
    if not told.stays.staged:
        return [("bottlenecks.dates_missing", {})]
    rows = told.flagged.iloc[1:4]
    said: list[Sentence] = [cell(row) for _, row in rows.iterrows()]
    more = len(told.flagged) - 1 - len(rows)
    if more > 0:
        said.append(("bottlenecks.more", {"n": more}))
    if len(told.flagged) and np.isfinite(told.follow):
        follow = {"money": told.total()["value"] * told.follow, "rate": told.follow, "n": told.follow_n}
        said.append(("bottlenecks.follow", follow))
    said += traits(told.table)
    basis = {
        "n": told.stays.table["row"].nunique(),
        "cells": len(told.table),
        "small": told.found.small,
        "months": told.found.months,
    }
    return [*said, ("bottlenecks.basis", basis)]


def traits(table: pd.DataFrame) -> list[Sentence]:
    """Say which segments are slower or lose more in two stages or more all along, which is how they are and no bottleneck."""
    beyond = table[(table["nature"] == "lasting") & (table["q_value"] <= Q) & ~(table["own_q"] <= Q)]
    beyond = beyond[~beyond["segment_kind"].isin(BY_NATURE)]
    counts = (
        beyond.groupby(["direction", "segment"], sort=True)["stage"]
        .nunique()
        .sort_values(ascending=False, kind="stable")
    )
    return [
        (f"bottlenecks.trait_{way}", {"segment": name, "n": int(n)}) for (way, name), n in counts.items() if n >= 2
    ][:2]


def problems(told: Diagnosis) -> list[Sentence]:
    """Name what is wrong with the stage history, each with its count; say so where nothing is."""
    if not told.stays.staged:
        return []
    counts = dict(told.stays.problems.itertuples(index=False))
    said = [(f"bottlenecks.problem.{name}", {"n": counts[name]}) for name in PROBLEMS if counts.get(name)]
    return said or [("bottlenecks.problem_none", {})]


def slips(table: pd.DataFrame, risk: dict, again: dict) -> list[Sentence]:
    """Say how much slips, how often again, and what hangs on it next month."""
    said: list[Sentence] = []
    if risk["n"]:
        said.append(("bottlenecks.slips", {key: risk[key] for key in ("n", "rate", "low", "high", "due", "money")}))
    else:
        said.append(("bottlenecks.slips_none", {}))
    if again["n"] >= 10:
        said.append(("bottlenecks.again", dict(again)))
    if risk["overdue"]:
        said.append(("bottlenecks.overdue", {"n": risk["overdue"], "amount": risk["overdue_amount"]}))
    return said


def stalled(table: pd.DataFrame, limits: dict, staged: bool) -> Sentence:
    """Say how many open deals stand still, and with how much money."""
    if not staged:
        return "bottlenecks.stalled_dates", {}
    if not limits:
        return "bottlenecks.stalled_few", {}
    return "bottlenecks.stalled", {
        "n": len(table),
        "amount": table["amount"].sum(min_count=int(len(table) > 0)),
        "stages": len(limits),
    }


def leads(table: pd.DataFrame) -> list[Sentence]:
    """Say how many leads become deals, and what a quick answer goes with."""
    if table.empty:
        return [("bottlenecks.leads_none", {})]
    row = table.iloc[0]
    said: list[Sentence] = [("bottlenecks.leads", {key: row[key] for key in ("n", "conversion", "low", "high")})]
    if np.isfinite(row["response_hours"]):
        said.append(("bottlenecks.response", {"hours": row["response_hours"], "unanswered": row["unanswered"]}))
    bands = table[table["segment_kind"] == "response"]
    if len(bands) >= 2:
        quick, slow = bands.iloc[0], bands.iloc[-1]
        apart = quick["low"] > slow["high"] or slow["low"] > quick["high"]
        values = {"quick": quick["conversion"], "slow": slow["conversion"], "n_quick": quick["n"], "n_slow": slow["n"]}
        said.append((f"bottlenecks.response_{'apart' if apart else 'alike'}", values))
    return said


def paths(deals: pd.DataFrame, conduct: pd.DataFrame) -> list[Sentence]:
    """Say how many deals keep to the order, and how those that go back or skip do."""
    if deals.empty:
        return [("bottlenecks.paths_none", {})]
    rows = conduct.set_index("path")
    values = {"share": rows["share"]["straight"], "rework": rows["share"]["rework"], "skipped": rows["share"]["skipped"],
              "n": len(deals)}  # fmt: skip
    return [("bottlenecks.paths", values), handover(rows)]


def handover(rows: pd.DataFrame) -> Sentence:
    """Say how many deals changed hands and how these ended, against those that stayed with one rep."""
    if "kept" not in rows.index:
        return "bottlenecks.handover_none", {}
    kept = rows.loc["kept"]
    if "handed_over" not in rows.index:
        return "bottlenecks.handover_zero", {"n": kept["n"]}
    moved = rows.loc["handed_over"]
    apart = moved["low"] > kept["high"] or kept["low"] > moved["high"]
    values = {"n": moved["n"], "of": moved["n"] + kept["n"], "moved": moved["win_rate"], "low": moved["low"], "high": moved["high"],
              "kept": kept["win_rate"]}  # fmt: skip
    return f"bottlenecks.handover_{'apart' if apart else 'alike'}", values


def timing(table: pd.DataFrame, spread: dict) -> list[Sentence]:
    """Say which timing patterns stand out, and that no segment does where none does."""
    said: list[Sentence] = []
    if np.isfinite(spread["p50"]):
        said.append(("bottlenecks.cycle", dict(spread)))
    else:
        said.append(("bottlenecks.cycle_few", {"n": spread["n"]}))
    if table.empty:
        return [*said, ("bottlenecks.win_few", {})]
    for kind, few in (("month_in_quarter", 2), ("cycle_days", 2)):
        rows = table[(table["kind"] == kind)]
        if rows["flagged"].any() and len(rows) >= few:
            best, worst = rows.loc[rows["win_rate"].idxmax()], rows.loc[rows["win_rate"].idxmin()]
            said.append((f"bottlenecks.pattern_{kind}", {"best": f"level_{best['level']}", "high": best["win_rate"],
                         "worst": f"level_{worst['level']}", "low": worst["win_rate"], "n": int(rows["n"].sum())}))  # fmt: skip
    segments = table[~table["kind"].isin(PATTERNS)]
    flagged = int(segments["flagged"].sum())
    word = "some" if flagged else "none"
    return [*said, (f"bottlenecks.segments_{word}", {"n": flagged, "of": len(segments)})]


def drivers(table: pd.DataFrame, n: int, joint: bool) -> Sentence:
    """Say what goes with winning, and how far it can be told."""
    if table.empty:
        return "bottlenecks.drivers_few", {"n": n}
    told = int(table["told"].sum())
    return f"bottlenecks.drivers_{'joint' if joint else 'single'}", {"n": n, "told": told, "of": len(table)}


def reasons(table: pd.DataFrame, missing: dict) -> list[Sentence]:
    """Say what the reasons and competitors named rest on."""
    said: list[Sentence] = []
    for kind in ("loss_reason", "competitor"):
        part = table[table["kind"] == kind]
        if part.empty:
            said.append((f"bottlenecks.{kind}_none", {}))
        else:
            top = part.iloc[0]
            said.append(
                (
                    f"bottlenecks.{kind}",
                    {"name": top["name"], "n": top["n"], "share": top["share"], "missing": missing[kind]},
                )
            )
    return said


def gains(table: pd.DataFrame) -> list[Sentence]:
    """Say where the opportunity is, one sentence for the first of each kind that can be told."""
    told = table[table["told"]]
    if told.empty:
        return [("bottlenecks.gains_none", {"n": len(table)})]
    said = []
    for kind, part in told.groupby("kind", sort=True):
        row = part.iloc[0]
        values = {key: row[key] for key in ("segment", "n", "rate", "money", "money_low", "money_high")}
        first, _, second = str(row["segment"]).partition(" > ")
        values |= {"first": first, "second": second} if kind == "cross_sell" else {}
        said.append((f"bottlenecks.gain_{kind}", values))
    return said


def ranked(top: pd.DataFrame) -> pd.DataFrame:
    """Return the ranked figure's table: the priced cells, flagged ones first and most money first among each.

    Columns ``stage, segment_kind, segment, direction, money, money_low, money_high, flagged``.
    """
    priced = top[top["money"].notna()]
    return priced.sort_values(["flagged", "money"], ascending=False, kind="stable")[
        ["stage", "segment_kind", "segment", "direction", "money", "money_low", "money_high", "flagged"]
    ].reset_index(drop=True)


def patterns(table: pd.DataFrame) -> pd.DataFrame:
    """Return the timing figure's table: the levels of the timing patterns, in their natural order."""
    order = {name: place for place, name in enumerate(["m_1", "m_2", "m_3", *[name for *_, name in CYCLE]])}
    found = table[table["kind"].isin(PATTERNS)]
    return found.sort_values("level", key=lambda level: level.map(order), kind="stable").reset_index(drop=True)


def of_kind(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return the rows of one kind."""
    return table[table["kind"] == kind].reset_index(drop=True)
