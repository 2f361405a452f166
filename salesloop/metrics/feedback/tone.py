"""The tone of comments, learned from the unit's own scores; with too few of them, read off a small lexicon."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from salesloop.metrics.feedback import words

LEAST_SCORED, LEAST_CLASS = 200, 20
"""Scored comments, and comments of each tone, from which on tone is learned."""
MOST_LEARNED = 12_000
MOST_FEATURES = 80_000
STRENGTH = 3.0
"""How little the weights are held back; chosen on public reviews, flat between 1 and 10."""
TONES = ("negative", "neutral", "positive")
SURE = 0.9
NEUTRAL_LEAST = 0.5
"""F1 that the neutral tone must reach to be told at all; else scores in the middle teach nothing and tone has two kinds."""
"""Chance from which on a text counts as speaking against its score."""
_CUTS = {"nps": (6, 9), "csat5": (2, 4), "ces7": (3, 5)}


def by_score(said: pd.DataFrame) -> pd.Series:
    """Return the tone that a valid score states: NPS 0-6, CSAT 1-2, CES 1-3 negative; 9-10, 4-5, 5-7 positive."""
    made = pd.Series(None, index=said.index, dtype=object)
    for scale, (down, up) in _CUTS.items():
        own = said["valid"] & (said["scale"] == scale)
        made[own & (said["score"] <= down)] = "negative"
        made[own & (said["score"] > down) & (said["score"] < up)] = "neutral"
        made[own & (said["score"] >= up)] = "positive"
    return made


class Corpus:
    """Texts as counts of characters and words, one and two of each: counted once, then any of them can be learned from."""

    def __init__(self, texts: list[str]):
        from sklearn.feature_extraction.text import CountVectorizer

        self._makers = [
            CountVectorizer(analyzer="char", ngram_range=(1, 2), dtype=np.float32),
            CountVectorizer(analyzer=_pairs, dtype=np.float32),
        ]
        self.counts = [maker.fit_transform(texts) for maker in self._makers]

    def of(self, texts: list[str]) -> list:
        """Return the counts of other texts, as far as their characters and words are known."""
        return [maker.transform(texts) for maker in self._makers]


class Features:
    """TF-IDF of characters and words, their weights learned from some of a corpus."""

    def __init__(self, counts: list, *, rare: int = 2):
        from sklearn.feature_extraction.text import TfidfTransformer

        least = rare if counts[0].shape[0] >= 1000 else 1
        self._kept = [_common(part, least) for part in counts]
        self._weights = [
            TfidfTransformer(sublinear_tf=True).fit(part[:, kept])
            for part, kept in zip(counts, self._kept, strict=True)
        ]

    def of(self, counts: list) -> Any:
        """Return texts as a sparse matrix over the learned vocabulary."""
        from scipy.sparse import hstack

        parts = zip(counts, self._kept, self._weights, strict=True)
        return hstack([weights.transform(part[:, kept]) for part, kept, weights in parts]).tocsr()


def _common(counts: Any, least: int) -> np.ndarray:
    """Return the columns that at least so many texts have, the most frequent where there are too many."""
    kept = np.flatnonzero(np.bincount(counts.indices, minlength=counts.shape[1]) >= least)
    if len(kept) <= MOST_FEATURES:
        return kept
    often = np.asarray(counts.sum(axis=0)).ravel()[kept]
    return np.sort(kept[np.argsort(-often, kind="stable")[:MOST_FEATURES]])


def _pairs(text: str) -> list[str]:
    """Return the words of a text and each two that follow one another."""
    one = words.cut(text)
    return one + [f"{a} {b}" for a, b in itertools.pairwise(one)]


@dataclass
class Learned:
    """A model of tone: one logistic regression a tone, its chances calibrated on comments it had not seen."""

    corpus: Corpus
    features: Features
    tones: list[str]
    models: list
    scale: list[tuple[float, float]]

    def chances(self, texts: list[str]) -> np.ndarray:
        """Return the chance of each tone, a row a text, in the order of `tones`."""
        matrix = self.features.of(self.corpus.of(texts))
        return calibrated(np.column_stack([model.decision_function(matrix) for model in self.models]), self.scale)


def calibrated(raw: np.ndarray, scale: list[tuple[float, float]]) -> np.ndarray:
    """Return chances from decision values: a logistic curve a tone, then shares that add up to 1."""
    made = np.column_stack([1 / (1 + np.exp(-np.clip(a * raw[:, k] + b, -30, 30))) for k, (a, b) in enumerate(scale)])
    return made / np.maximum(made.sum(axis=1, keepdims=True), 1e-12)


def learn(texts: list[str], tones: list[str], *, folds: int = 5, seed: int = 0) -> tuple[Learned, np.ndarray]:
    """Learn tone from scored texts.

    Parameters
    ----------
    texts, tones : list of str
        Comments and what their scores state.
    folds : int, default 5
        Cross-validation folds.
    seed : int, default 0
        Of the folds.

    Returns
    -------
    Learned, chances
        The model, and for each text the chances by models that had not seen it; their columns follow `Learned.tones`.
    """
    return _learn(Corpus(texts), np.arange(len(texts)), tones, folds=folds, seed=seed)


def _learn(corpus: Corpus, rows: np.ndarray, tones: list[str], *, folds: int, seed: int) -> tuple[Learned, np.ndarray]:
    """Learn from some texts of a corpus, named by their places."""
    from sklearn.model_selection import StratifiedKFold

    labels, classes = np.asarray(tones), [tone for tone in TONES if tone in set(tones)]
    counts = [part[rows] for part in corpus.counts]
    raw = np.zeros((len(rows), len(classes)))
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=seed).split(raw, labels):
        seen, unseen = ([part[some] for part in counts] for some in (train, test))
        features = Features(seen)
        matrix, held = features.of(seen), features.of(unseen)
        for k, tone in enumerate(classes):
            raw[test, k] = _one(matrix, labels[train] == tone).decision_function(held)
    scale = [_curve(raw[:, k], labels == tone) for k, tone in enumerate(classes)]
    features = Features(counts)
    matrix = features.of(counts)
    models = [_one(matrix, labels == tone) for tone in classes]
    return Learned(corpus, features, classes, models, scale), calibrated(raw, scale)


def _one(matrix: Any, hit: np.ndarray) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=STRENGTH, solver="liblinear", random_state=0).fit(matrix, hit)


def _curve(raw: np.ndarray, hit: np.ndarray) -> tuple[float, float]:
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=1e6).fit(raw[:, None], hit)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def told(said: pd.DataFrame, lexicon: words.Lexicon, *, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tone of every usable comment, and how it was found for each language.

    Parameters
    ----------
    said : DataFrame
        From `reading.read`.
    lexicon : mapping
        Words for and against by language, used where a language has under 200 scored comments.
    seed : int, default 0
        Of the cross-validation.

    Returns
    -------
    tones : DataFrame
        On the index of the usable comments: ``tone``, ``p_negative`` (NaN by lexicon), ``stated`` (what the score says).
    basis : DataFrame
        ``language, n, n_scored, kind`` (learned, lexicon), ``tones`` (2 where the middle one cannot be told), ``accuracy, low, high`` (95 %), ``macro_f1``,
        ``calibration_error`` by cross-validation; for the lexicon, against the scores there are.
    """
    stated, parts, basis = by_score(said), [], []
    for tongue in ("zh", "en"):
        own = said[said["usable"] & (said["language"] == tongue)]
        if own.empty:
            continue
        made, row = _language(own, stated.loc[own.index], tongue, lexicon, seed)
        parts.append(made)
        basis.append(row)
    columns = ["language", "n", "n_scored", "kind", "tones", "accuracy", "low", "high", "macro_f1", "calibration_error"]
    empty = pd.DataFrame(
        {"tone": pd.Series(dtype=object), "p_negative": pd.Series(dtype=float), "stated": pd.Series(dtype=object)}
    )
    return (pd.concat(parts) if parts else empty), pd.DataFrame(basis, columns=columns)


