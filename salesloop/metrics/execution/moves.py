"""What an action expects of a deal or a measure, read from the words people use, and whether it came."""

from __future__ import annotations

import re

import pandas as pd

MOVES = ("moved", "closed", "won", "advanced", "touched", "dated", "next_step", "priced")
"""What a deal can be expected to do; ``moved`` is any of closed, advanced or touched."""
_WORDS = (
    ("won", r"\bwon\b|\bwin\b|\bsigned?\b|赢单|签约|成交|签单"),
    ("next_step", r"next.?step|下一步"),
    ("dated", r"\bdated\b|\bdate\b|close.?date|expected.?close|日期|关单时间|预计成交"),
    ("priced", r"\bpriced\b|\bamount\b|金额|报价"),
    ("advanced", r"\badvanc\w*|\bstage\b|\bforward\b|推进|阶段"),
    ("closed", r"\bclosed?\b|\bclosing\b|\bdecided?\b|关闭|结案|了结"),
    ("touched", r"\btouch\w*|\bcall\w*|\bcontact\w*|\bmeet\w*|\bvisit\w*|\bfollow|跟进|联系|拜访|触达|电话"),
)
_SPLIT = re.compile(r"[;,；，、|\s]+")
_SHARE = re.compile(r"([+\-−]?)\s*(\d+(?:\.\d+)?)\s*(%|％)")
_FALL = re.compile(r"[-−]\s*\d|\bdown\b|\blower\b|\breduc\w*|\bfewer\b|\bless\b|下降|降低|减少")


def read_move(text: object) -> str:
    """Return the code of an expected move, whatever the wording; what is not understood is ``moved``.

    Examples
    --------
    >>> [read_move(t) for t in ("closed", "Stage advanced", "每个商机跟进一次", None)]
    ['closed', 'advanced', 'touched', 'moved']
    """
    told = "" if text is None or text != text else str(text).strip().casefold()
    if told in MOVES:
        return told
    return next((code for code, words in _WORDS if re.search(words, told)), "moved")


def read_change(text: object) -> float:
    """Return the relative change that an action expects of a measure; without a number only its direction counts.

    Examples
    --------
    >>> read_change("+10%"), read_change("down 5 %"), read_change("more")
    (0.1, -0.05, 0.0)
    """
    told = "" if text is None or text != text else str(text).casefold()
    found = _SHARE.search(told)
    size = float(found[2]) / 100 if found else 0.0
    return -size if _FALL.search(told) else size


def split_ids(text: object) -> list[str]:
    """Return the deals that an action names, in order, each once.

    Examples
    --------
    >>> split_ids("D1; D2，D1")
    ['D1', 'D2']
    """
    told = "" if text is None or text != text else str(text)
    return list(dict.fromkeys(part for part in _SPLIT.split(told) if part))


def last_touch(deals: pd.DataFrame, activities: pd.DataFrame, *, as_of: pd.Timestamp) -> pd.Series:
    """Return the last time each deal was worked on: its last done activity, or what the source itself says.

    Parameters
    ----------
    deals, activities : DataFrame
        ``Book.deals()`` and the canonical activities.
    as_of : Timestamp
        Nothing later counts.

    Returns
    -------
    Series
        Times on the index of `deals`; NaT where nothing is known.
    """
    until = as_of + pd.Timedelta(days=1)
    known = deals["last_activity_at"].where(deals["last_activity_at"] < until)
    if not len(activities):
        return known
    done = activities.loc[activities["done_at"] < until, ["opportunity_id", "done_at"]].dropna()
    latest = done.groupby("opportunity_id")["done_at"].max()
    found = pd.Series(latest.reindex(deals["opportunity_id"]).to_numpy(), index=deals.index, dtype="datetime64[us]")
    return pd.concat([known, found], axis=1).max(axis=1)


def moved(deals: pd.DataFrame, code: str, *, since: pd.Timestamp, as_of: pd.Timestamp, touched: pd.Series) -> pd.Series:
    """Return which deals did what was expected after a day.

    Parameters
    ----------
    deals : DataFrame
        ``Book.deals()``, as known on `as_of`.
    code : str
        One of `MOVES`.
    since : Timestamp
        The day the action was agreed; only what came later, or on that day after it began, counts.
    as_of : Timestamp
        The day of the check.
    touched : Series
        From `last_touch`.
    """
    closed = deals["status"].isin(["won", "lost", "void"]) & ~(deals["closed_on"] < since)
    done = {
        "closed": closed,
        "won": closed & (deals["status"] == "won"),
        "advanced": (deals["stage_entered_at"] >= since) & ~deals["status"].isin(["lost", "void"]),
        "touched": touched >= since,
        "dated": closed | (deals["expected_close"] >= as_of),
        "next_step": closed | deals["next_step"].fillna("").astype(str).str.strip().ne(""),
        "priced": deals["amount"] > 0,
    }
    done["advanced"] |= done["won"]
    done["moved"] = done["closed"] | done["advanced"] | done["touched"]
    return done[code].fillna(False).astype(bool)
