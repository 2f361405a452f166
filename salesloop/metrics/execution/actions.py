"""Actions proved from the data: what was agreed, what the deals did since, and what is worth doing next."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from salesloop.metrics import intervals, measures
from salesloop.metrics.execution.moves import last_touch, moved, read_change, read_move, split_ids

YEAR, LEAST_SHARE, SHARE = 365, 20, "theme:"
"""Days that a share is held against, the least comments for either side, and how such a measure begins."""
CHECKED = (
    "id", "done", "of", "effect", "verdict", "effect_low", "effect_high", "n_others", "amount_won", "move", "problem",
    "unknown", "what", "owner", "due", "created", "deal_set", "left",
)  # fmt: skip


def check_actions(
    actions: pd.DataFrame, deals: pd.DataFrame, activities: pd.DataFrame, *, as_of: dt.date,
    shares: Mapping[str, pd.DataFrame] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return what became of each action, from the data and never from a tick.

    Parameters
    ----------
    actions : DataFrame
        The plan's ``id, what, deal_set, measure, expected_move, owner, due, created``.
    deals : DataFrame
        ``Book.deals()``.
    activities : DataFrame
        The canonical activities; may be empty.
    as_of : date
        The day of the check.
    shares : mapping of str to DataFrame, optional
        Measures that are shares of something, such as a theme of the comments, with their facts (``on, value, weight``). An
        action that names one is judged by it, whatever deals it names as well.

    Returns
    -------
    DataFrame
        ``id``; ``done`` deals of the set that moved as expected since the action was agreed, ``of`` deals found;
        ``effect`` the share done less the share of all other deals open on that day that did the same by themselves,
        with its 95 % interval ``effect_low, effect_high`` and ``n_others`` (deals chosen because they stood still
        are slower than others, so the effect errs on the low side; it is no proof of cause); for an action on a
        measure ``of`` is 1 and the effect is the relative change against the same number of days before; on a share it is
        the difference to the year before the action, with its 95 % interval, and ``done`` is undefined while chance alone
        could have brought it;
        ``verdict`` (done, partly, not_done, running, not_measurable); ``amount_won``; ``move``; ``problem`` (a
        word, or None); ``unknown`` (ids that name no deal); ``left`` (open deals of the set that did not move); the
        plan's own columns.

    Notes
    -----
    The interval of the difference is Newcombe's (1998, method 10).

    Examples
    --------
    >>> from salesloop.metrics.execution.examples import deals, activities
    >>> actions = pd.DataFrame({"id": ["a1"], "deal_set": ["D1;D2"], "expected_move": ["closed"], "measure": [None],
    ...     "what": "x", "owner": "Ann", "due": [pd.Timestamp("2026-10-31")], "created": [pd.Timestamp("2026-10-01")]})
    >>> found = check_actions(actions, deals(), activities(), as_of=dt.date(2026, 10, 31))
    >>> found[["id", "done", "of", "verdict"]].to_dict("records")
    [{'id': 'a1', 'done': 1.0, 'of': 2, 'verdict': 'partly'}]
    """
    day = pd.Timestamp(as_of)
    touched = last_touch(deals, activities, as_of=day)
    known = dict(shares or {})
    rows = [_checked(row, deals, activities, touched, day, known) for row in actions.itertuples(index=False)]
    frame = pd.DataFrame(rows, columns=list(CHECKED))
    numbers = ("done", "effect", "effect_low", "effect_high", "amount_won")
    return frame.astype(dict.fromkeys(numbers, "float64") | {"of": "int64", "n_others": "int64"})


def _checked(
    row,
    deals: pd.DataFrame,
    activities: pd.DataFrame,
    touched: pd.Series,
    day: pd.Timestamp,
    shares: Mapping[str, pd.DataFrame],
) -> dict:
    ids, since = split_ids(row.deal_set), row.created
    base = {
        "id": row.id,
        "deal_set": row.deal_set,
        "what": row.what,
        "owner": row.owner,
        "due": row.due,
        "created": row.created,
    }
    problem = _problem(row, ids)
    made: dict[str, Any] = {"done": np.nan, "of": 0, "effect": np.nan, "effect_low": np.nan, "effect_high": np.nan, "n_others": 0,
            "amount_won": np.nan, "move": read_move(row.expected_move), "unknown": "", "left": ""}  # fmt: skip
    if problem not in ("no_deals", "no_created"):
        measure = str(row.measure).strip()
        if measure in shares:
            made |= _of_share(row, shares[measure], day)
        elif ids and not measure.startswith(SHARE):
            made |= _of_deals(ids, row, deals, touched, day)
        else:
            made |= _of_measure(row, deals, activities, day)
        problem = problem or made.pop("trouble", None)
    made.pop("trouble", None)
    late = pd.notna(row.due) and row.due <= day
    return {**base, **made, "problem": problem, "verdict": _verdict(made["done"], made["of"], late or pd.isna(since))}


def _problem(row, ids: list[str]) -> str | None:
    """Return what is wrong with an action as written, None if nothing."""
    if not ids and not _has(row.measure):
        return "no_deals"
    if pd.isna(row.created):
        return "no_created"
    if pd.isna(row.due):
        return "no_due"
    return "due_before_created" if row.due < row.created else None


