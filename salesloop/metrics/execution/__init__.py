"""Are we doing what we decided? Pace, activity, hygiene, warnings and actions proved from the data."""

from __future__ import annotations

from salesloop.metrics.execution import moves
from salesloop.metrics.execution.actions import check_actions

__all__ = ["check_actions", "moves"]
