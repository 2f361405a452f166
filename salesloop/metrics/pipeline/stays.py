"""From deals and their history to what each open deal did in each step: the rows that the model learns from."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from salesloop.metrics.pipeline.steps import last_step, step_of

OPEN = "open"
ENDS = ("won", "lost", "void")
TOP_AGE = 26


def visits(deals: pd.DataFrame, events: pd.DataFrame, *, as_of: dt.date, staged: bool = True) -> pd.DataFrame:
    """Return where each deal stood at the end of each step in which it moved.

    Parameters
    ----------
    deals : DataFrame
        ``opportunity_id, status, stage, created_at, closed_on``; deals without a created date are left out.
    events : DataFrame
        ``opportunity_id, at, from_stage, to_stage``.
    as_of : date
        Nothing after it is read.
    staged : bool, default True
        False takes all open stages as one state, for data without a stage history.

    Returns
    -------
    DataFrame
        ``opportunity_id, step, state`` in order: the state at the step's end, an open stage or won, lost, void; one
        row per move.

    Examples
    --------
    >>> deals = pd.DataFrame({"opportunity_id": ["a"], "status": ["won"], "stage": ["won"],
    ...     "created_at": pd.to_datetime(["2026-01-02"]), "closed_on": pd.to_datetime(["2026-02-20"])})
    >>> events = pd.DataFrame(columns=["opportunity_id", "at", "from_stage", "to_stage"])
    >>> visits(deals, events, as_of=dt.date(2026, 2, 28))[["step", "state"]].values.tolist()
    [[97248, 'open'], [97254, 'won']]
    """
    last = last_step(as_of)
    deals = deals[deals["created_at"].notna() & (step_of(deals["created_at"]) <= last)]
    moves = [_begun(deals, events, staged), _moved(deals, events, staged), _ended(deals)]
    made = pd.concat(moves, ignore_index=True)
    made = made[(made["step"] >= 0) & (made["step"] <= last)]
    made = made.sort_values(["opportunity_id", "step", "order", "at"], kind="stable")
    made = made.drop_duplicates(["opportunity_id", "step"], keep="last")
    same = (made["opportunity_id"] == made["opportunity_id"].shift()) & (made["state"] == made["state"].shift())
    return made.loc[~same, ["opportunity_id", "step", "state"]].reset_index(drop=True)


def _begun(deals: pd.DataFrame, events: pd.DataFrame, staged: bool) -> pd.DataFrame:
    state = pd.Series(OPEN, index=deals.index)
    if staged:
        first = events.sort_values("at", kind="stable").drop_duplicates("opportunity_id").set_index("opportunity_id")
        begun = first["from_stage"].where(first["from_stage"].notna(), first["to_stage"])
        state = deals["opportunity_id"].map(begun)
        usual = begun.value_counts()
        state = state.where(state.notna(), deals["stage"].where(deals["status"] == OPEN))
        state = state.fillna(usual.index[0] if len(usual) else OPEN)
    return pd.DataFrame({"opportunity_id": deals["opportunity_id"], "step": step_of(deals["created_at"]), "at": deals["created_at"],
                         "state": state, "order": 0})  # fmt: skip


def _moved(deals: pd.DataFrame, events: pd.DataFrame, staged: bool) -> pd.DataFrame:
    events = (
        events[events["opportunity_id"].isin(deals["opportunity_id"]) & events["at"].notna()] if staged else events[:0]
    )
    return pd.DataFrame({"opportunity_id": events["opportunity_id"], "step": step_of(events["at"]), "at": events["at"],
                         "state": events["to_stage"], "order": 1})  # fmt: skip


def _ended(deals: pd.DataFrame) -> pd.DataFrame:
    ended = deals[deals["status"].isin(ENDS) & deals["closed_on"].notna()]
    ends = np.maximum(step_of(ended["closed_on"]), step_of(ended["created_at"]))
    return pd.DataFrame({"opportunity_id": ended["opportunity_id"], "step": ends, "at": ended["closed_on"],
                         "state": ended["status"], "order": 2})  # fmt: skip


def exposures(moves: pd.DataFrame, *, as_of: dt.date) -> pd.DataFrame:
    """Return one row per deal and step begun open: what it was in, for how long, and where it went.

    Parameters
    ----------
    moves : DataFrame
        From `visits`.

    Returns
    -------
    DataFrame
        ``opportunity_id, stage, age`` (steps in the stage, 1 in the first one begun there, at most `TOP_AGE`),
        ``step, to`` (the state at the step's end where it left, else None).
    """
    following = moves.groupby("opportunity_id", sort=False)[["step", "state"]].shift(-1)
    stay = ~moves["state"].isin(ENDS)
    until = following["step"].fillna(last_step(as_of)).astype(np.int64)
    length = np.where(stay, np.maximum(until - moves["step"], 0), 0)
    row = np.repeat(np.arange(len(moves)), length)
    age = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length) + 1
    left = (age == length[row]) & following["state"].notna().to_numpy()[row]
    to = np.where(left, following["state"].to_numpy(dtype=object)[row], None)
    return pd.DataFrame({
        "opportunity_id": moves["opportunity_id"].to_numpy()[row], "stage": moves["state"].to_numpy(dtype=object)[row],
        "age": np.minimum(age, TOP_AGE), "step": moves["step"].to_numpy()[row] + age, "to": to,
    })  # fmt: skip
