"""What has to be said of the plan itself: rows that cannot be taken, bases, parts that differ, changes, what cannot be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from salesloop.metrics.goals.ahead import LEAST_FACTS, LEAST_MONTHS
from salesloop.metrics.goals.ground import KNOWN, Ground, scope

Sentence = tuple[str, dict]
MOST_OWN, MOST_NAMED = 3, 3


def issues(found: pd.DataFrame) -> list[Sentence]:
    """Name each kind of row that could not be taken as it is, with how many there are and the first of them."""
    told: list[Sentence] = []
    for (issue, done), rows in found.groupby(["issue", "done"], sort=True) if len(found) else ():
        named = list(dict.fromkeys(rows["scope"]))
        suffix = "_expected" if done == "as_expected" else ""
        told.append((f"goals.issue.{issue}{suffix}", {"n": rows["id"].nunique(), "which": listed(named)}))
    return told or [("goals.issue_none", {})]


def listed(names: list[str]) -> str:
    """Return the first of some targets as one value of a sentence."""
    return ";".join(names[:MOST_NAMED]) + (";…" if len(names) > MOST_NAMED else "")


def growth(table: pd.DataFrame, ground: Ground) -> list[Sentence]:
    """Say what each growth target comes to, against which base."""
    told: list[Sentence] = []
    for row in table[table["amount"].notna()].head(MOST_OWN).to_dict("records"):
        values = {"scope": row["scope"], "growth": row["stated"], "base": row["base_label"], "base_amount": row["base_amount"],
                  "amount": row["amount"]}  # fmt: skip
        told.append((f"goals.growth{_in(row['uom'], ground)}", values))
    return told


def _in(uom: object, ground: Ground) -> str:
    """Return the ending of the message for a unit of measurement: none for money, else that of numbers or shares."""
    return "" if uom == ground.currency else "_share" if uom == "share" else "_n"


def unknown(judged: pd.DataFrame, ground: Ground) -> list[Sentence]:
    """Say of which measures the chance cannot be told, and why; of bookings only where the draws are missing."""
    told: list[Sentence] = []
    ahead = judged[judged["verdict"].isin(["cannot_tell", "not_measurable"]) & judged["amount"].notna()]
    for (measure, basis), rows in ahead.groupby(["measure", "basis"], sort=True):
        carried = basis == "unmeasured" and measure != "market_share" and ground.first_fact(measure) is not None
        if carried or measure not in (*KNOWN, "grr", "nrr", *ground.declared):
            continue
        kind = _unknown_kind(measure, basis, ground)
        needed = LEAST_FACTS if kind == "few_rate" else LEAST_MONTHS
        told.append(
            (
                f"goals.cannot_{kind}",
                {"measure": measure, "n": int(rows["n"].max()), "targets": len(rows), "needed": needed},
            )
        )
    return told


def _unknown_kind(measure: str, basis: str, ground: Ground) -> str:
    if measure in ("grr", "nrr"):
        return "retention"
    if measure == "market_share":
        return "market"
    if basis == "unmeasured":
        return "unmeasured"
    return "draws" if measure == "bookings" else "few_rate" if ground.is_rate(measure) else "few"


def mismatches(found: pd.DataFrame, ground: Ground) -> list[Sentence]:
    """Name where parts and whole differ, the company's and the largest first; and tiers in the wrong order."""
    if found.empty:
        return [("goals.parts_none", {})]
    told: list[Sentence] = []
    for row in found.head(MOST_NAMED + 1).to_dict("records"):
        kind = "tier" if row["parts_level"] == "tier" else "short" if row["difference"] < 0 else "over"
        values = {"scope": row["scope"], "n": row["n"], "level": row["parts_level"], "whole": row["whole"], "parts": row["parts"],
                  "difference": abs(row["difference"])}  # fmt: skip
        told.append((f"goals.part_{kind}{_in(row['uom'], ground).replace('_share', '_n')}", values))
    rest = len(found) - len(told)
    return [*told, ("goals.parts_more", {"n": rest})] if rest > 0 else told


def alone(judged: pd.DataFrame, ground: Ground) -> list[Sentence]:
    """Say which quarters and years ahead have no months of their own although others of the plan have."""
    own = judged[
        ~judged["derived"].fillna(False).astype(bool) & (judged["ends"] > str(ground.period)) & judged["amount"].notna()
    ]
    own = own[own["tier"] == "base"]
    single = set(own.loc[own["begins"] == own["ends"], "measure"])
    keys = {
        (row["level"], str(row["name"]), row["measure"], row["begins"])
        for row in own.to_dict("records")
        if row["begins"] == row["ends"]
    }
    bare = [
        row["scope"] for row in own.to_dict("records")
        if row["begins"] != row["ends"] and row["measure"] in single and not any(
            (row["level"], str(row["name"]), row["measure"], str(month)) in keys
            for month in pd.period_range(row["begins"], row["ends"], freq="M"))
    ]  # fmt: skip
    return [("goals.parts_alone", {"n": len(bare), "which": listed(bare)})] if bare else []


def changed(log: pd.DataFrame, ground: Ground) -> list[Sentence]:
    """Say how many targets were changed since they were first set, who made the last change and why."""
    if log.empty:
        return [("goals.versions_none", {})]
    told: list[Sentence] = [
        ("goals.versions", {"n": log["id"].nunique(), "changes": len(log), "hand": int((log["by"] == "by_hand").sum())})
    ]
    row = log.iloc[0].to_dict()
    values = {key: row[key] for key in ("scope", "old", "new", "by", "why")} | {"at": str(row["at"])[:10]}
    kind = "_hand" if row["by"] == "by_hand" else ""
    return [*told, (f"goals.last_change{kind}{_in(row['uom'], ground)}", values)]


def rejected(rows: Sequence[Mapping]) -> list[Sentence]:
    """Name the rows of the plan files of targets and market sizes that the import set aside, by file and reason.

    Parameters
    ----------
    rows : sequence of mapping
        What the freeze noted: ``table, file, row, rule, record``.
    """
    groups: dict[tuple[str, str], list[Mapping]] = {}
    for row in rows:
        if row["table"] in ("targets", "market"):
            groups.setdefault((str(row["file"]), str(row["rule"])), []).append(row)
    told: list[Sentence] = []
    for (file, rule), own in sorted(groups.items()):
        which = [scope(_AS_TARGET | row["record"]) for row in own]
        places = ", ".join(str(row["row"]) for row in own[:MOST_PLACES]) + (" …" if len(own) > MOST_PLACES else "")
        told.append(
            ("goals.rejected", {"file": file, "rule": rule, "n": len(own), "rows": places, "which": listed(which)})
        )
    return told


def unrated(rows: Sequence[Mapping]) -> list[Sentence]:
    """Say which deals have a currency without a rate, so that their amounts count nowhere.

    Parameters
    ----------
    rows : sequence of mapping
        What the freeze noted: ``currency, n, amount`` (as the source has it).
    """
    return [
        ("goals.unrated", {"currency": row["currency"], "n": int(row["n"]), "amount": float(row["amount"])})
        for row in rows
    ]


MOST_PLACES = 8
_AS_TARGET = {"period": "", "level": "", "name": None, "measure": "", "tier": ""}
