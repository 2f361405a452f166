"""Themes of comments that keep their identity: a model fitted once, frozen, and applied to every later period.

Non-negative factors of the TF-IDF of words (deterministic start), one model a language. The model is fitted at the first
month end that has enough comments and depends only on comments up to then, so every later period finds the same themes.
Each half year its fit to the new comments is checked; only where it has worsened a new one is fitted, and its themes take
over the ids of the old ones they are most alike.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from salesloop.metrics.feedback.spread import evenly

LEAST, SETTLED, SETTLED_MONTHS = 60, 300, 3
"""Comments of a language for any theme, and comments and months for a model that is frozen."""
CHECK_MONTHS, HELD, LEAST_CHECKED = 6, 0.7, 100
"""Every so many months the fit is checked; refitted where the themes explain less than this part of what they once did."""
MEMORY_MONTHS, MOST_FITTED = 24, 6000
CLEAR = 0.25
"""The part of what the themes say of a comment that one of them must have to be its theme."""
ALIKE = 0.3
"""The least likeness (cosine of the word weights) for a new theme to take over an old one's id."""
_SIZES = ((150, 4), (300, 5), (600, 6))
_MOST_THEMES, _MOST_WORDS = 8, 2000


@dataclass(frozen=True)
class Model:
    """A frozen theme model of one language.

    Attributes
    ----------
    language : str
        ``zh`` or ``en``.
    ids : tuple of str
        The themes, ``zh-1`` ...
    vocabulary : tuple of str
        The words, in the order of the columns.
    idf : ndarray
        The weight of each word.
    components : ndarray
        A row a theme, a column a word.
    fitted_until : str
        The last month whose comments it was fitted to.
    n : int
        Comments it was fitted to.
    explained : float
        The share of the words' variation that it explains in comments it was not fitted to (each half by the other's model),
        times the share of their words that it knows.
    settled : bool
        Whether it is frozen; otherwise its themes may still change.
    """

    language: str
    ids: tuple[str, ...]
    vocabulary: tuple[str, ...]
    idf: np.ndarray
    components: np.ndarray
    fitted_until: str
    n: int
    explained: float
    settled: bool


def size(n: int) -> int:
    """Return how many themes a number of comments can carry.

    Examples
    --------
    >>> [size(n) for n in (100, 200, 500, 5000)]
    [4, 5, 6, 8]
    """
    return next((k for least, k in _SIZES if n < least), _MOST_THEMES)


