"""What customers and reps say when they are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from salesloop.demo.tables import View


def feedback(now: View) -> pd.DataFrame:
    """Return survey answers given by now."""
    return pd.DataFrame(
        columns=["id", "date", "respondent", "channel", "scale", "score", "text", "account", "opportunity", "rep"]
    )
