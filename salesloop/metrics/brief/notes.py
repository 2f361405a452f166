"""The notes of page one: what the loop has gained so far, what it cannot prove yet, which data are missing."""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd

Sentence = tuple[str, dict]
GAINS = {"what": "word", "n": "count", "with_loop": "percent", "without": "percent"}
PROVEN_MONTHS, LEAST_GRADED = 24, 4
MISSING = (
    ("targets", "no_targets"), ("stage_events", "no_events"), ("activities", "no_activities"),
    ("feedback", "no_feedback"), ("forecast_calls", "no_calls"), ("memberships", "no_teams"),
)  # fmt: skip


def gains(errors: pd.DataFrame, calls: pd.DataFrame) -> pd.DataFrame:
    """Return the error of what the loop has learned beside the error without it, over the months it was in force.

    Parameters
    ----------
    errors : DataFrame
        Forecasts one month ahead of the months whose run used learned weights: ``made_in, method`` (learned, equal),
        ``forecast, actual``.
    calls : DataFrame
        People's calls of the months whose run held a correction: ``made_in, method`` (corrected, raw), ``forecast, actual``.

    Returns
    -------
    DataFrame
        ``what`` (weights, calls), ``n`` (months), ``with_loop``, ``without`` (WAPE, shares).
    """
    rows = []
    for what, frame, ours, plain in (("weights", errors, "learned", "equal"), ("calls", calls, "corrected", "raw")):
        n = int(frame.loc[frame["method"] == ours, "made_in"].nunique()) if len(frame) else 0
        rows.append({"what": what, "n": n, "with_loop": _wape(frame, ours), "without": _wape(frame, plain)})
    return pd.DataFrame(rows)


def _wape(frame: pd.DataFrame, method: str) -> float:
    own = frame[frame["method"] == method] if len(frame) else frame
    total = own["actual"].abs().sum() if len(own) else 0.0
    return float((own["forecast"] - own["actual"]).abs().sum() / total) if total else math.nan


def notes(
    gained: pd.DataFrame, *, graded_months: int, has: Callable[[str], bool], simulation: bool, losses: bool = True
) -> list[Sentence]:
    """Return the notes of page one, a sentence each.

    Parameters
    ----------
    gained : DataFrame
        From `gains`.
    graded_months : int
        Months whose forecast was graded so far.
    has : callable
        Whether the period holds a table at all.
    simulation : bool
        Whether the unit is made up and decides by itself.
    losses : bool, default True
        Whether the data hold lost deals (`measures.losses_known`).
    """
    told: list[Sentence] = []
    for row in gained.itertuples():
        if row.n >= LEAST_GRADED and not math.isnan(row.with_loop) and not math.isnan(row.without):
            told.append((f"brief.note.gain_{row.what}", {"n": row.n, "with": row.with_loop, "without": row.without}))
        else:
            told.append((f"brief.note.gain_{row.what}_few", {"n": row.n, "least": LEAST_GRADED}))
    if graded_months < PROVEN_MONTHS:
        told.append(("brief.note.unproven", {"n": graded_months, "need": PROVEN_MONTHS}))
    told += [(f"brief.note.{message}", {}) for name, message in MISSING if not has(name)]
    told += [] if losses else [("brief.note.no_losses", {})]
    return [*told, ("brief.note.simulation", {})] if simulation else told
