"""Hygiene: how clean the pipeline is, rule by rule, with the money it concerns and the list."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from salesloop.metrics.execution.conditions import Rule, about, breaks, kept

LISTED = (
    "rule",
    "kind",
    "id",
    "name",
    "rep",
    "team",
    "region",
    "stage",
    "amount",
    "days",
    "step",
    "move",
    "warn",
    "act",
)
COUNTED = ("rule", "n", "of", "share", "amount", "before", "trend")


def violations(rules: list[Rule], prepared: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return every row that breaks a rule.

    Parameters
    ----------
    rules : list of Rule
        In order of urgency.
    prepared : mapping of str to DataFrame
        ``deals``, ``accounts``, ``leads``, ``activities`` as `features` makes them.

    Returns
    -------
    DataFrame
        ``rule, kind, id, name, rep, team, region, stage, amount, days, step, move, warn, act``; rules in order,
        most money first.
    """
    parts = [_broken(rule, prepared[rule.table]) for rule in rules if rule.table in prepared]
    parts = [part for part in parts if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else _none()


def _none() -> pd.DataFrame:
    return pd.DataFrame({column: pd.Series(dtype="float64" if column in ("amount", "days") else "object")
                         for column in LISTED})  # fmt: skip


def _broken(rule: Rule, frame: pd.DataFrame) -> pd.DataFrame:
    if not kept(rule, frame):
        return _none()
    rows = frame[breaks(rule, frame)]
    made = pd.DataFrame({c: rows.get(c) for c in ("kind", "id", "name", "rep", "team", "region", "stage")})
    made["rule"], made["step"], made["move"], made["warn"], made["act"] = (
        rule.name, rule.step, rule.move, rule.warn, rule.act
    )  # fmt: skip
    made["amount"] = rows.get("amount", np.nan)
    made["days"] = rows[rule.days] if rule.days and rule.days in rows else np.nan
    made = made.sort_values(["amount", "id"], ascending=[False, True], kind="stable")
    return made[list(LISTED)].astype({"amount": "float64", "days": "float64"})


def hygiene(
    rules: list[Rule], prepared: Mapping[str, pd.DataFrame], broken: pd.DataFrame, before: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return how many rows break each rule.

    Parameters
    ----------
    rules, prepared
        As for `violations`.
    broken : DataFrame
        From `violations`.
    before : DataFrame, optional
        The same table of the period before.

    Returns
    -------
    DataFrame
        ``rule``; ``n`` rows that break it (NaN: the source does not keep what the rule asks about), ``of`` rows it
        is about, ``share``, ``amount`` they concern, ``before`` (n a period ago) and ``trend`` (n less before).
    """
    old = before.set_index("rule")["n"] if before is not None and len(before) else pd.Series(dtype="float64")
    sums = (
        broken.groupby("rule")["amount"].agg(["size", "sum"]) if len(broken) else pd.DataFrame(columns=["size", "sum"])
    )
    rows = []
    for rule in rules:
        frame = prepared.get(rule.table, pd.DataFrame())
        judged = rule.table in prepared and kept(rule, frame)
        of = int(about(rule, frame).sum()) if judged else 0
        n = float(sums["size"].get(rule.name, 0)) if judged else np.nan
        was = float(old.get(rule.name, np.nan))
        rows.append((rule.name, n, of, n / of if of else np.nan, float(sums["sum"].get(rule.name, 0.0)) if judged else np.nan,
                     was, n - was))  # fmt: skip
    return pd.DataFrame(rows, columns=list(COUNTED))


def score(deals: pd.DataFrame, broken: pd.DataFrame, rules: list[Rule]) -> tuple[float, int]:
    """Return the share of open deals that break no rule, and how many open deals there are.

    Parameters
    ----------
    deals : DataFrame
        Prepared deals.
    broken : DataFrame
        From `violations`.
    rules : list of Rule
        The rules; where none about deals can be judged, the share is undefined.
    """
    live = deals.loc[deals["status"] == "open", "opportunity_id"]
    if live.empty or not any(rule.table == "deals" and kept(rule, deals) for rule in rules):
        return float("nan"), len(live)
    return float(1 - live.isin(broken.loc[broken["kind"] == "deal", "id"]).mean()), len(live)


def for_figure(table: pd.DataFrame, most: int = 10) -> pd.DataFrame:
    """Return the rules that hold most open money, for the figure: ``rule, n, amount``."""
    held = table[(table["n"] > 0) & (table["amount"] > 0)].sort_values("amount", ascending=False, kind="stable")
    return held.head(most)[["rule", "n", "amount"]].reset_index(drop=True)
