"""The sentences of the feedback: which message, with which values."""

from __future__ import annotations

from typing import Any

import pandas as pd

from salesloop.metrics.feedback import scores as scoring
from salesloop.metrics.feedback import shares, themes, tone

Sentence = tuple[str, dict]
ISSUES = {"rule": "word", "n": "count", "of": "count", "effect": "word"}
SCORES = {
    "measure": "word",
    "scope_kind": "word",
    "window": "period",
    "n": "count",
    "value": "uom",
    "low": "uom",
    "high": "uom",
    "verdict": "word",
}
SCORES_SHOWN = ("measure", "scope_kind", "scope", "window", "n", "value", "low", "high", "verdict")
RESPONSE = {"what": "word", "n": "count", "of": "count", "share": "percent", "low": "percent", "high": "percent"}
TONE = {"language": "word", "n": "count", "n_scored": "count", "kind": "word", "accuracy": "percent", "low": "percent", "high": "percent",
        "macro_f1": "ratio", "calibration_error": "percent"}  # fmt: skip
THEMES = {"language": "word", "window": "period", "n": "count", "share": "percent", "low": "percent", "high": "percent", "change": "points",
          "q_value": "ratio", "emerging": "word", "negative_share": "percent", "money": "money"}  # fmt: skip
THEMES_SHOWN = (
    "theme", "label", "n", "share", "low", "high", "change", "q_value", "emerging", "negative_share", "money"
)  # fmt: skip
MONEY = {"n_accounts": "count", "bookings": "money", "n_lost": "count", "lost": "money", "n_churned": "count", "churned": "money", "renewals_due": "money", "lost_share": "percent",
         "lost_share_others": "percent", "verdict": "word"}  # fmt: skip
MONEY_SHOWN = (
    "label",
    "n_accounts",
    "bookings",
    "lost",
    "churned",
    "renewals_due",
    "lost_share",
    "lost_share_others",
    "verdict",
)
MEASURES = {"area": "word", "proposal": "word", "why": "word", "n": "count", "share": "percent", "negative_share": "percent",
            "money": "money", "proof": "word", "baseline": "percent"}  # fmt: skip
MEASURES_SHOWN = ("label", "area", "proposal", "why", "n", "share", "negative_share", "money", "proof", "baseline")
ACTIONS = {"due": "date", "amount": "money"}
REPS = {"measure": "word", "n_people": "count", "n": "count", "value": "uom", "low": "uom", "high": "uom"}
REPS_SHOWN = ("measure", "team", "n_people", "n", "value", "low", "high", "shown")
QUOTES_SHOWN = ("label", "date", "tone", "quote")
QUOTES = {"tone": "word", "date": "date", "language": "word"}
DISAGREE = {"date": "date", "scale": "word", "score": "count", "stated": "word", "tone": "word", "p": "percent"}
WORDS = {
    "language": "word",
    "window": "period",
    "n": "count",
    "share": "percent",
    "change": "points",
    "q_value": "ratio",
}
MATCHES = {"refitted": "period", "likeness": "ratio", "kept": "word"}

SHOWN: dict[str, dict[str, Any]] = {
    "scores": {"title": "feedback.table.scores", "formats": SCORES, "columns": SCORES_SHOWN},
    "reps": {"title": "feedback.table.reps", "formats": REPS, "columns": REPS_SHOWN},
    "themes": {"title": "feedback.table.themes", "formats": THEMES, "columns": THEMES_SHOWN},
    "quotes": {"title": "feedback.table.quotes", "formats": QUOTES, "columns": QUOTES_SHOWN},
    "theme_money": {"title": "feedback.table.money", "formats": MONEY, "columns": MONEY_SHOWN},
    "actions_proposed": {"title": "feedback.table.actions", "formats": ACTIONS, "columns": ("what", "due", "amount")},
    "measures": {"title": "feedback.table.measures", "formats": MEASURES, "columns": MEASURES_SHOWN},
}
"""How the report shows the tables that hold more columns than it shows."""


def headline(scores: pd.DataFrame, found: pd.DataFrame, said: pd.DataFrame) -> Sentence:
    """Say what customers tell in one sentence: the score, whether it moved, and the theme that grows."""
    growing = found[found["emerging"].astype(bool)] if len(found) else found
    for measure in scoring.MEASURES:
        own = scores[(scores["measure"] == measure) & (scores["scope_kind"] == "company") & (scores["n"] > 0)]
        if len(own):
            row = own.iloc[0]
            values: dict[str, object] = {"value": float(row["value"]), "low": float(row["low"]), "high": float(row["high"]), "n": int(row["n"]),
                      "change": None if pd.isna(row["change"]) else float(row["change"])}  # fmt: skip
            values |= {"moved": f"moved_{row['verdict'] or 'first'}", "window": row["window"]}
            if len(growing):
                return f"feedback.{measure}_theme.headline", {**values, "theme": growing["label"].iloc[0]}
            return f"feedback.{measure}.headline", values
    n = int((said["respondent"] == "customer").sum())
    if not n:
        return "feedback.nothing.headline", {}
    return "feedback.unscored.headline", {"n": n, "usable": int(said["usable"].sum())}


