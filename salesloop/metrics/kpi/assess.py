"""People's assessments of people: scales made comparable, raters who agree or not, and who was judged by nobody else."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from salesloop import periods
from salesloop.errors import ParameterError
from salesloop.metrics.intervals import z

MONTHS = 12
KINDS = ("manager", "peer", "customer")
SUMMARY = ("subject", "dimension", "n", "score", "low", "high", "self", "self_gap", "spread", "kinds", "mark",
           "n_manager", "n_peer", "n_customer")  # fmt: skip
AGREEMENT = ("dimension", "n", "subjects", "icc", "gap", "verdict")
PROBLEMS = ("problem", "period", "rater", "subject", "dimension", "score", "scale")
_RANGE = re.compile(r"(-?\d+(?:\.\d+)?)\s*(?:-|to|–|~|至|到|\.\.)\s*(\d+(?:\.\d+)?)")
_TOP = re.compile(r"\d+(?:\.\d+)?")
_GUESSES = ((5, 1.0), (10, 1.0), (100, 0.0))


def read_scale(text: object) -> tuple[float, float] | None:
    """Return the ends of a scale as people write it; None where it cannot be read.

    Examples
    --------
    >>> read_scale("1-5"), read_scale("0 to 10"), read_scale("100"), read_scale("stars")
    ((1.0, 5.0), (0.0, 10.0), (0.0, 100.0), None)
    """
    told = "" if text is None or text != text else str(text).strip()
    if found := _RANGE.search(told):
        low, high = float(found[1]), float(found[2])
        return (low, high) if high > low else None
    if found := _TOP.search(told):
        high = float(found[0])
        return (0.0 if high > 10 else 1.0, high) if high > 1 else None
    return None


def comparable(
    rows: pd.DataFrame, *, period: pd.Period, people: set[str], fiscal_start: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return assessments of the last twelve months on one scale from 0 to 1, and what is wrong with which.

    Parameters
    ----------
    rows : DataFrame
        The plan file's rows.
    period : Period
        The last month.
    people : set of str
        Reps and managers that the unit knows.

    Returns
    -------
    usable, problems : DataFrame
        ``usable`` has the given columns and ``share`` (0 to 1), ``self`` (rater is the subject). ``problems`` names rows:
        ``outside_scale`` and ``no_scale`` (no share: not averaged), ``scale_guessed``, ``unknown_rater`` (averaged, as the
        kind of rater says), ``unknown_subject``, ``unknown_period``; none is dropped from the record.
    """
    if rows.empty:
        return rows.reindex(columns=[*rows.columns, "share", "self"]), pd.DataFrame(columns=list(PROBLEMS))
    told = rows.copy()
    found: list[tuple[pd.Series, str]] = []
    inside, unreadable = _inside(told["period"], period, fiscal_start)
    found.append((unreadable, "unknown_period"))
    scales = told["scale"].map(read_scale)
    guessed = scales.isna()
    told["low"], told["high"] = (
        scales.map(lambda s, i=i: s[i] if isinstance(s, tuple) else np.nan).astype("float64") for i in (0, 1)
    )
    _guess(told, guessed)
    found.append((guessed & told["high"].notna(), "scale_guessed"))
    outside = (told["score"] < told["low"]) | (told["score"] > told["high"])
    found += [(outside, "outside_scale"), (told["high"].isna() | told["score"].isna(), "no_scale")]
    told["share"] = ((told["score"] - told["low"]) / (told["high"] - told["low"])).where(~outside)
    told["self"] = (told["rater_kind"] == "self") | (told["rater"].notna() & (told["rater"] == told["subject"]))
    known = told["rater"].isin(people) | (told["rater_kind"] == "customer") | told["self"]
    found += [(~known, "unknown_rater"), (~told["subject"].isin(people), "unknown_subject")]
    problems = [told[mask.to_numpy(dtype=bool)].assign(problem=name) for mask, name in found]
    problems = [part for part in problems if len(part)]
    named = pd.concat(problems, ignore_index=True)[list(PROBLEMS)] if problems else pd.DataFrame(columns=list(PROBLEMS))
    return told[inside & told["share"].notna() & told["subject"].notna()].reset_index(drop=True), named


def _inside(labels: pd.Series, period: pd.Period, fiscal_start: int) -> tuple[pd.Series, pd.Series]:
    """Return which labels end within the last twelve months, and which cannot be read."""
    ends: dict[str, pd.Period | None] = {}
    for label in labels.astype(str).unique():
        try:
            ends[label] = periods.expand(label, fiscal_start)[0]
        except ParameterError:
            ends[label] = None
    first = labels.astype(str).map(ends)
    unreadable = pd.Series([p is None or p is pd.NaT for p in first], index=labels.index)
    recent = pd.Series(
        [p is not None and p is not pd.NaT and period - MONTHS < p <= period for p in first], index=labels.index
    )
    return recent, unreadable


def _guess(told: pd.DataFrame, guessed: pd.Series) -> None:
    """Take the smallest usual scale that holds all scores of a dimension for rows that state none."""
    for _, group in told[guessed].groupby("dimension"):
        most = group["score"].max()
        fit = next(((low, float(top)) for top, low in _GUESSES if most <= top), None)
        if fit:
            told.loc[group.index, ["low", "high"]] = fit