def _language(
    own: pd.DataFrame, stated: pd.Series, tongue: str, lexicon: words.Lexicon, seed: int
) -> tuple[pd.DataFrame, dict]:
    scored = stated.notna()
    counts = stated[scored].value_counts()
    kept = counts[counts >= LEAST_CLASS].index
    usable = scored & stated.isin(kept)
    if usable.sum() >= LEAST_SCORED and len(kept) > 1:
        return _learned(own, stated, usable, tongue, seed)
    value = np.array([words.tone_of(text, tongue, lexicon) for text in own["words"]])
    tone = np.where(value > 0, "positive", np.where(value < 0, "negative", "neutral"))
    made = pd.DataFrame({"tone": tone, "p_negative": np.nan, "stated": stated}, index=own.index)
    return made, {
        "language": tongue,
        "n": len(own),
        "n_scored": int(scored.sum()),
        "kind": "lexicon",
        "tones": 3,
        **scored_well(made[scored]),
    }


def _learned(
    own: pd.DataFrame, stated: pd.Series, usable: pd.Series, tongue: str, seed: int
) -> tuple[pd.DataFrame, dict]:

    model, unseen, taught = _best(own, stated, usable, seed)
    rest = own.index.difference(taught, sort=False)
    chances = pd.DataFrame(unseen, index=taught, columns=model.tones)
    if len(rest):
        more = pd.DataFrame(model.chances(own.loc[rest, "words"].tolist()), index=rest, columns=model.tones)
        chances = pd.concat([chances, more])
    chances = chances.reindex(own.index)
    p = chances.get("negative", pd.Series(np.nan, index=own.index))
    made = pd.DataFrame({"tone": chances.idxmax(axis=1), "p_negative": p, "stated": stated}, index=own.index)
    row = {
        "language": tongue,
        "n": len(own),
        "n_scored": int(usable.sum()),
        "kind": "learned",
        "tones": len(model.tones),
    }
    return made, row | scored_well(made.loc[taught])


