"""Are we doing what we decided? Pace, activity, hygiene, warnings and actions proved from the data."""

from __future__ import annotations

from salesloop.metrics.execution import (
    activity,
    conditions,
    features,
    hygiene,
    members,
    moves,
    pace,
    say,
    sheets,
    since,
    warn,
)
from salesloop.metrics.execution.actions import check_actions
from salesloop.metrics.execution.prepare import prepared

__all__ = [
    "activity", "check_actions", "conditions", "features", "hygiene", "members", "moves", "pace", "prepared", "say",
    "sheets", "since", "warn",
]  # fmt: skip