def summary(usable: pd.DataFrame) -> pd.DataFrame:
    """Return each subject's score by dimension: others' views, the subject's own beside them.

    Parameters
    ----------
    usable : DataFrame
        From `comparable`.

    Returns
    -------
    DataFrame
        ``subject, dimension``; ``n`` raters other than the subject; ``score`` (0-1, the mean of the kinds of raters, each
        rater's own leniency taken out where that rater judged three or more), ``low, high`` (95 %, from the spread over raters; NaN
        under 2), ``self``, ``self_gap`` (own less others'), ``spread`` (standard deviation over raters), ``kinds``,
        ``mark`` (self_only: nobody else judged; one_rater; or None), ``n_manager, n_peer, n_customer`` raters of each kind. In the order of names: no ranking.
    """
    if usable.empty:
        return pd.DataFrame(columns=list(SUMMARY))
    told = _without_leniency(usable)
    rows = []
    for (subject, dimension), group in told.groupby(["subject", "dimension"], sort=True):
        others, own = group[~group["self"]], group.loc[group["self"], "share"]
        by_rater = others.groupby(others["rater"].fillna("?"))["fair"].mean()
        by_kind = others.groupby(others["rater_kind"].fillna("?"))["fair"].mean()
        n, score = len(by_rater), float(by_kind.mean()) if len(by_kind) else np.nan
        spread = float(by_rater.std(ddof=1)) if n > 1 else np.nan
        half = z(0.95) * max(spread, 0.1) / np.sqrt(n) if n > 1 else np.nan
        mine = float(own.mean()) if len(own) else np.nan
        mark = "self_only" if not n else "one_rater" if n == 1 else None
        rows.append((subject, dimension, n, score, max(score - half, 0.0) if n > 1 else np.nan,
                     min(score + half, 1.0) if n > 1 else np.nan, mine, mine - score, spread,
                     ", ".join(sorted(by_kind.index)), mark,
                     *(others.loc[others["rater_kind"] == kind, "rater"].fillna("?").nunique() for kind in KINDS)))  # fmt: skip
    return pd.DataFrame(rows, columns=list(SUMMARY))


def _without_leniency(usable: pd.DataFrame) -> pd.DataFrame:
    """Take out of each rater's scores how far the rater is above all raters of that kind and dimension."""
    others = usable[~usable["self"]]
    level = others.groupby("dimension")["share"].mean()
    own = others.groupby(["rater", "dimension"])["share"].agg(["mean", "size"])
    key = pd.MultiIndex.from_frame(usable[["rater", "dimension"]])
    mean, size = (pd.Series(own[c].reindex(key).to_numpy(), index=usable.index) for c in ("mean", "size"))
    lenient = (mean - usable["dimension"].map(level)).where((size >= 3) & ~usable["self"], 0.0).fillna(0.0)
    return usable.assign(fair=(usable["share"] - lenient).clip(0.0, 1.0))


def agreement(usable: pd.DataFrame) -> pd.DataFrame:
    """Return how far raters agree on who is better at what.

    Returns
    -------
    DataFrame
        ``dimension``; ``n`` judgements by others, ``subjects`` judged by two or more; ``icc`` (share of the spread that
        lies between subjects, one-way, at least 0; NaN under 3 such subjects), ``gap`` (mean distance of two raters of
        the same subject, 0-1), ``verdict`` (agree from .5, partly from .25, apart, too_few).

    Notes
    -----
    ICC(1) after Shrout and Fleiss (1979), with the mean group size for unequal groups.
    """
    rows = []
    for dimension, group in usable[~usable["self"]].groupby("dimension", sort=True) if len(usable) else []:
        sizes = group.groupby("subject").size()
        twice = group[group["subject"].isin(sizes[sizes > 1].index)]
        k = twice["subject"].nunique()
        icc = _icc(twice) if k >= 3 else np.nan
        gap = float(twice.groupby("subject")["share"].apply(_pair_gap).mean()) if k else np.nan
        verdict = "too_few" if icc != icc else "agree" if icc >= 0.5 else "partly" if icc >= 0.25 else "apart"
        rows.append((dimension, len(group), k, icc, gap, verdict))
    return pd.DataFrame(rows, columns=list(AGREEMENT))


def _pair_gap(values: pd.Series) -> float:
    array = values.to_numpy()
    return float(np.abs(array[:, None] - array[None, :]).sum() / (len(array) * (len(array) - 1)))


def _icc(rows: pd.DataFrame) -> float:
    groups = rows.groupby("subject")["share"]
    sizes, means = groups.size().to_numpy(), groups.mean().to_numpy()
    k, total = len(sizes), sizes.sum()
    between = float(np.sum(sizes * (means - np.average(means, weights=sizes)) ** 2)) / (k - 1)
    within = float(np.sum((rows["share"] - groups.transform("mean")) ** 2)) / (total - k)
    size = (total - (sizes**2).sum() / total) / (k - 1)
    whole = between + (size - 1) * within
    return max((between - within) / whole, 0.0) if whole > 0 else float("nan")
