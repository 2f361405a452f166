"""The measure that shows whether a change worked: the share of comments that are about a theme, day by day."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from salesloop.metrics.measures import COLUMNS

MEASURE = "theme:"


def named(measures: pd.Series) -> list[str]:
    """Return the themes that actions name as their measure, each once.

    Examples
    --------
    >>> named(pd.Series(["theme:zh-5", None, "bookings", "theme:zh-5", "theme:en:invoice"]))
    ['theme:zh-5', 'theme:en:invoice']
    """
    told = [str(one).strip() for one in measures.dropna()]
    return list(dict.fromkeys(one for one in told if one.startswith(MEASURE)))


def facts(wanted: Iterable[str], told: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the dated facts of each theme's share: a row a comment of the theme's language, 1 where it is the theme.

    Parameters
    ----------
    wanted : iterable of str
        ``theme:`` and a theme's id, as `salesloop.metrics.feedback.themes.chain` keeps it over time; or the id of a new
        topic (``zh:发票``), which is every comment that uses its word.
    told : DataFrame
        A row a usable customer comment: ``date, language, theme, tokens``.

    Returns
    -------
    dict of str to DataFrame
        Measure to ``on, value`` (0 or 1), ``weight`` (1), ``rep, team, region`` (None); a theme that nobody ever spoke of
        is left out.
    """
    made = {}
    for measure in wanted:
        name = measure.removeprefix(MEASURE)
        language, _, word = name.partition(":")
        hit = told["theme"] == name
        if word:
            hit = (told["language"] == language) & told["tokens"].map(lambda tokens, word=word: word in tokens).astype(
                bool
            )
        if hit.any():
            peers = told["language"].isin(set(told.loc[hit, "language"]))
            rows = pd.DataFrame({"on": told["date"].dt.normalize(), "value": hit.astype(float), "weight": 1.0})[peers]
            made[measure] = rows.reindex(columns=list(COLUMNS)).reset_index(drop=True)
    return made
