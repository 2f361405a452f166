"""The sentences of page one: what came against what was promised, and what changed and why."""

from __future__ import annotations

import math

import pandas as pd

from salesloop.metrics.brief.numbers import odds
from salesloop.metrics.brief.parts import Parts, lead, table

Sentence = tuple[str, dict]
PROMISES = (
    "id", "kind", "made_in", "due", "scope", "measure", "promised", "low", "high", "actual", "error", "outcome", "n", "uom",
)  # fmt: skip
MOST_PROMISES, MOST_SENTENCES = 7, 6


def headline(parts: Parts, shown: pd.DataFrame, *, period: pd.Period, fiscal_start: int = 1) -> Sentence:
    """Return the one sentence of the month: bookings against target and forecast, and the odds of what lies ahead.

    Parameters
    ----------
    parts : mapping
        The stages' results.
    shown : DataFrame
        From `numbers`.
    period : Period
        The month.
    fiscal_start : int, default 1
        The month in which the fiscal year starts.
    """
    now = shown[shown["measure"] == "bookings"]
    if now.empty:
        return "brief.headline.nothing", {"period": str(period)}
    actual, target = float(now["value"].iloc[0]), now["target"].iloc[0]
    values: dict[str, object] = {"period": str(period), "actual": actual, "n": int(now["n"].iloc[0])}
    kind = ""
    if target is not None and pd.notna(target) and target > 0:
        kind += "t"
        values |= {"target": float(target), "share": actual / float(target)}
    verdict = against_forecast(parts, period)
    if verdict:
        kind, values = kind + "f", values | {"verdict": verdict}
    chance = odds(parts, period, fiscal_start)
    if chance is not None and chance["about"]:
        kind, values = kind + "o", values | {"p": chance["value"], "about": chance["about"]}
    return f"brief.headline.{kind or 'bare'}", values


def against_forecast(parts: Parts, period: pd.Period) -> str:
    """Return where the month came against its own forecast: inside_range, above_range, below_range; empty without one."""
    graded = table(parts, "review", "grades", PROMISES)
    own = graded[(graded["kind"] == "forecast") & (graded["scope"] == "company") & (graded["measure"] == "bookings")]
    own = own[(own["due"].astype(str) == str(period)) & own["outcome"].isin(["inside", "outside"])]
    if own.empty:
        return ""
    last = own.sort_values("made_in", kind="stable").iloc[-1]
    if last["outcome"] == "inside":
        return "inside_range"
    return "above_range" if last["actual"] > last["high"] else "below_range"


def promises(parts: Parts, most: int = MOST_PROMISES) -> pd.DataFrame:
    """Return the promises that page one shows, as the review chose them.

    Returns
    -------
    DataFrame
        Columns `PROMISES` and ``now``: what the plan has since put in the place of a target that was promised earlier, where
        that is another amount. The first edition is graded; the rest of the page speaks of the plan as it stands.
    """
    shown = table(parts, "review", "page_one", PROMISES)[list(PROMISES)].head(most).reset_index(drop=True)
    stated = table(parts, "goals", "targets", ("period", "level", "name", "measure", "tier", "amount"))
    stated = stated[stated["tier"].fillna("base").astype(str) == "base"]
    now = {
        (str(row.period), _scope(row.level, row.name), row.measure): row.amount
        for row in stated.itertuples(index=False)
    }
    found = [
        now.get((str(row.due), row.scope, row.measure), math.nan) if row.kind == "target" else math.nan
        for row in shown.itertuples(index=False)
    ]
    there = pd.Series(found, index=shown.index, dtype=float)
    return shown.assign(now=there.where((there - shown["promised"].astype(float)).abs() >= 0.005))


def _scope(level: object, name: object) -> str:
    return "company" if level == "company" else f"{level}:{name}"


def promises_sentences(parts: Parts) -> list[Sentence]:
    """Say how many promises fell due and how many were kept."""
    graded = table(parts, "review", "grades", PROMISES)
    if graded.empty:
        return []
    measurable = graded[graded["outcome"] != "not_measurable"]
    kept = int(graded["outcome"].isin(["met", "inside"]).sum())
    shown = len(promises(parts))
    values = {"n": len(graded), "kept": kept, "measurable": len(measurable), "shown": shown}
    return [("brief.promises.kept" if len(graded) <= shown else "brief.promises.kept_of", values)]


def changes(parts: Parts) -> pd.DataFrame:
    """Return the bridge that explains the change: from last month's forecast of the quarter to this month's.

    Returns
    -------
    DataFrame
        ``line, amount, total``; the lines between the two totals add up to their difference, to the cent.
    """
    bridge = table(parts, "forecast", "bridge", ("line", "amount"))
    bridge = bridge.assign(total=bridge["line"].isin(["start", "end"]))
    moved = bridge["total"] | (bridge["amount"].abs() >= 0.005)
    return bridge.loc[moved, ["line", "amount", "total"]].reset_index(drop=True)


def what_changed(parts: Parts, shown: pd.DataFrame) -> list[Sentence]:
    """Return the sentences that tell what changed and why, each from the stage that found it.

    The month against its reference first, then the error's largest part, the move of the forecast, and what the other
    stages lead with; at most `MOST_SENTENCES`.
    """
    told: list[Sentence] = [*_against_before(shown)]
    told += _of(parts, "review", ("review.split_high", "review.split_low"))
    told += _of(parts, "forecast", ("forecast.bridge",))
    for stage in ("bottlenecks", "kpi", "execution", "feedback", "whatif"):
        said = lead(parts.get(stage))
        told += [said] if said is not None and ".nothing" not in said[0] else []
    return told[:MOST_SENTENCES]


def _against_before(shown: pd.DataFrame) -> list[Sentence]:
    now = shown[shown["measure"] == "bookings"]
    if now.empty or now["change"].isna().iloc[0]:
        return []
    row = now.iloc[0]
    way = "noise" if row["verdict"] == "noise" else "up" if row["change"] > 0 else "down"
    before = float(row["value"]) - float(row["change"])
    share = abs(float(row["change"])) / before if before > 0 else math.nan
    values = {
        "change": abs(float(row["change"])),
        "against": row["against"],
        "before": before,
        "n": int(row["n"]),
        "share": share,
    }
    return [(f"brief.changes.{way}", values)]


def _of(parts: Parts, stage: str, ids: tuple[str, ...]) -> list[Sentence]:
    found = parts.get(stage)
    return [(one["id"], one["values"]) for one in found.sentences if one["id"] in ids] if found is not None else []
