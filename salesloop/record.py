"""What the loop did before a period: the proposal of a month ago, the values in force, the learned values of each month."""

from __future__ import annotations

from typing import Any

import pandas as pd

from salesloop import loop, paths
from salesloop.book import Book
from salesloop.params import load_period, read_yaml
from salesloop.results import Stage


def proposed(book: Book) -> list[dict[str, Any]]:
    """Return the changes that the run of the month before proposed for this one; none where it never ran."""
    file = loop.proposal_file(book.unit, book.period - 1)
    return read_yaml(file)["changes"] if file.is_file() else []


def in_force(book: Book) -> dict[str, dict[str, Any]]:
    """Return the technical values that hold for the period: ``value`` and whether a person set it (``by_hand``)."""
    return {name: {"value": one.value, "by_hand": one.edited} for name, one in book.params.values.items()}


def automatic(book: Book) -> list[str]:
    """Return the technical values that approve themselves: those that unit.yml says, but none that a person set by hand."""
    held = in_force(book)
    return [name for name in book.config.approve_automatically if not held.get(name, {}).get("by_hand")]


def since(book: Book, name: str) -> str | None:
    """Return the first month whose parameters hold a technical value, or None."""
    files = sorted(paths.params(book.unit).glob("????-??.yml"))
    months = [file.stem for file in files if file.stem <= str(book.period)]
    return next((month for month in months if load_period(book.unit, month).value(name)), None)


def weighted(stage: Stage) -> pd.DataFrame:
    """Return forecasts one month ahead with the weights then in force and with equal weights, beside what came.

    Parameters
    ----------
    stage : Stage
        The brief; its forecast kept the ``backtest``.

    Returns
    -------
    DataFrame
        ``made_in, method`` (learned, equal), ``forecast, actual``; only months whose run used learned weights.
    """
    columns = ["made_in", "method", "forecast", "actual"]
    found, first = stage.upstream("forecast"), since(stage.book, "method_weights")
    errors = found.table("backtest") if found else pd.DataFrame()
    if errors.empty or first is None:
        return pd.DataFrame(columns=columns)
    lead = errors[(errors["lead_months"] == 1) & errors["method"].isin(["pipeline", "series"])]
    wide = lead.pivot_table(index=["made_in", "actual"], columns="method", values="forecast", aggfunc="first")
    wide = wide.reindex(columns=["pipeline", "series"]).dropna().reset_index()
    rows = []
    for row in wide[wide["made_in"].astype(str) >= first].itertuples():
        weights = load_period(stage.book.unit, str(row.made_in)).value("method_weights", {}).get("1", {})
        ours = sum(weights.get(name, 0.0) * getattr(row, name) for name in ("pipeline", "series"))
        rows += [(str(row.made_in), "learned", ours, row.actual),
                 (str(row.made_in), "equal", (row.pipeline + row.series) / 2, row.actual)]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def called(stage: Stage) -> pd.DataFrame:
    """Return people's calls one month ahead as said and as corrected by the factor then in force, beside what came.

    Returns
    -------
    DataFrame
        ``made_in, method`` (corrected, raw), ``forecast, actual``; only months whose run held a correction.
    """
    columns = ["made_in", "method", "forecast", "actual"]
    found, first = stage.upstream("forecast"), since(stage.book, "call_correction")
    graded = found.table("calls_graded") if found else pd.DataFrame()
    if graded.empty or first is None:
        return pd.DataFrame(columns=columns)
    made_in = [str(pd.Period(str(month), "M") - 1) for month in graded["period"]]
    rows = []
    for row in graded.assign(made_in=made_in).query("made_in >= @first").itertuples():
        held = load_period(stage.book.unit, row.made_in).value("call_correction", {})
        factor = held.get("people", {}).get(str(row.who), held.get("company", 1.0))
        rows += [
            (row.made_in, "corrected", row.amount * factor, row.actual),
            (row.made_in, "raw", row.amount, row.actual),
        ]
    return pd.DataFrame(rows, columns=columns)


def graded_months(stage: Stage) -> int:
    """Return for how many months a forecast of the company's bookings has been graded so far."""
    found = stage.upstream("review")
    told = found.table("history") if found else pd.DataFrame()
    if told.empty:
        return 0
    own = told[(told["kind"] == "forecast") & (told["scope"] == "company") & told["actual"].notna()]
    return int(own["due"].nunique())
