"""From deals and their history to what each open deal did in each step: the rows that the model learns from."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from salesloop.metrics.pipeline.coded import matched, together
from salesloop.metrics.pipeline.steps import last_step, step_of

OPEN = "open"
ENDS = ("won", "lost", "void")
TOP_AGE = 26


@dataclass(frozen=True)
class Moves:
    """Where each deal stood at the end of each step in which it moved, in codes: a row a move, in order of deal and step.

    Attributes
    ----------
    deal, step, state : ndarray of int
        The deal's row in the table that they were made from, the step, a place in `names`.
    names : list of str
        The states; an open stage, or won, lost, void.
    """

    deal: np.ndarray
    step: np.ndarray
    state: np.ndarray
    names: list[str]

    @property
    def ended(self) -> np.ndarray:
        """Which moves end the deal."""
        return np.isin(self.names, ENDS)[self.state] if self.names else np.zeros(0, dtype=bool)

    @property
    def closing(self) -> np.ndarray:
        """Which moves close their deal for good, as far as is known."""
        return self.ended & self.last

    @property
    def first(self) -> np.ndarray:
        """Which moves are their deal's first."""
        return np.diff(self.deal, prepend=-1) != 0

    @property
    def last(self) -> np.ndarray:
        """Which moves are their deal's last so far."""
        return np.diff(self.deal, append=-1) != 0


@dataclass(frozen=True)
class Lived:
    """Steps begun open, in codes: a row a deal and step.

    Attributes
    ----------
    move : ndarray of int
        The move that the stay began with.
    age, step : ndarray of int
        Steps in the stage (1 in the first one begun there, at most `TOP_AGE`), and which step it is.
    to : ndarray of int
        The state at the step's end where it left, else -1.
    """

    move: np.ndarray
    age: np.ndarray
    step: np.ndarray
    to: np.ndarray


def rows_of(deals: pd.DataFrame, ids: pd.Series) -> np.ndarray:
    """Return the row of each deal named, the first one where a deal stands twice, -1 for one that is not there."""
    (own, asked), n = matched(deals["opportunity_id"], ids)
    first = np.full(n + 1, -1)
    first[own[::-1]] = np.arange(len(own))[::-1]
    first[-1] = -1
    return first[asked]


def coded_visits(deals: pd.DataFrame, events: pd.DataFrame, *, as_of: dt.date, staged: bool = True) -> Moves:
    """Return what `visits` returns, in codes: quick, for what is fitted many times."""
    last, created = last_step(as_of), step_of(deals["created_at"])
    events = events if staged else events[:0]
    row = rows_of(deals, events["opportunity_id"])
    usable = (row >= 0) & events["at"].notna().to_numpy()
    events, row = events[usable], row[usable]
    usually = pd.Series([OPEN], dtype=deals["status"].dtype)
    (status, stage, source, target, usual), names = together(
        deals["status"], deals["stage"], events["from_stage"], events["to_stage"], usually
    )
    n, m, usual = len(deals), len(events), usual[0]
    ended = np.flatnonzero(deals["status"].isin(ENDS).to_numpy() & deals["closed_on"].notna().to_numpy())
    at = events["at"].to_numpy().astype("datetime64[us]").astype(np.int64)
    begun = (
        _begun(row, at, source, target, np.where(status == usual, stage, -1), usual) if staged else np.full(n, usual)
    )
    closed = np.maximum(step_of(deals["closed_on"])[ended], created[ended])
    deal = np.concatenate([np.arange(n), row, ended])
    step = np.concatenate([created, step_of(events["at"]), closed])
    state = np.concatenate([begun, target, status[ended]])
    order = np.repeat([0, 1, 2], [n, m, len(ended)])
    keep = (created >= 0)[deal] & (created <= last)[deal] & (step >= 0) & (step <= last)
    place = np.concatenate([np.zeros(n, dtype=np.int64), at, np.zeros(len(ended), dtype=np.int64)])
    ids = deals["opportunity_id"]
    ids = ids.array.codes if isinstance(ids.dtype, pd.CategoricalDtype) else ids.to_numpy(dtype=object)
    rank = np.argsort(np.argsort(ids, kind="stable"), kind="stable")
    by = np.lexsort((place, order, step, rank[deal]))
    by = by[keep[by]]
    deal, step, state = deal[by], step[by], state[by]
    final = (np.diff(deal, append=-1) != 0) | (np.diff(step, append=-1) != 0)
    deal, step, state = deal[final], step[final], state[final]
    new = (np.diff(deal, prepend=-1) != 0) | (np.diff(state, prepend=-1) != 0)
    return Moves(deal[new], step[new], state[new], [str(name) for name in names])


def _begun(row, at, source, target, open_stage, usual) -> np.ndarray:
    """Return the state each deal begins in: where its first event comes from, else its stage while open, else the usual one."""
    by = np.lexsort((at, row))
    first = by[np.diff(row[by], prepend=-1) != 0]
    begun = np.where(source[first] >= 0, source[first], target[first])
    found = open_stage.copy()
    found[row[first]] = begun
    begun = begun[begun >= 0]
    return np.where(found >= 0, found, np.bincount(begun).argmax() if len(begun) else usual)


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
    made = coded_visits(deals, events, as_of=as_of, staged=staged)
    ids = deals["opportunity_id"].to_numpy(dtype=object)[made.deal]
    state = np.array(made.names, dtype=object)[made.state]
    return pd.DataFrame({"opportunity_id": ids, "step": made.step, "state": state})


def coded_exposures(moves: Moves, *, as_of: dt.date, since: int | None = None) -> Lived:
    """Return what `exposures` returns, in codes.

    Parameters
    ----------
    since : int, optional
        Steps before it are left out.
    """
    until = np.where(moves.last, last_step(as_of), np.append(moves.step[1:], 0))
    length = np.where(moves.ended, 0, np.maximum(until - moves.step, 0))
    row = np.repeat(np.arange(len(length)), length)
    age = np.arange(len(row)) - np.repeat(np.cumsum(length) - length, length) + 1
    left = (age == length[row]) & ~moves.last[row]
    to = np.where(left, np.append(moves.state[1:], -1)[row], -1)
    step = moves.step[row] + age
    kept = slice(None) if since is None else step >= since
    return Lived(row[kept], np.minimum(age, TOP_AGE)[kept], step[kept], to[kept])


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
    deal, state = pd.factorize(moves["opportunity_id"])[0], moves["state"].to_numpy(dtype=object)
    code, names = pd.factorize(state)
    lived = coded_exposures(Moves(deal, moves["step"].to_numpy(), code, list(names)), as_of=as_of)
    to = np.array([*names, None], dtype=object)[lived.to]
    return pd.DataFrame({
        "opportunity_id": moves["opportunity_id"].to_numpy()[lived.move], "stage": state[lived.move],
        "age": lived.age, "step": lived.step, "to": to,
    })  # fmt: skip
