"""What past changes did: the design that the data allow for each, one joint model, three verdicts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from salesloop.metrics.pipeline import stays
from salesloop.metrics.pipeline.model import open_moves
from salesloop.metrics.pipeline.steps import PER_MONTH
from salesloop.metrics.whatif import designs, units
from salesloop.metrics.whatif.designs import LEAST_AFTER, OF_STAGES, Past, design_of
from salesloop.metrics.whatif.estimators import Effect
from salesloop.metrics.whatif.rows import UNITS, Logged, read

COLUMNS = (
    "intervention", "what", "lever", "measure", "scope_kind", "scope", "start", "design", "estimand", "estimate", "low",
    "high", "p_value", "minimum_detectable", "placebo_p", "verdict", "why", "n",
)  # fmt: skip
ALPHA = 0.05
_SAME_DAYS = 31


def history(deals: pd.DataFrame, events: pd.DataFrame, stages: pd.DataFrame, *, as_of: dt.date) -> Past:
    """Return the history of deals as the models read it.

    Parameters
    ----------
    deals, events, stages : DataFrame
        ``Book.deals()`` and the canonical tables.
    as_of : date
        Nothing after it is read.
    """
    known = deals[deals["created_at"].notna()].drop_duplicates("opportunity_id")
    moves = stays.visits(known, open_moves(known, events, stages), as_of=as_of, staged=len(events) > 0)
    lived = stays.exposures(moves, as_of=as_of)
    month = lived["step"] // PER_MONTH
    day = np.array([4, 11, 19, 27])[lived["step"].to_numpy() % PER_MONTH]
    lived["on"] = pd.to_datetime(pd.DataFrame({"year": month // 12, "month": month % 12 + 1, "day": day}))
    lived = lived.merge(known.drop(columns=["stage"]), on="opportunity_id", how="left")
    lived["quarter"] = lived["on"].dt.to_period("Q").astype(str)
    left = lived["to"].notna()
    exits = lived[left & (lived["to"] != "void")].assign(hit=lambda f: (f["to"] != "lost").astype(float))
    new = known[known["type"] != "renewal"].assign(
        on=known["created_at"], quarter=known["created_at"].dt.to_period("Q").astype(str)
    )
    won = known[(known["status"] == "won") & (known["amount"] > 0) & known["closed_on"].notna()]
    won = won.assign(
        on=won["closed_on"], hit=np.log(won["amount"]), quarter=won["closed_on"].dt.to_period("Q").astype(str)
    )
    return Past(exits, lived.assign(hit=left.astype(float)), new, won, as_of)


def effects(interventions: pd.DataFrame, past: Past) -> pd.DataFrame:
    """Return what each logged change did, as far as the data can tell.

    Parameters
    ----------
    interventions : DataFrame
        The plan file: ``id, what, lever, applies_to_kind, applies_to, start, end`` and, where it has it, ``stage``.
        ``applies_to`` holds one value or several with a semicolon between them.
    past : Past
        From `history`.

    Returns
    -------
    DataFrame
        `COLUMNS`: ``measure`` (what the lever should move), ``design`` (see `designs.design_of`) and ``estimand``,
        ``estimate, low, high`` (relative change, 95 %), ``p_value, minimum_detectable, placebo_p``, ``verdict``
        (compatible, cannot_tell, cannot_test), ``why`` (what stands against a test), ``n`` (observations on the treated
        side).
    """
    rows = [_named(row, past.deals) for row in read(interventions)]
    why = {row.key: _obstacle(row, past) for row in rows}
    ready = [row for row in rows if not why[row.key]]
    design = {row.key: design_of(row, past) if not why[row.key] else "none" for row in rows}
    grouped = [row for row in ready if design[row.key] in ("did_few", "synthetic")]
    fits = {
        measure: designs.few(measure, [row.trial for row in grouped], past)
        for measure in sorted({row.measure for row in grouped if design[row.key] == "did_few"})
    }
    made = []
    for row in rows:
        others = [other for other in ready if other.key != row.key]
        told = (
            _untold(row, design[row.key], why[row.key])
            if why[row.key]
            else _told(row, design[row.key], others, grouped, fits, past)
        )
        made.append(told)
    table = pd.DataFrame(made, columns=list(COLUMNS))
    return table.assign(why=table["why"].astype(object).where(table["why"].astype(bool), None))


def _named(row: Logged, deals: pd.DataFrame) -> Logged:
    """Return a change for customers by their ids where the file has their names."""
    if row.kind != "account_id" or "account" not in deals or deals["account_id"].astype(str).isin(row.values).any():
        return row
    found = deals.loc[deals["account"].astype(str).isin(row.values), "account_id"].dropna().astype(str)
    return row if found.empty else Logged(**{**row.__dict__, "values": tuple(sorted(set(found)))})


def _obstacle(row: Logged, past: Past) -> str:
    """Return why a change cannot be tested at all; empty where it can be tried."""
    as_of = pd.Timestamp(past.as_of)
    if not row.lever:
        return "no_lever"
    if pd.isna(row.start):
        return "no_start"
    if row.start > as_of:
        return "not_begun"
    if pd.notna(row.end) and row.end < row.start:
        return "ends_first"
    if past.deals.empty:
        return "no_data"
    if row.everyone:
        return ""
    column, rows = row.kind, past.exits if row.kind == "stage" else past.deals
    if column not in rows or ((column == "stage" or row.stage) and row.measure not in OF_STAGES):
        return "nobody"
    if row.kind in UNITS and (row.stage or row.measure not in units.MEASURES):
        return "nobody"
    values = rows[column].dropna().astype(str)
    if not values.isin(row.values).any() or (row.stage and not row.trial.inside(past.exits).any()):
        return "nobody"
    if values.isin(row.values).all() and (len(values) == len(rows) or not designs.marked(row, past.deals)):
        return "no_comparison"
    return _timing(row, past)


def _timing(row: Logged, past: Past) -> str:
    months = (pd.Timestamp(past.as_of) - row.start).days / 30.4
    before = (row.start - past.deals["created_at"].min()).days / 30.4
    return "too_early" if months < 1 else "no_before" if before < LEAST_AFTER else ""


def _told(
    row: Logged,
    design: str,
    others: list[Logged],
    grouped: list[Logged],
    fits: dict[str, dict[str, Effect]],
    past: Past,
) -> dict[str, Any]:
    if design == "picked":
        return _picked(row, others, past)
    relative = _relative(row, past)
    rest = [other for other in (others if design in ("interrupted", "did_many") else grouped) if other.key != row.key]
    if design == "interrupted":
        company = [other for other in rest if other.everyone]
        found, before = designs.interrupted(row, past, company), designs.placebo(row, design, past, company)
    elif design == "did_many":
        found, before = designs.many(row, past, rest)
    elif design == "synthetic":
        found, before = designs.synthetic(row, past), designs.placebo(row, design, past, rest)
    else:
        found, before = fits[row.measure].get(row.key), designs.placebo(row, design, past, rest)
    same = any(_together(row, other) for other in others)
    if found is None or not np.isfinite(found.p_value) or (design == "interrupted" and same):
        return _untold(row, design, "overlapping" if same else "too_few")
    return _row(row, design, found, before, relative, f"{row.measure}_{'all' if row.everyone else 'new'}")


def _together(row: Logged, other: Logged) -> bool:
    """Return whether two changes came for the same at about the same time, so that nothing tells them apart."""
    same = (row.kind, set(row.values), row.stage, row.measure) == (
        other.kind,
        set(other.values),
        other.stage,
        other.measure,
    )
    return same and abs((row.start - other.start).days) < _SAME_DAYS


def _picked(row: Logged, others: list[Logged], past: Past) -> dict[str, Any]:
    told = units.compare(
        row, past.deals, [one for one in others if one.kind == row.kind], as_of=pd.Timestamp(past.as_of)
    )
    if told.effect is None:
        return _untold(row, told.design, told.why)
    return _row(row, told.design, told.effect, told.placebo_p, lambda x: float(np.expm1(x)), f"{row.measure}_units")


def _row(
    row: Logged, design: str, found: Effect, placebo: float, to: Callable[[float], float], estimand: str
) -> dict[str, Any]:
    made = _untold(row, design, "") | {
        "estimand": estimand, "placebo_p": placebo, "n": found.n, "p_value": found.p_value,
        "estimate": to(found.estimate), "low": to(found.low), "high": to(found.high), "minimum_detectable": to(found.minimum_detectable),
    }  # fmt: skip
    if placebo < ALPHA:
        return _untold(row, design, "placebo") | {"placebo_p": placebo, "estimand": estimand, "n": found.n}
    return made | {"verdict": "compatible" if found.p_value < ALPHA else "cannot_tell"}


def _untold(row: Logged, design: str, why: str) -> dict[str, Any]:
    return {
        "intervention": row.id, "what": row.what, "lever": row.lever or None, "measure": row.measure, "scope_kind": row.kind or "company",
        "scope": row.scope, "start": row.start, "design": design, "estimand": None, "why": why, "verdict": "cannot_test", "n": 0,
        **dict.fromkeys(("estimate", "low", "high", "p_value", "minimum_detectable", "placebo_p"), float("nan")),
    }  # fmt: skip


def _relative(row: Logged, past: Past) -> Callable[[float], float]:
    """Return how a log effect becomes a relative change: of the chance to win through all stages, or of the rate."""
    if row.measure != "win_chance":
        return lambda x: float(np.expm1(x))
    rows = past.exits if row.everyone else past.exits[row.trial.inside(past.exits)]
    shares = rows[rows["created_at"] < row.start].groupby("stage")["hit"].agg(["mean", "size"])
    shares = shares[shares["size"] >= 5]["mean"].clip(0.01, 0.99)
    odds = (shares / (1 - shares)).to_numpy() if len(shares) else np.array([1.0])
    base = float(np.prod(odds / (1 + odds)))
    return lambda x: float(np.prod(odds * np.exp(x) / (1 + odds * np.exp(x)))) / base - 1
