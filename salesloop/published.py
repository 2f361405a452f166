"""Results over all published months, for exploring; nothing here can block a run."""

from __future__ import annotations

import glob
import json

import pandas as pd

from salesloop import paths
from salesloop.errors import ParameterError
from salesloop.params import load_unit


def history(result: str, unit: str = "demo") -> pd.DataFrame:
    """Return a named result over all published periods, for exploring.

    Parameters
    ----------
    result : str
        ``"stage.value"`` such as ``"forecast.bookings_next"``, or ``"stage.table"`` such as ``"kpi.scorecard"``.

    Returns
    -------
    DataFrame
        One row a period with value, n, low, high, confidence and uom; for a table its rows with ``made_in``.
    """
    load_unit(unit)
    stage, _, name = str(result).partition(".")
    rows: list[pd.DataFrame] = []
    for file in sorted(paths.reports(unit).glob(f"????-??/results/{glob.escape(stage)}.json")):
        found, period = json.loads(file.read_text(encoding="utf-8")), file.parent.parent.name
        if name in found["values"]:
            rows.append(pd.DataFrame([{"period": period, **found["values"][name]}]))
        elif name in found["tables"]:
            frame = pd.read_parquet(file.parent / found["tables"][name]["file"])
            rows.append(frame.assign(made_in=period))
    if not rows:
        raise ParameterError(
            f"result {str(result)[:60]!r}", found="in no published period", allowed="stage.name, such as forecast.bookings_next",
            next_step=f"make report UNIT={unit}, or look up the name in its results",
        )  # fmt: skip
    return pd.concat(rows, ignore_index=True)
