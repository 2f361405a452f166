"""What to change: for themes that emerge or draw more blame than the rest, the kind of change and how it will show."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

import pandas as pd

from salesloop import periods
from salesloop.metrics.feedback.words import Lexicon

MOST, LEAST = 5, 10
PROOF = {"process": "theme_share", "product": "theme_share", "training": "negative_share", "price": "win_rate"}
"""The measure that will show whether a kind of change worked."""
MOST_ACTIONS, MOST_DEALS = 2, 20
ACTIONS = ("id", "what", "deal_set", "measure", "expected_move", "owner", "due", "amount", "evidence")
COLUMNS = (
    "theme",
    "label",
    "area",
    "proposal",
    "why",
    "n",
    "share",
    "negative_share",
    "q_value",
    "money",
    "proof",
    "baseline",
)


def area_of(top: list[str], language: str, areas: Mapping[str, Mapping[str, frozenset[str]]]) -> str:
    """Return the kind of change that a theme's words point to; ``unclear`` where none does.

    Parameters
    ----------
    top : list of str
        The theme's words, the weightiest first.
    language : {"en", "zh"}
        Whose.
    areas : mapping
        Words by kind of change and language.

    Examples
    --------
    >>> area_of(["delivery", "week"], "en", {"process": {"en": frozenset({"delivery"})}, "price": {"en": frozenset()}})
    'process'
    """
    points = {name: sum(1 / (1 + place) for place, word in enumerate(top) if _known(word, known[language], language))
              for name, known in areas.items()}  # fmt: skip
    best = max(points, key=lambda name: points[name])
    return best if points[best] > 0 else "unclear"


def _known(word: str, known: frozenset[str], language: str) -> bool:
    return word in known or (language == "zh" and any(len(one) > 1 and one in word for one in known))


def measures(themes: pd.DataFrame, areas: Mapping[str, str], *, overall_negative: float) -> pd.DataFrame:
    """Return proposed measures, the emerging themes first, then those that draw most blame.

    Parameters
    ----------
    themes : DataFrame
        From `salesloop.metrics.feedback.shares.table`, with money.
    areas : mapping of str to str
        The kind of change each theme calls for.
    overall_negative : float
        The share of all comments of the window that are negative.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`: ``area`` (process, product, training, price, unclear), ``proposal`` (what to change), ``why``
        (emerging, blamed), the evidence, ``proof`` (the measure that will show it) and ``baseline`` (its value now).
        A theme is blamed where even the low end of its negative share lies above that of all comments.
    """
    blamed = (themes["negative_low"] > overall_negative) & (themes["n"] >= LEAST)
    chosen = themes[themes["emerging"].astype(bool) | blamed].copy()
    chosen = chosen.sort_values(["emerging", "n"], ascending=[False, False], kind="stable").head(MOST)
    chosen["area"] = [areas.get(theme, "unclear") for theme in chosen["theme"]]
    chosen["proposal"] = "change_" + chosen["area"].astype(str)
    chosen["why"] = ["emerging" if one else "blamed" for one in chosen["emerging"]]
    chosen["proof"] = [PROOF.get(area, "theme_share") for area in chosen["area"]]
    base = {"theme_share": chosen["share"], "negative_share": chosen["negative_share"]}
    chosen["baseline"] = [base[proof][i] if proof in base else float("nan") for i, proof in chosen["proof"].items()]
    return chosen.reindex(columns=list(COLUMNS)).reset_index(drop=True)


def areas(top: Mapping[str, list[str]], lexicon: Lexicon, by_hand: Mapping[str, str]) -> dict[str, str]:
    """Return the kind of change of every theme: what people wrote, else what its words point to."""
    found = {name: area_of(words, name[:2], lexicon["areas"]) for name, words in top.items()}  # type: ignore[arg-type]
    return {**found, **by_hand}


def actions(
    table: pd.DataFrame, comments: pd.DataFrame, deals: pd.DataFrame, *, period: pd.Period, words: Callable[..., str]
) -> pd.DataFrame:
    """Return the actions that page one may propose: go to the accounts that complain and still have something open.

    Whether it helped is told by the measure that the action names: the theme's share of the comments, which is to fall.

    Parameters
    ----------
    table : DataFrame
        From `measures`.
    comments : DataFrame
        A row a customer comment: ``month, theme, tone, account_id``.
    deals : DataFrame
        ``Book.deals()``.
    period : Period
        The month; the actions are due by the end of the next one.
    words : callable
        ``(message, **values) -> text``, in the language of the unit's plan.

    Returns
    -------
    DataFrame
        Columns `ACTIONS`: ``deal_set`` the open deals of those accounts (ids joined by ;, the largest first, at most 20),
        ``amount`` their sum, ``measure`` ``theme:`` and the theme's id, ``expected_move`` down; at most two rows, none where no such deal is open.
    """
    live, rows = deals[(deals["status"] == "open") & deals["account_id"].notna()], []
    recent = comments[
        (comments["month"] > period - 12) & (comments["month"] <= period) & (comments["tone"] == "negative")
    ]
    for row in table.itertuples():
        accounts = set(recent.loc[recent["theme"] == row.theme, "account_id"].dropna())
        own = (
            live[live["account_id"].isin(accounts)]
            .sort_values("amount", ascending=False, kind="stable")
            .head(MOST_DEALS)
        )
        if len(own):
            what = words(f"feedback.action.{row.area}", theme=row.label, n=int(own["account_id"].nunique()))
            rows.append((f"feedback-{period}-{row.theme}", what, ";".join(own["opportunity_id"].astype(str)), f"theme:{row.theme}", "down", None,
                         pd.Timestamp(periods.end(period + 1)), round(float(own["amount"].sum()), 2), "feedback.measures"))  # fmt: skip
    return pd.DataFrame(rows[:MOST_ACTIONS], columns=list(ACTIONS))


def plan_rows(proposed: pd.DataFrame, created: dt.date) -> pd.DataFrame:
    """Return proposed actions with exactly the columns of the plan file, to be edited in a spreadsheet and put there.

    Parameters
    ----------
    proposed : DataFrame
        From `actions`.
    created : date
        The day from which comments count.
    """
    made = proposed.assign(created=pd.Timestamp(created))
    return made[["id", "what", "deal_set", "measure", "expected_move", "owner", "due", "created"]]
