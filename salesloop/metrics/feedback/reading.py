"""Feedback made ready: scales checked, texts cleaned, languages told apart; what cannot be used is named, never dropped."""

from __future__ import annotations

import datetime as dt
import re

import numpy as np
import pandas as pd

from salesloop.metrics import measures

SCALES = {"nps": (0.0, 10.0), "csat5": (1.0, 5.0), "ces7": (1.0, 7.0)}
"""The lowest and highest score of each scale."""
MOST_CHARACTERS = 2000
"""Characters of a text that are read; pasted mails go on for pages."""
REPEATED = 3
"""Copies from which on a text counts as repeated."""
ISSUES = ("rule", "n", "of", "effect")
_HAN, _LATIN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"), re.compile("[A-Za-z\u00c0-\u024f]")
_LETTER = re.compile(r"[^\W\d_]")


def language(text: str) -> str:
    """Return ``zh``, ``en``, ``other`` (letters of another script) or an empty text, by the script of the letters.

    A Chinese character says about as much as two or three letters, so a third of Han letters makes a text Chinese.

    Examples
    --------
    >>> language("交付太慢 CRM"), language("Too slow, 3 weeks"), language("Очень медленно"), language("👍👍")
    ('zh', 'en', 'other', '')
    """
    han, latin = len(_HAN.findall(text)), len(_LATIN.findall(text))
    if han and 3 * han >= latin:
        return "zh"
    if latin:
        return "en"
    return "other" if _LETTER.search(text) else ""


def is_mixed(text: str) -> bool:
    """Return whether a text holds a fair part of both scripts."""
    han, latin = len(_HAN.findall(text)), len(_LATIN.findall(text))
    return han > 3 and latin > 12 and min(3 * han, latin) > 0.3 * max(3 * han, latin)


def read(feedback: pd.DataFrame, *, as_of: dt.date) -> pd.DataFrame:
    """Return the feedback up to a day with what can be used of each row.

    Parameters
    ----------
    feedback : DataFrame
        The canonical table.
    as_of : date
        The last day that counts; later rows are left for later and named by `issues`.

    Returns
    -------
    DataFrame
        The columns of `feedback`, ``month`` (Period; NaT without a date), ``valid`` (the score lies on its scale, and the answer is no
        copy), ``twin`` (a copy of an earlier answer: `salesloop.metrics.measures.copied`),
        ``words`` (the text that is read, at most 2,000 characters), ``language``, ``copies`` (rows of the same text),
        ``first`` (the first of them from its account, or from nobody named), ``usable`` (its text is read for tone and themes), ``later``. Missing respondents
        are customers.
    """
    said = feedback.reset_index(drop=True).copy()
    said["respondent"] = said["respondent"].fillna("customer")
    said["month"] = said["date"].dt.to_period("M")
    bounds = [SCALES.get(str(scale), (np.nan, np.nan)) for scale in said["scale"]]
    low, high = np.array([b[0] for b in bounds]), np.array([b[1] for b in bounds])
    said["twin"] = measures.copied(said)
    said["valid"] = (said["score"].to_numpy() >= low) & (said["score"].to_numpy() <= high) & ~said["twin"].to_numpy()
    cut = [" ".join(str(text)[:MOST_CHARACTERS].split()) if isinstance(text, str) else "" for text in said["text"]]
    said["words"] = pd.Series(cut, index=said.index, dtype=object)
    unique = dict.fromkeys(said["words"])
    tongues = {text: language(text) for text in unique}
    said["language"] = said["words"].map(tongues).astype(object)
    said["copies"] = said.groupby("words")["words"].transform("size").where(said["words"] != "", 1)
    said["first"] = ~said.assign(account=said["account"].fillna("")).duplicated(["words", "account"])
    size = said["words"].map(len).astype(int)
    repeated = (said["copies"] >= REPEATED) & (size > 12) & ~said["first"]
    said["later"] = (said["date"] > pd.Timestamp(as_of)).to_numpy()
    said["usable"] = said["language"].isin(["en", "zh"]) & (size > 1) & ~repeated & ~said["later"]
    return said


def issues(said: pd.DataFrame) -> pd.DataFrame:
    """Return what is wrong with the feedback, rule by rule.

    Parameters
    ----------
    said : DataFrame
        From `read`.

    Returns
    -------
    DataFrame
        ``rule``, ``n`` (rows), ``of`` (rows looked at), ``effect`` (what was done about it); only rules that found any.
    """
    scored, text = said["score"].notna(), said["words"]
    known = said["scale"].isin(list(SCALES))
    usual = said.loc[scored & known, "scale"].mode()
    size, raw = (
        text.map(len).astype(int),
        said["text"].map(lambda one: len(one) if isinstance(one, str) else 0).astype(int),
    )
    found = {
        "score_outside": (scored & known & ~said["valid"] & ~said["twin"], "score_left_out"),
        "same_answer": (said["twin"], "counted_once"),
        "score_without_scale": (scored & ~known, "score_left_out"),
        "scale_mixed": (
            scored & known & (said["scale"] != usual.iloc[0]) if len(usual) else scored & False,
            "each_apart",
        ),
        "neither": (~scored & (text == ""), "counted_as_asked"),
        "too_short": (size == 1, "text_left_out"),
        "no_letters": ((size > 1) & (said["language"] == ""), "text_left_out"),
        "other_language": (said["language"] == "other", "text_left_out"),
        "mixed_language": (pd.Series([is_mixed(one) for one in text], index=said.index, dtype=bool), "by_main_script"),
        "long_text": (raw > MOST_CHARACTERS, "beginning_read"),
        "repeated": ((said["copies"] >= REPEATED) & (size > 12) & ~said["first"], "read_once"),
        "undated": (said["date"].isna(), "in_no_month"),
        "later": (said["later"], "left_for_later"),
    }
    rows = [(rule, int(hit.sum()), len(said), effect) for rule, (hit, effect) in found.items() if hit.any()]
    return pd.DataFrame(rows, columns=list(ISSUES))


def linked(said: pd.DataFrame, deals: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """Return feedback with the account, and the segments of the deal or account it is about.

    Parameters
    ----------
    said : DataFrame
        From `read`; ``account`` is an account's id or name, ``opportunity`` a deal's id.
    deals, accounts : DataFrame
        ``Book.deals()`` and the accounts.

    Returns
    -------
    DataFrame
        With ``account_id, region, team, segment, product``; None where nothing links.
    """
    made = said.copy()
    of_deal = deals.drop_duplicates("opportunity_id").set_index("opportunity_id")
    by_name = accounts.dropna(subset=["name"]).drop_duplicates("name", keep=False).set_index("name")["account_id"]
    ids = set(accounts["account_id"]) | set(deals["account_id"].dropna())
    made["account_id"] = made["account"].where(made["account"].isin(ids), made["account"].map(by_name))
    made["account_id"] = _or_none(made["account_id"].fillna(made["opportunity"].map(of_deal["account_id"])))
    of_account = deals.dropna(subset=["account_id"]).drop_duplicates("account_id", keep="last").set_index("account_id")
    for column in ("region", "team", "segment", "product"):
        direct = made["opportunity"].map(of_deal[column])
        made[column] = _or_none(direct.fillna(made["account_id"].map(of_account[column])))
    return made


def _or_none(values: pd.Series) -> pd.Series:
    return values.astype(object).where(values.notna(), None)