def fit(
    tokens: Sequence[list[str]], *, language: str, until: str, first: int = 1, settled: bool = True
) -> Model | None:
    """Fit a theme model.

    Parameters
    ----------
    tokens : sequence of list of str
        The topical words of each comment.
    language : {"en", "zh"}
        Whose.
    until : str
        The last month of the comments.
    first : int, default 1
        The number of the first theme.
    settled : bool
        Whether the model is frozen from now on.

    Returns
    -------
    Model or None
        None where the comments share too few words.
    """
    from sklearn.decomposition import NMF
    from sklearn.feature_extraction.text import TfidfVectorizer

    full = [one for one in tokens if one]
    k = size(len(full))
    weights = TfidfVectorizer(
        analyzer=_same, min_df=min(5, 2 + len(full) // 200), max_df=0.2, max_features=_MOST_WORDS, sublinear_tf=True
    )
    try:
        matrix = weights.fit_transform(full)
    except ValueError:
        return None
    if matrix.shape[1] <= k or len(full) < LEAST:
        return None
    factors = NMF(k, init="nndsvda", max_iter=300, tol=1e-3, random_state=0)
    with _quiet():
        factors.fit(matrix)
    names = tuple(weights.get_feature_names_out())
    ids = tuple(f"{language}-{first + place}" for place in range(k))
    return Model(language, ids, names, weights.idf_, factors.components_, until, len(full),
                 _across(matrix, k) * _known(full, set(names)), settled)  # fmt: skip


def _same(tokens: list[str]) -> list[str]:
    return tokens


def _known(tokens: Sequence[list[str]], vocabulary: set[str]) -> float:
    """Return the mean share of a comment's words that a vocabulary holds; comments without words left out."""
    parts = [sum(word in vocabulary for word in one) / len(one) for one in tokens if one]
    return float(np.mean(parts)) if parts else float("nan")


def _across(matrix: Any, k: int) -> float:
    """Return the share of variation explained in each half of the comments by themes fitted to the other."""
    from sklearn.decomposition import NMF

    halves = [matrix[0::2], matrix[1::2]]
    with _quiet():
        made = [NMF(k, init="nndsvda", max_iter=200, tol=1e-3, random_state=0).fit(half).components_ for half in halves]
    told = [_explained(half, _shares(half, other), other) for half, other in zip(halves, made[::-1], strict=True)]
    return float(np.mean(told))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep silent about steps left over: the last ones change no theme of a comment."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def _shares(matrix: Any, components: np.ndarray) -> np.ndarray:
    from sklearn.decomposition import non_negative_factorization

    with _quiet():
        shares, _, _ = non_negative_factorization(
            matrix,
            H=components,
            n_components=len(components),
            init="custom",
            update_H=False,
            solver="cd",
            max_iter=200,
            tol=1e-3,
        )
    return shares


def _explained(matrix: Any, shares: np.ndarray, components: np.ndarray) -> float:
    """Return the part of the matrix's squared size that the factors explain, without making it dense."""
    total = float(matrix.multiply(matrix).sum())
    cross = float(np.sum(np.asarray(matrix @ components.T) * shares))
    fitted = float(np.sum((shares.T @ shares) * (components @ components.T)))
    return (2 * cross - fitted) / total if total else float("nan")


def apply(model: Model, tokens: Sequence[list[str]]) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the theme that weighs most in each comment, by a frozen model.

    Returns
    -------
    place : ndarray of int
        The place in ``model.ids``; -1 where no theme is clearly the first, or no word of the comment is known.
    weight : ndarray
        The theme's share of what the themes say of the comment.
    explained : float
        As `Model.explained`, over these comments.
    """
    matrix = _weighted(model, tokens)
    if not matrix.shape[0]:
        return np.zeros(0, dtype=int), np.zeros(0), float("nan")
    shares = _shares(matrix, model.components)
    total = shares.sum(axis=1)
    weight = np.where(total > 1e-9, shares.max(axis=1) / np.maximum(total, 1e-12), 0.0)
    place = np.where(weight >= CLEAR, shares.argmax(axis=1), -1)
    explained = _explained(matrix, shares, model.components) * _known(tokens, set(model.vocabulary))
    return place, weight, explained


def _weighted(model: Model, tokens: Sequence[list[str]]) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    weights = TfidfVectorizer(analyzer=_same, vocabulary=list(model.vocabulary), sublinear_tf=True)
    weights.idf_ = model.idf
    return weights.transform(tokens).astype(model.components.dtype)


def matched(old: Model, new: Model) -> tuple[Model, pd.DataFrame]:
    """Give a new model's themes the ids of the old themes they are most alike, each at most once.

    Returns
    -------
    Model, DataFrame
        The new model with its ids, and ``refitted`` (month), ``theme``, ``likeness`` (0-1), ``kept`` (whether the id was
        taken over).
    """
    from scipy.optimize import linear_sum_assignment

    column = {word: place for place, word in enumerate(old.vocabulary)}
    there = [column.get(word, -1) for word in new.vocabulary]
    moved = np.where(np.array(there) >= 0, old.components[:, there], 0.0)
    likeness = (
        _unit(new.components) @ (moved / np.maximum(np.linalg.norm(old.components, axis=1, keepdims=True), 1e-12)).T
    )
    rows, columns = linear_sum_assignment(-likeness)
    found = {int(row): (int(col), float(likeness[row, col])) for row, col in zip(rows, columns, strict=True)}
    number = 1 + max(int(name.rpartition("-")[2]) for name in old.ids)
    ids, log = [], []
    for place in range(len(new.ids)):
        col, alike = found.get(place, (-1, 0.0))
        kept = alike >= ALIKE
        ids.append(old.ids[col] if kept else f"{new.language}-{number}")
        number += not kept
        log.append((new.fitted_until, ids[-1], alike, kept))
    return replace(new, ids=tuple(ids)), pd.DataFrame(log, columns=["refitted", "theme", "likeness", "kept"])


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


@dataclass(frozen=True)
class Chain:
    """The model in force at a period, how the themes of each comment were told, and the matches of earlier refits."""

    model: Model | None
    themes: pd.DataFrame
    matches: pd.DataFrame
    checks: pd.DataFrame


def chain(months: pd.Series, tokens: Sequence[list[str]], *, language: str, period: pd.Period) -> Chain:
    """Return the themes of a language's comments as they have been told since its first model.

    Everything follows from the comments and their months alone: the same period gives the same themes whenever it is run.

    Parameters
    ----------
    months : Series of Period
        When each comment was made, none after `period`.
    tokens : sequence of list of str
        Its topical words.
    language : {"en", "zh"}
        Whose.
    period : Period
        The month that is told.

    Returns
    -------
    Chain
        ``themes`` has, on the index of `months`, ``theme`` (None where none is told), ``weight`` and ``tokens``.
    """
    words = pd.Series(list(tokens), index=months.index, dtype=object)
    start = _settled_at(months, words)
    no_match = pd.DataFrame(columns=["refitted", "theme", "likeness", "kept"])
    checks: list[tuple] = []
    if start is None or start > period:
        model = fit(words.tolist(), language=language, until=str(period), settled=False)
        return Chain(model, _told(model, words), no_match, _checks(checks))
    model, matches = _fitted(months, words, start, language), [no_match]
    at = start + CHECK_MONTHS
    while model is not None and at <= period:
        recent = (months > at - CHECK_MONTHS) & (months <= at)
        now = apply(model, words[recent].tolist())[2] if recent.sum() >= LEAST_CHECKED else float("nan")
        worse = now < HELD * model.explained
        checks.append((str(at), int(recent.sum()), model.explained, now, bool(worse)))
        refitted = _fitted(months, words, at, language) if worse else None
        if refitted is not None:
            model, log = matched(model, refitted)
            matches.append(log)
        at += CHECK_MONTHS
    filled = [log for log in matches if len(log)] or matches[:1]
    return Chain(model, _told(model, words), pd.concat(filled, ignore_index=True), _checks(checks))


def _checks(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["checked", "n", "explained_then", "explained_now", "refitted"])


def _settled_at(months: pd.Series, words: pd.Series) -> pd.Period | None:
    """Return the first month by whose end there were comments enough to freeze a model."""
    full = months[words.map(len) > 0].sort_values()
    return max(full.iloc[SETTLED - 1], full.iloc[0] + SETTLED_MONTHS - 1) if len(full) >= SETTLED else None


def _fitted(months: pd.Series, words: pd.Series, at: pd.Period, language: str) -> Model | None:
    inside = months.index[(months > at - MEMORY_MONTHS) & (months <= at)]
    return fit(words[evenly(inside, MOST_FITTED)].tolist(), language=language, until=str(at))


def _told(model: Model | None, words: pd.Series) -> pd.DataFrame:
    if model is None or words.empty:
        return pd.DataFrame(
            {"theme": pd.Series(None, index=words.index, dtype=object), "weight": 0.0}, index=words.index
        )
    place, weight, _ = apply(model, words.tolist())
    theme = [model.ids[one] if one >= 0 else None for one in place]
    return pd.DataFrame({"theme": pd.Series(theme, index=words.index, dtype=object), "weight": weight, "tokens": words})


def top_words(model: Model, most: int = 4) -> dict[str, list[str]]:
    """Return the words that weigh most in each theme."""
    order = np.argsort(-model.components, axis=1, kind="stable")[:, :most]
    return {name: [model.vocabulary[place] for place in row] for name, row in zip(model.ids, order, strict=True)}


def as_frame(model: Model | None) -> pd.DataFrame:
    """Return a model as a table: ``language, theme, word, idf, weight``, only weights above 0."""
    columns = ["language", "theme", "word", "idf", "weight"]
    if model is None:
        return pd.DataFrame(columns=columns)
    themes, places = np.nonzero(model.components > 0)
    return pd.DataFrame({
        "language": model.language, "theme": np.array(model.ids, dtype=object)[themes],
        "word": np.array(model.vocabulary, dtype=object)[places], "idf": model.idf[places],
        "weight": model.components[themes, places],
    })[columns]  # fmt: skip