def _best(own: pd.DataFrame, stated: pd.Series, usable: pd.Series, seed: int) -> tuple[Learned, np.ndarray, pd.Index]:
    """Learn three tones; where the middle one cannot be told from the others, learn two."""
    from salesloop.metrics.feedback.spread import evenly

    taught = evenly(own.index[usable], MOST_LEARNED)
    corpus, known = Corpus(own.loc[taught, "words"].tolist()), taught
    outer = taught[(stated[taught] != "neutral").to_numpy()]
    if len(outer) < len(taught) and not _neutral_told(corpus, stated, taught, seed) and stated[outer].nunique() > 1:
        taught = outer
    folds = 5 if len(taught) < 3000 else 3
    rows = known.get_indexer(taught)
    model, unseen = _learn(corpus, rows, stated[taught].tolist(), folds=folds, seed=seed)
    return model, unseen, taught


def _neutral_told(corpus: Corpus, stated: pd.Series, taught: pd.Index, seed: int) -> bool:
    from salesloop.metrics.feedback.spread import evenly

    tried = evenly(taught, 3000)
    model, unseen = _learn(corpus, taught.get_indexer(tried), stated[tried].tolist(), folds=3, seed=seed)
    guess = pd.Series(np.array(model.tones)[unseen.argmax(axis=1)], index=tried)
    truth, found = stated[tried] == "neutral", guess == "neutral"
    return bool(2 * (truth & found).sum() / max(truth.sum() + found.sum(), 1) >= NEUTRAL_LEAST)


def scored_well(made: pd.DataFrame) -> dict[str, float]:
    """Return how often tone and score agree, with interval, the macro-F1, and how far stated chances are from shares."""
    from salesloop.metrics import intervals

    if made.empty:
        return dict.fromkeys(("accuracy", "low", "high", "macro_f1", "calibration_error"), float("nan"))
    hit = int((made["tone"] == made["stated"]).sum())
    low, high = intervals.wilson(hit, len(made))
    return {"accuracy": hit / len(made), "low": low, "high": high, "macro_f1": macro_f1(made["stated"], made["tone"]),
            "calibration_error": calibration_error(made["p_negative"], made["stated"] == "negative")}  # fmt: skip


def macro_f1(truth: pd.Series, guess: pd.Series) -> float:
    """Return the mean over the true tones of 2 hits / (true + guessed).

    Examples
    --------
    >>> round(macro_f1(pd.Series(list("aab")), pd.Series(list("abb"))), 3)
    0.667
    """
    made = [
        2 * ((truth == tone) & (guess == tone)).sum() / ((truth == tone).sum() + (guess == tone).sum())
        for tone in sorted(set(truth))
    ]
    return float(np.mean(made)) if made else float("nan")


def calibration_error(p: pd.Series, hit: pd.Series, bins: int = 10) -> float:
    """Return the mean gap between chance stated and share that came, over bins of chance, weighted by their counts."""
    known = p.notna()
    if not known.any():
        return float("nan")
    edges = np.minimum((p[known] * bins).astype(int), bins - 1)
    gaps = (
        pd.DataFrame({"bin": edges, "p": p[known], "hit": hit[known].astype(float)})
        .groupby("bin")
        .agg(["mean", "size"])
    )
    weight = gaps[("p", "size")] / known.sum()
    return float((weight * (gaps[("p", "mean")] - gaps[("hit", "mean")]).abs()).sum())


def disagreements(said: pd.DataFrame, tones: pd.DataFrame, names: list[str], *, most: int = 20) -> pd.DataFrame:
    """Return comments whose text surely speaks against their score, the surest first.

    Returns
    -------
    DataFrame
        ``id, date, scale, score, stated, tone, p`` (chance of the tone, by models that had not seen the comment),
        ``quote`` with names, mails and phones masked. Comments of reps are not shown.
    """
    against = ((tones["stated"] == "positive") & (tones["p_negative"] >= SURE)) | (
        (tones["stated"] == "negative") & (tones["p_negative"] <= 1 - SURE)
    )
    own = said.loc[tones.index[against]]
    own = own[own["respondent"] == "customer"]
    p = tones.loc[own.index, "p_negative"]
    sure = p.where(p >= 0.5, 1 - p).sort_values(ascending=False, kind="stable").head(most)
    own = own.loc[sure.index]
    return pd.DataFrame({
        "id": own["id"], "date": own["date"], "scale": own["scale"], "score": own["score"], "stated": tones.loc[own.index, "stated"],
        "tone": np.where(p[own.index] >= 0.5, "negative", "positive"), "p": sure,
        "quote": [words.masked(text, names) for text in own["words"]],
    }).reset_index(drop=True)  # fmt: skip
