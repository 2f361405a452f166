"""Which method forecasts each series of a panel: the weighted average, the stack where it has proved itself, or what little is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from salesloop.metrics.series import intervals, past, pool, stack, weights


@dataclass
class Chosen:
    """The forecasts, free of the calendar.

    Attributes
    ----------
    mean : ndarray
        Series by lead.
    method : ndarray
        stack, average, sparse, last_value or none, a series.
    errors : dict of str to ndarray
        ``series, end, lead, forecast, actual`` of the method in use at earlier ends.
    rolled : list
        The entrants' forecasts at each past end.
    weights : dict
        The panel's weights of the entrants by lead.
    notes : list of dict
        What was done.
    """

    mean: np.ndarray
    method: np.ndarray
    errors: dict[str, np.ndarray]
    rolled: list[dict[str, np.ndarray]]
    weights: dict[str, dict[str, float]]
    notes: list[dict] = field(default_factory=list)


def choose(
    flat: np.ndarray, pasts: list[past.Past], ids: list, horizon: int, *, period: int, non_negative: bool,
    given: Mapping[str, Mapping[str, float]] | None,
) -> Chosen:  # fmt: skip
    """Return the mean of each series with its method, and the errors that this method would have made.

    Parameters
    ----------
    flat : ndarray
        Series by month, calendar and level breaks taken out.
    pasts : list of Past
        From `past.earlier`.
    ids : list
        The series' names, for the notes.
    given : mapping, optional
        Weights of the entrants that the loop has learned.
    """
    known, sparse = np.isfinite(flat).sum(axis=1), pool.is_sparse(flat)
    safe = np.where(known[:, None] > 0, flat, 0.0)
    told = pool.entrants(safe, horizon, period=period, non_negative=non_negative)
    rolled = pool.rolling(pasts, horizon, period=period, non_negative=non_negative)
    now, then, panel = weights.weigh(pasts, rolled, flat, given, horizon)
    for found, weight in zip([told, *rolled], [now, *then], strict=True):
        found["average"] = weights.mean(found, weight)
    method = np.where(sparse, "sparse", "average").astype(object)
    made = Chosen(told["average"].copy(), method, _rolled(pasts, rolled), rolled, weights.as_table(panel))
    _short(made, flat, known, ids)
    dense = np.flatnonzero(~sparse & (known >= stack.LEAST_KNOWN) & np.isfinite(flat[:, -1]))
    if len(dense) < stack.LEAST_SERIES:
        made.notes.append({"unique_id": None, "kind": "stack_few", "period": None, "value": len(dense)})
        return made
    return _stacked(made, stack.origins(pasts, rolled, period), dense, safe, told, period)


def _short(made: Chosen, flat: np.ndarray, known: np.ndarray, ids: list) -> None:
    """Give series of one or two months their mean, and those without any nothing."""
    short = known < past.LEAST
    if short.any():
        made.mean[short] = np.nanmean(np.where(known[short, None] > 0, flat[short], 0.0), axis=1, keepdims=True)
    made.method[short], made.method[known == 0] = "last_value", "none"
    made.mean[known == 0] = np.nan
    made.notes += [
        {"unique_id": ids[row], "kind": "short_history", "period": None, "value": int(known[row])}
        for row in np.flatnonzero(short & (known > 0))
    ]


def _stacked(made: Chosen, rows: stack.Origins, dense: np.ndarray, safe: np.ndarray, told: dict, period: int) -> Chosen:
    """Let the stack in where enough series can teach it and it would have bettered the average in months it had not seen.

    The test is at half the weight that is used: it learns from a part of the history only.
    """
    inside, share = np.isin(rows.series, dense), stack.weight(len(dense))
    part = stack.Origins(*(getattr(rows, name)[inside] for name in stack.Origins.__dataclass_fields__))
    unseen = stack.forward(part)
    gain = stack.gain(part, unseen, share / 2)
    kind = "stack_used" if gain > 0 else "stack_lost"
    made.notes.append({"unique_id": None, "kind": kind, "period": None, "value": gain})
    if not gain > 0:
        return made
    seen, scale = stack.features(safe[dense], {k: v[dense] for k, v in told.items()}, period)
    shift = stack.fit(part).predict(seen.reshape(-1, seen.shape[2])).reshape(len(dense), -1)
    move = intervals.usual_move(safe)
    made.mean[dense] += stack.bounded(share * shift * scale[:, None], move[dense, None])
    made.method[dense], then = "stack", rows.average.copy()
    then[inside] += stack.bounded(share * np.nan_to_num(unseen) * part.scale, move[part.series])
    made.errors = {
        "series": rows.series, "end": rows.end, "lead": rows.lead, "forecast": then, "actual": rows.actual,
    }  # fmt: skip
    return made


def _rolled(pasts: list[past.Past], rolled: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the rolling errors of the pool's average."""
    parts = []
    for one, told in zip(pasts, rolled, strict=True):
        row, lead = np.nonzero(np.isfinite(one.came))
        parts.append((row, np.full(len(row), one.end), lead + 1, told["average"][row, lead], one.came[row, lead]))
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)] if parts else [np.zeros(0)] * 5
    return dict(zip(("series", "end", "lead", "forecast", "actual"), joined, strict=True))
