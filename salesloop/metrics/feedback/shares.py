"""How large each theme is, whether it grows more than chance allows, and what money stands beside it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from salesloop.metrics import intervals
from salesloop.metrics.feedback.scores import span

EMERGING = 0.025
"""The share of false alarms among emerging themes that is accepted (Benjamini-Hochberg); rising words take the rest of 5 %."""
WINDOWS, LEAST = ((1, 300), (3, 100), (6, 50)), 20
"""Months that stand alone with so many comments of a language, else twelve; and the least comments for any share."""
BASE_MONTHS = 12
COLUMNS = (
    "theme", "label", "language", "window", "n", "of", "share", "low", "high", "n_before", "of_before", "change", "p_value",
    "q_value", "emerging", "negative_share", "negative_low", "negative_high", "money",
)  # fmt: skip


def fisher_more(now: int, n: int, before: int, m: int) -> float:
    """Return the chance to see `now` or more of `n` where the share is that of `before` of `m` (Fisher's exact test).

    Examples
    --------
    Fisher's tea: all four cups right.

    >>> round(fisher_more(4, 4, 0, 4), 4)
    0.0143
    """
    from scipy.stats import hypergeom

    return float(hypergeom.sf(now - 1, n + m, now + before, n)) if n and m else float("nan")


def window_months(months: pd.Series, period: pd.Period) -> int:
    """Return over how many months themes are counted: one with 300 comments, three with 100, six with 50, else twelve."""
    for length, least in WINDOWS:
        if ((months > period - length) & (months <= period)).sum() >= least:
            return length
    return 12


def table(told: pd.DataFrame, period: pd.Period, *, labels: Mapping[str, str]) -> pd.DataFrame:
    """Return each theme's share now and before, and whether it emerges.

    Parameters
    ----------
    told : DataFrame
        A row a usable customer comment: ``month, language, theme`` (None where none is told), ``tone``.
    period : Period
        The month.
    labels : mapping of str to str
        The name each theme is shown by.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`. ``share`` is the share of the comments in ``window`` whose main theme it is, with its 95 %
        interval; ``change`` its difference to the up to 12 months before (points as a share of one); ``p_value`` Fisher's
        one-sided test of a rise, ``q_value`` the same corrected for all themes looked at; ``emerging`` q at most 2.5 %;
        ``negative_share`` of its comments. The largest theme first. Money is added by `salesloop.metrics.feedback.money`.
    """
    rows = []
    for theme, own in told[told["theme"].notna()].groupby("theme", sort=True):
        peers = told[told["language"].isin(set(own["language"]))]
        rows.append(row(str(theme), own, peers, period, labels))
    made = pd.DataFrame(rows, columns=list(COLUMNS))
    if made.empty:
        return made
    made["q_value"] = intervals.benjamini_hochberg(made["p_value"])
    made["emerging"] = (made["q_value"] <= EMERGING) & (made["change"] > 0)
    return made.sort_values(["n", "theme"], ascending=[False, True], kind="stable").reset_index(drop=True)


def row(theme: str, own: pd.DataFrame, peers: pd.DataFrame, period: pd.Period, labels: Mapping[str, str]) -> dict:
    """Return one row of `table` for a theme: its comments `own` among its `peers`, without correction for many looks."""
    length = window_months(peers["month"], period)
    inside = {name: _within(frame["month"], period, length) for name, frame in (("own", own), ("peers", peers))}
    earlier = {
        name: _within(frame["month"], period - length, BASE_MONTHS) for name, frame in (("own", own), ("peers", peers))
    }
    n, of = int(inside["own"].sum()), int(inside["peers"].sum())
    before, m = int(earlier["own"].sum()), int(earlier["peers"].sum())
    enough = of >= LEAST and m >= LEAST
    low, high = intervals.wilson(n, of)
    negative = int((own.loc[inside["own"], "tone"] == "negative").sum())
    share = intervals.wilson(negative, n)
    return {
        "theme": theme, "label": labels.get(theme, theme), "language": "+".join(sorted(set(own["language"]))),
        "window": span(period, length), "n": n, "of": of, "share": n / of if of else np.nan, "low": low, "high": high,
        "n_before": before, "of_before": m, "change": n / of - before / m if enough else np.nan,
        "p_value": fisher_more(n, of, before, m) if enough else np.nan, "q_value": np.nan, "emerging": False,
        "negative_share": negative / n if n else np.nan, "negative_low": share[0], "negative_high": share[1], "money": np.nan,
    }  # fmt: skip


def _within(months: pd.Series, period: pd.Period, length: int) -> pd.Series:
    return (months > period - length) & (months <= period)


def watch(themes: pd.DataFrame) -> pd.DataFrame:
    """Return the themes to watch: those that emerge after correction for many looks, with their q value."""
    chosen = themes[themes["emerging"].astype(bool)] if len(themes) else themes
    return chosen[["theme", "q_value"]].sort_values(["q_value", "theme"], kind="stable").reset_index(drop=True)


def trend(told: pd.DataFrame, themes: pd.DataFrame, period: pd.Period, *, most: int = 8) -> pd.DataFrame:
    """Return the shares of the largest themes for the figure.

    Returns
    -------
    DataFrame
        ``theme, label, share, low, high, before, emerging``.
    """
    top = themes[themes["of"] >= LEAST].head(most)
    before = (top["n_before"] / top["of_before"].where(top["of_before"] > 0)).astype(float)
    return top.assign(before=before)[["theme", "label", "share", "low", "high", "before", "emerging"]].reset_index(
        drop=True
    )


def detectable(n: int, m: int, share: float = 0.1) -> float:
    """Return about the smallest rise of a share that would be seen four times in five, at one look in twenty.

    Examples
    --------
    >>> round(detectable(300, 1200), 2)
    0.05
    """
    if not n or not m:
        return float("nan")
    return float((1.645 + 0.842) * np.sqrt(share * (1 - share) * (1 / n + 1 / m)))