def _has(value: object) -> bool:
    return value is not None and value == value and str(value).strip() != ""


def _verdict(done: float, of: int, late: bool) -> str:
    if of and done >= of:
        return "done"
    if of and not late:
        return "running"
    if not of or np.isnan(done):
        return "not_measurable"
    return "partly" if done else "not_done"


def find_deals(ids: list[str], deals: pd.DataFrame) -> pd.Series:
    """Return which deals a list names: by id, and where no id fits by a name that only one deal has."""
    by_id = deals["opportunity_id"].isin(ids)
    rest = set(ids) - set(deals.loc[by_id, "opportunity_id"])
    names = deals["name"].astype(object)
    return by_id | (names.isin(rest) & ~names.duplicated(keep=False))


def _of_deals(ids: list[str], row, deals: pd.DataFrame, touched: pd.Series, day: pd.Timestamp) -> dict:
    chosen, move = find_deals(ids, deals), read_move(row.expected_move)
    did = moved(deals, move, since=row.created, as_of=day, touched=touched)
    known = set(deals.loc[chosen, "opportunity_id"]) | set(deals.loc[chosen, "name"])
    unknown = [name for name in ids if name not in known]
    n, done = int(chosen.sum()), int((did & chosen).sum())
    there = (deals["created_at"] < row.created) & ~(deals["closed_on"] < row.created) & ~chosen
    others, theirs = int(there.sum()), int((did & there).sum())
    effect, low, high = difference(done, n, theirs, others)
    won = chosen & (deals["status"] == "won") & (deals["closed_on"] >= row.created)
    left = deals.loc[chosen & ~did & (deals["status"] == "open"), "opportunity_id"]
    return {
        "left": ";".join(left), "done": done if n else np.nan, "of": n, "effect": effect, "effect_low": low, "effect_high": high,
        "n_others": others, "amount_won": deals.loc[won, "amount"].sum(), "unknown": ";".join(unknown),
        "trouble": "unknown_deals" if unknown else None,
    }  # fmt: skip


def _of_measure(row, deals: pd.DataFrame, activities: pd.DataFrame, day: pd.Timestamp) -> dict:
    """Compare a measure since the action with the same number of days before it."""
    measure, until = str(row.measure).strip(), min(day, row.due) if pd.notna(row.due) else day
    if measure not in (*measures.ADDITIVE, *measures.RATES) or measure in ("csat", "nps", "collected"):
        return {"trouble": "measure_unknown"}
    facts = measures.facts(measure, deals=deals, activities=activities)
    days = (until - row.created).days + 1
    if facts.empty or days < 1:
        return {"trouble": "measure_unknown" if facts.empty else None}
    after = _between(facts, measure, row.created, until)
    before = _between(facts, measure, row.created - pd.Timedelta(days=days), row.created - pd.Timedelta(days=1))
    change = after / before - 1 if before else float("nan")
    expected = read_change(row.expected_move)
    reached = change >= expected if np.copysign(1, expected) > 0 else change <= expected
    return {"done": np.nan if np.isnan(change) else float(reached), "of": 1, "effect": change, "move": "measure"}


def _of_share(row, facts: pd.DataFrame, day: pd.Timestamp) -> dict:
    """Compare a share since the action with the year before it; what chance alone could bring is no verdict."""
    until = min(day, row.due) if pd.notna(row.due) and row.due >= row.created else day
    after = facts[(facts["on"] >= row.created) & (facts["on"] <= until)]
    before = facts[(facts["on"] < row.created) & (facts["on"] >= row.created - pd.Timedelta(days=YEAR))]
    effect, low, high = difference(after["value"].sum(), len(after), before["value"].sum(), len(before))
    made = {
        "of": 1,
        "effect": effect,
        "effect_low": low,
        "effect_high": high,
        "n_others": len(before),
        "move": "measure",
    }
    if min(len(after), len(before)) < LEAST_SHARE:
        return {**made, "done": np.nan, "trouble": "few_comments"}
    expected = read_change(row.expected_move)
    if low <= 0 <= high:
        return {**made, "done": np.nan, "trouble": "within_chance"}
    base = before["value"].mean()
    change = effect / base if base else np.copysign(np.inf, effect)
    falls = np.copysign(1, expected) < 0
    return {**made, "done": float(change <= expected if falls else change >= expected)}


def _between(facts: pd.DataFrame, measure: str, first: pd.Timestamp, last: pd.Timestamp) -> float:
    chosen = facts[(facts["on"] >= first) & (facts["on"] <= last)]
    if measure in measures.RATES:
        return chosen["value"].sum() / chosen["weight"].sum() if len(chosen) else float("nan")
    return float(chosen["value"].sum())


def difference(hits: float, n: float, other_hits: float, other_n: float) -> tuple[float, float, float]:
    """Return the difference of two shares with its 95 % interval; NaN where a side is empty.

    Examples
    --------
    >>> [round(part, 4) for part in difference(56, 70, 48, 80)]
    [0.2, 0.0524, 0.3339]
    """
    if not n or not other_n:
        return (float("nan"),) * 3
    return (hits / n - other_hits / other_n, *intervals.share_change((hits, n), (other_hits, other_n)))
