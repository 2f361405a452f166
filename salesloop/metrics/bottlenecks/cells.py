"""The cells, stage by segment: what was seen in each month and what was to be expected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from salesloop.metrics.bottlenecks.rates import Baseline, Kinds, Pieces

ALL = "all"
Q = 0.05
"""The q value at which a cell may be flagged; its p values already pay for twelve monthly looks."""
LEAST_MOVES = 8.0
DIRECTION = {"forward": "slower", "lost": "leakier"}


@dataclass(frozen=True)
class Cells:
    """All cells of a cause: their names, months of observed and expected moves, and which pieces belong to each."""

    names: list[tuple[int, int, int]]
    observed: np.ndarray
    expected: np.ndarray


def tabulated(pieces: Pieces, splits: Kinds, line: Baseline) -> Cells:
    """Sum observed and expected moves by cell and month; the whole stage first, then each level of each kind."""
    months, n_stages = pieces.n_months, len(pieces.stages)
    expected = line._expected
    names, seen, due = [], [], []
    for kind in range(-1, len(splits.names)):
        n_levels = 1 if kind < 0 else len(splits.levels[kind])
        code = np.zeros(len(pieces.stage), int) if kind < 0 else splits.codes[:, kind].astype(int)
        inside = code >= 0
        flat = ((pieces.stage * n_levels + code) * months + pieces.month)[inside]
        size = n_stages * n_levels * months
        seen.append(np.bincount(flat, line.observed[inside], size).reshape(-1, months))
        due.append(np.bincount(flat, expected[inside], size).reshape(-1, months))
        names += [(stage, kind, level) for stage in range(n_stages) for level in range(n_levels)]
    return Cells(names, np.concatenate(seen), np.concatenate(due))


def named(pieces: Pieces, splits: Kinds, names: list[tuple[int, int, int]]) -> dict[str, list]:
    """Return the names of cells as columns: ``pipeline, stage, segment_kind, segment, place``."""
    return {
        "pipeline": [pieces.stages[stage][0] for stage, _, _ in names],
        "stage": [pieces.stages[stage][1] for stage, _, _ in names],
        "segment_kind": [ALL if kind < 0 else splits.names[kind] for _, kind, _ in names],
        "segment": [ALL if kind < 0 else splits.levels[kind][level] for _, kind, level in names],
        "place": names,
    }
