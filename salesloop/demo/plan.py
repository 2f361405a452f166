"""The plan-like tables of the company: targets, forecast calls, market sizes, assessments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from salesloop.demo.tables import View


def frames(now: View) -> dict[str, pd.DataFrame]:
    """Return the plan-like tables as known at a day."""
    return {}