def reading(said: pd.DataFrame, issues: pd.DataFrame) -> Sentence:
    """Say how much was read and how much of it was found wanting."""
    values = {
        "n": len(said),
        "scored": int(said["valid"].sum()),
        "usable": int(said["usable"].sum()),
        "rules": len(issues),
    }
    return ("feedback.read" if len(issues) else "feedback.read_clean"), values


def response(table: pd.DataFrame) -> list[Sentence]:
    """Say how many answered, or that the data cannot tell, and how many customers were heard."""
    rows, told = table.set_index("what"), []
    asked = rows.loc["answers"]
    told.append(
        ("feedback.response", dict(asked[["n", "of", "share"]]))
        if asked["of"] > 0
        else ("feedback.response_unknown", {"n": asked["n"]})
    )
    heard = rows.loc["customers"]
    return [*told, ("feedback.heard", dict(heard[["n", "of", "share"]]))] if heard["of"] > 0 else told


def reps(table: pd.DataFrame) -> Sentence:
    """Say whether reps' answers can be shown."""
    if table.empty:
        return "feedback.reps_none", {}
    hidden = int((~table["shown"].astype(bool)).sum())
    return ("feedback.reps_hidden" if hidden else "feedback.reps"), {
        "n": hidden,
        "of": len(table),
        "least": scoring.GROUP_LEAST,
    }


def basis(rows: pd.DataFrame) -> list[Sentence]:
    """Say, for each language, how tone was told and how often it agrees with the scores."""
    told: list[Sentence] = []
    for row in rows.itertuples():
        values = {"language": f"tongue_{row.language}", "n": row.n_scored, "accuracy": row.accuracy, "low": row.low, "high": row.high,
                  "gap": row.calibration_error, "least": tone.LEAST_SCORED}  # fmt: skip
        kind = row.kind if row.kind == "learned" or row.n_scored >= tone.LEAST_CLASS else "lexicon_blind"
        told.append((f"feedback.tone_{kind}", values))
    return told or [("feedback.tone_none", {})]


def settled(chains: dict[str, themes.Chain], counts: dict[str, int]) -> list[Sentence]:
    """Say, for each language, whether its themes are frozen, may still change, or cannot be told yet."""
    told: list[Sentence] = []
    for language, chain in chains.items():
        n = counts.get(language, 0)
        if chain.model is None and n >= themes.LEAST:
            told.append(("feedback.themes_apart", {"language": f"tongue_{language}", "n": n}))
        elif chain.model is None:
            told.append(("feedback.themes_few", {"language": f"tongue_{language}", "n": n, "need": themes.LEAST}))
        elif not chain.model.settled:
            told.append(
                (
                    "feedback.themes_open",
                    {"language": f"tongue_{language}", "n": n, "k": len(chain.model.ids), "need": themes.SETTLED},
                )
            )
        else:
            refits = chain.matches["refitted"].nunique() if len(chain.matches) else 0
            message = "feedback.themes_refitted" if refits else "feedback.themes_frozen"
            told.append(
                (
                    message,
                    {
                        "language": f"tongue_{language}",
                        "k": len(chain.model.ids),
                        "until": chain.model.fitted_until,
                        "n": refits,
                    },
                )
            )
    return told or [("feedback.themes_none", {})]


def growth(found: pd.DataFrame) -> Sentence:
    """Say which themes emerge, or how large a rise would have been seen."""
    growing = found[found["emerging"].astype(bool)] if len(found) else found
    if len(growing):
        first = growing.sort_values("q_value", kind="stable").iloc[0]
        return "feedback.emerging", {"n": len(growing), "theme": first["label"], "share": first["share"],
                                     "before": first["share"] - first["change"], "of": int(first["of"])}  # fmt: skip
    tested = found[found["p_value"].notna()] if len(found) else found
    if tested.empty:
        return "feedback.emerging_untested", {"need": shares.LEAST}
    largest = tested.sort_values("of").iloc[-1]
    rise = shares.detectable(int(largest["of"]), int(largest["of_before"]))
    return "feedback.emerging_none", {"n": len(tested), "rise": rise, "of": int(largest["of"])}


def money(table: pd.DataFrame) -> Sentence:
    """Say where complaints and lost deals go together, as an association."""
    told = table[table["n_accounts"] > 0] if len(table) else table
    if told.empty:
        return "feedback.money_none", {}
    more = told[told["verdict"] == "more"]
    row = (more if len(more) else told).sort_values("bookings", kind="stable").iloc[-1]
    values = {"theme": row["label"], "n": int(row["n_accounts"]), "bookings": row["bookings"], "lost": row["lost_share"],
              "others": row["lost_share_others"]}  # fmt: skip
    return ("feedback.money_more" if len(more) else "feedback.money"), values


def disagreeing(table: pd.DataFrame, rows: pd.DataFrame) -> Sentence:
    """Say how many texts speak against their score."""
    if not len(rows) or not (rows["kind"] == "learned").any():
        return "feedback.disagree_unknown", {"least": tone.LEAST_SCORED}
    return ("feedback.disagree" if len(table) else "feedback.disagree_none"), {"n": len(table), "sure": tone.SURE}


def proposed(table: pd.DataFrame) -> Sentence:
    """Say what is proposed."""
    if table.empty:
        return "feedback.measures_none", {}
    row = table.iloc[0]
    return "feedback.measures", {"n": len(table), "theme": row["label"], "what": f"feedback_{row['proposal']}"}
