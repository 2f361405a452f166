"""What customers speak of that no theme holds yet: words that come up more often than chance allows, joined into topics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pandas as pd

from salesloop.metrics import intervals
from salesloop.metrics.feedback import shares
from salesloop.metrics.feedback.scores import span

RISING = 0.01
"""The share of false alarms among rising words that is accepted; many more words than themes are looked at."""
LEAST_SAID, MOST_BEFORE = 5, 0.5
"""Comments that must use a word now; and the most its old share may be of its share now for it to be a new topic."""
TOGETHER = 0.25
"""The part of their comments two words must share to belong to one topic."""
MOST_TOPICS = 3


def words(told: pd.DataFrame, period: pd.Period) -> pd.DataFrame:
    """Return the words that come up more often than chance allows, language by language.

    Parameters
    ----------
    told : DataFrame
        A row a usable customer comment: ``month, language, tokens`` (its topical words).
    period : Period
        The month.

    Returns
    -------
    DataFrame
        ``language, word, window, n, of, share, n_before, of_before, change, p_value, q_value`` (Fisher's one-sided test,
        corrected for all words looked at in both languages); only words with ``q_value`` at most 1 %.
    """
    rows: list[tuple] = []
    for language, own in told.groupby("language", sort=True):
        length = shares.window_months(own["month"], period)
        now = own[_within(own["month"], period, length)]
        before = own[_within(own["month"], period - length, shares.BASE_MONTHS)]
        if min(len(now), len(before)) < shares.LEAST:
            continue
        counts, earlier = _counts(now), _counts(before)
        rows += [
            (language, word, span(period, length), n, len(now), n / len(now), earlier[word], len(before),
             n / len(now) - earlier[word] / len(before), shares.fisher_more(n, len(now), earlier[word], len(before)))
            for word, n in sorted(counts.items()) if n >= LEAST_SAID
        ]  # fmt: skip
    names = ["language", "word", "window", "n", "of", "share", "n_before", "of_before", "change", "p_value"]
    made = pd.DataFrame(rows, columns=names)
    made["q_value"] = intervals.benjamini_hochberg(made["p_value"].astype(float))
    rare = made["n_before"] / made["of_before"] <= MOST_BEFORE * made["share"]
    kept = made[(made["q_value"] <= RISING) & rare]
    return kept.sort_values(["q_value", "n", "word"], ascending=[True, False, True], kind="stable").reset_index(
        drop=True
    )


def _within(months: pd.Series, period: pd.Period, length: int) -> pd.Series:
    return (months > period - length) & (months <= period)


def _counts(comments: pd.DataFrame) -> Counter:
    return Counter(word for tokens in comments["tokens"] for word in set(tokens))


def topics(
    told: pd.DataFrame, rising: pd.DataFrame, period: pd.Period, names: Mapping[str, str]
) -> tuple[pd.DataFrame, pd.Series]:
    """Return the rising words as topics: words that are used together are one.

    Parameters
    ----------
    told, period
        As for `words`.
    rising : DataFrame
        From `words`.
    names : mapping of str to str
        What people call a topic, by its id.

    Returns
    -------
    rows : DataFrame
        As `salesloop.metrics.feedback.shares.table` has them, at most three; the id is the language and the strongest
        word (``zh:发票``), ``q_value`` that word's.
    theme : Series
        The topic of each comment that uses its words, on the index of those comments.
    """
    rows, marks = [], []
    for group in _groups(told, rising)[:MOST_TOPICS]:
        first = rising.loc[group[0]]
        own = told[(told["language"] == first["language"]) & told["month"].le(period)]
        said = own[[bool(set(tokens) & set(rising.loc[group, "word"])) for tokens in own["tokens"]]]
        name = f"{first['language']}:{first['word']}"
        label = names.get(name) or " · ".join(rising.loc[group[:4], "word"])
        rows.append({**shares.row(name, said, own, period, {name: label}), "q_value": first["q_value"],
                     "p_value": first["p_value"], "emerging": True})  # fmt: skip
        marks.append(pd.Series(name, index=said.index, dtype=object))
    theme = pd.concat(marks) if marks else pd.Series(dtype=object)
    return pd.DataFrame(rows, columns=list(shares.COLUMNS)), theme[~theme.index.duplicated()]


def _groups(told: pd.DataFrame, rising: pd.DataFrame) -> list[list[int]]:
    """Return the rising words that are used together, each group led by its strongest word."""
    users = [set(told.index[[word in tokens for tokens in told["tokens"]]]) for word in rising["word"]]
    groups: list[list[int]] = []
    for place in range(len(rising)):
        mine = next((group for group in groups if _joined(users[group[0]], users[place]) and
                     rising["language"][group[0]] == rising["language"][place]), None)  # fmt: skip
        if mine is None:
            groups.append([place])
        else:
            mine.append(place)
    return groups


def _joined(a: set, b: set) -> bool:
    return len(a & b) >= TOGETHER * max(min(len(a), len(b)), 1)


def top_words(topics_told: pd.DataFrame) -> dict[str, list[str]]:
    """Return the words of each new topic, the strongest first."""
    return {row.theme: [row.theme.partition(":")[2], *row.label.split(" · ")] for row in topics_told.itertuples()}


def with_topics(themes: pd.DataFrame, topics_told: pd.DataFrame) -> pd.DataFrame:
    """Return the themes with the new topics, what emerges first, then by size."""
    parts = [part for part in (themes, topics_told) if len(part)]
    made = pd.concat(parts, ignore_index=True) if parts else themes
    if made.empty:
        return made
    made = made.assign(emerging=made["emerging"].astype(bool))
    return made.sort_values(["emerging", "n"], ascending=False, kind="stable").reset_index(drop=True)


def marked(told: pd.DataFrame, theme: pd.Series) -> pd.DataFrame:
    """Return the comments with the new topics in place of their theme."""
    made = told.copy()
    made["theme"] = theme.reindex(made.index).where(theme.reindex(made.index).notna(), made["theme"]).astype(object)
    made["theme"] = made["theme"].where(made["theme"].notna(), None)
    made["weight"] = np.where(made.index.isin(theme.index), 1.0, made["weight"])
    return made
