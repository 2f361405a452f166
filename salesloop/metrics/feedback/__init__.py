"""What customers and reps tell us: scores with intervals, tone, themes with identity, money beside them, proposals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from salesloop.metrics.feedback import fresh, money, proof, proposals, reading, say, scores, shares, themes, tone, words

__all__ = [
    "chains", "comments", "fresh", "labels", "matches", "models", "money", "name_list", "negative_share", "proof", "proposals", "quotes",
    "reading", "say", "scores", "shares", "themes", "told", "tone", "top_words", "words",
]  # fmt: skip


def comments(said: pd.DataFrame) -> pd.DataFrame:
    """Return the customers' comments that are read for themes: usable and dated."""
    return said[said["usable"] & (said["respondent"] == "customer") & said["date"].notna()]


def chains(said: pd.DataFrame, lexicon: words.Lexicon, *, period: pd.Period) -> dict[str, themes.Chain]:
    """Return the themes of each language that has comments.

    Parameters
    ----------
    said : DataFrame
        From `reading.read`.
    lexicon : mapping
        Whose stop words and words of tone make no theme.
    period : Period
        The month that is told.
    """
    made, own = {}, comments(said)
    own = own[own["month"] <= period]
    for language, part in own.groupby("language", sort=True):
        unsaid = words.unsaid(lexicon, str(language))
        tokens = [words.topical(text, str(language), unsaid) for text in part["words"]]
        made[str(language)] = themes.chain(part["month"], tokens, language=str(language), period=period)
    return made


def told(
    said: pd.DataFrame, found: Mapping[str, themes.Chain], tones: pd.DataFrame | None, joined: Mapping[str, str]
) -> pd.DataFrame:
    """Return the customers' comments with their theme and tone; themes that people joined bear the common id.

    Returns
    -------
    DataFrame
        The rows of `comments` with ``theme`` (None where none is told), ``weight``, ``tokens`` and ``tone``.
    """
    own = comments(said).copy()
    parts = [chain.themes for chain in found.values()]
    theme = (
        pd.concat(parts)
        if parts
        else pd.DataFrame({"theme": pd.Series(dtype=object), "weight": pd.Series(dtype=float)})
    )
    own["theme"] = theme["theme"].reindex(own.index).map(lambda one: joined.get(one, one))
    own["theme"] = own["theme"].astype(object).where(own["theme"].notna(), None)
    own["weight"] = theme["weight"].reindex(own.index).fillna(0.0)
    tokens = theme["tokens"].reindex(own.index) if "tokens" in theme else pd.Series(None, index=own.index, dtype=object)
    own["tokens"] = [one if isinstance(one, list) else [] for one in tokens]
    own["tone"] = None if tones is None else tones["tone"].reindex(own.index)
    return own


def top_words(found: Mapping[str, themes.Chain], most: int = 4) -> dict[str, list[str]]:
    """Return the weightiest words of every theme of every language."""
    return {
        name: top
        for chain in found.values()
        if chain.model
        for name, top in themes.top_words(chain.model, most).items()
    }


def labels(
    top: Mapping[str, list[str]], names: Mapping[str, str], together: Mapping[str, Iterable[str]]
) -> dict[str, str]:
    """Return the name each theme is shown by: what people wrote, else its weightiest words.

    Examples
    --------
    >>> labels({"en-1": ["late", "delivery"], "zh-1": ["交付"]}, {"zh-1": "交付"}, {"speed": ["en-1", "zh-1"]})
    {'en-1': 'late · delivery', 'zh-1': '交付', 'speed': 'late · delivery / 交付'}
    """
    made = {name: names.get(name) or " · ".join(found) for name, found in top.items()}
    for whole, parts in together.items():
        made[whole] = names.get(whole) or " / ".join(made[part] for part in parts if part in made) or whole
    return made


def models(found: Mapping[str, themes.Chain]) -> pd.DataFrame:
    """Return the theme models in force as one table: ``language, theme, word, idf, weight``."""
    parts = [frame for chain in found.values() if len(frame := themes.as_frame(chain.model))]
    return pd.concat(parts, ignore_index=True) if parts else themes.as_frame(None)


def matches(found: Mapping[str, themes.Chain]) -> pd.DataFrame:
    """Return how themes were matched at every refit: ``refitted, theme, likeness, kept``; empty where none was refitted."""
    parts = [chain.matches for chain in found.values() if len(chain.matches)]
    return (
        pd.concat(parts, ignore_index=True)
        if parts
        else pd.DataFrame(columns=["refitted", "theme", "likeness", "kept"])
    )


def negative_share(comments: pd.DataFrame, period: pd.Period) -> float:
    """Return the share of comments of the last 12 months that are negative; NaN without any."""
    recent = comments[(comments["month"] > period - 12) & (comments["month"] <= period)]
    return float((recent["tone"] == "negative").mean()) if len(recent) else float("nan")


def quotes(
    comments: pd.DataFrame, themes_told: pd.DataFrame, names: Iterable[str], period: pd.Period, *, each: int = 2
) -> pd.DataFrame:
    """Return a few comments a theme in the customers' words: recent, of the theme above all, blame before praise.

    Returns
    -------
    DataFrame
        ``theme, label, language, date, tone, quote``; names, mail addresses, phone numbers and links are masked.
    """
    known, rows = list(names), []
    recent = comments[
        (comments["month"] > period - 12) & (comments["month"] <= period) & (comments["words"].str.len() >= 8)
    ]
    for row in themes_told.itertuples():
        own = recent[recent["theme"] == row.theme]
        own = own.assign(blame=own["tone"] == "negative").sort_values(
            ["blame", "weight"], ascending=False, kind="stable"
        )
        rows += [
            (row.theme, row.label, one.language, one.date, one.tone, words.masked(one.words, known))
            for one in own.drop_duplicates("words").head(each).itertuples()
        ]
    return pd.DataFrame(rows, columns=["theme", "label", "language", "date", "tone", "quote"])


def name_list(*columns: pd.Series) -> list[str]:
    """Return every name in some columns, and each word of a name of two or more, to be masked in quotes.

    Examples
    --------
    >>> name_list(pd.Series(["Li Na", None]), pd.Series(["王伟"]))
    ['Li Na', '王伟']
    """
    return sorted(
        {name for column in columns for name in column.dropna().unique() if isinstance(name, str) and len(name) > 1}
    )
