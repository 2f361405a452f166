"""Results in memory, facts and plans by hand: what page one is gathered from in its tests."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salesloop.metrics import brief

OCT = pd.Period("2026-10", "M")
NONE = dict.fromkeys(brief.STAGES)
ROW = ("company", None, "bookings", "base")


class Saved:
    """Results in memory."""

    def __init__(self, values=None, tables=None, figures=(), sentences=()):
        self.values, self.frames = values or {}, tables or {}
        self.tables = {name: {"rows": len(frame)} for name, frame in self.frames.items()}
        self.figures, self.sentences = list(figures), list(sentences)

    def table(self, name):
        return self.frames.get(name, pd.DataFrame())


def facts(**months):
    """Return facts with the given values in the given months, such as ``m2026_10=[1.0, 2.0]``."""
    rows = [(pd.Timestamp(f"{name[1:5]}-{name[6:]}-15"), one) for name, values in months.items() for one in values]
    frame = pd.DataFrame(rows, columns=["on", "value"]).astype({"on": "datetime64[us]", "value": float})
    return frame.assign(weight=np.nan, rep=None, team=None, region=None)


NOTHING = {name: facts() for name in ("bookings", "new_customers", "win_rate")}
NO_PLAN = pd.DataFrame(columns=["period", "level", "name", "measure", "tier", "basis", "amount", "valid_from"])


def plan(*rows):
    return pd.DataFrame(rows, columns=NO_PLAN.columns)


def stated(*rows):
    columns = ["period", "level", "name", "measure", "tier", "amount", "actual_to_date", "p_hit", "verdict"]
    return Saved(tables={"targets": pd.DataFrame(rows, columns=columns)})


def numbers(parts=NONE, plan=NO_PLAN, **found):
    made = brief.numbers({**NONE, **parts}, {**NOTHING, **found}, plan, period=OCT, currency="CNY")
    return made.set_index("measure")
