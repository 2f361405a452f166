"""What can be told from closed deals alone: win rates by segment, by place in the quarter and by length of the cycle."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from salesloop.metrics.intervals import benjamini_hochberg, wilson

Q = 0.05
LEAST = 20
COLUMNS = ["kind", "level", "n", "win_rate", "low", "high", "p_value", "q_value", "flagged"]
CYCLE = ((-1, 14, "d_0_14"), (14, 30, "d_15_30"), (30, 60, "d_31_60"), (60, 90, "d_61_90"), (90, 180, "d_91_180"), (180, 10_000, "d_181"))  # fmt: skip
PATTERNS = ("month_in_quarter", "cycle_days")


def closed(deals: pd.DataFrame, fiscal_start: int = 1) -> pd.DataFrame:
    """Return the won and lost deals with ``won`` (0, 1), ``month_in_quarter`` (m_1 .. m_3) and ``cycle_days`` (a band)."""
    done = deals[deals["status"].isin(["won", "lost"]) & deals["closed_on"].notna()].copy()
    done["won"] = (done["status"] == "won").astype(float)
    place = (done["closed_on"].dt.month - fiscal_start) % 3 + 1
    done["month_in_quarter"] = ["m_" + str(int(value)) for value in place]
    days = (done["closed_on"] - done["created_at"].dt.normalize()).dt.days
    done["cycle_days"] = np.select(
        [(days > low) & (days <= high) for low, high, _ in CYCLE], [name for *_, name in CYCLE], ""
    )
    done["cycle_days"] = done["cycle_days"].where(done["cycle_days"] != "", None)
    return done


_PEOPLE = ("rep", "owner", "manager")


def win_rates(done: pd.DataFrame, kinds: list[str]) -> pd.DataFrame:
    """Return the win rate of each level of each kind, tested against all others, corrected for all kinds and levels.

    Parameters
    ----------
    done : DataFrame
        From `closed`.
    kinds : list of str
        Columns to split by; people are left out, since a raw win rate says nothing of what they were handed.

    Returns
    -------
    DataFrame
        ``kind, level, n, win_rate, low, high`` (Wilson, 95 %), ``p_value`` (level against the rest, Fisher or
        chi-square), ``q_value``, ``flagged``: the level and its whole kind (chi-square) both stand out after
        correction. Levels with under 20 closed deals are not tested.
    """
    rows, whole = [], {}
    for kind in (name for name in kinds if name not in _PEOPLE):
        part = done.dropna(subset=[kind])
        table = part.groupby(part[kind].astype(str))["won"].agg(["size", "sum"])
        table = table[table["size"] >= LEAST]
        if len(table) < 2:
            continue
        whole[kind] = _chi2(table["sum"].to_numpy(float), table["size"].to_numpy(float))
        total, wins = float(table["size"].sum()), float(table["sum"].sum())
        for level, row in table.iterrows():
            p = _chi2(np.array([row["sum"], wins - row["sum"]]), np.array([row["size"], total - row["size"]]))
            low, high = wilson(row["sum"], row["size"])
            rows.append({"kind": kind, "level": level, "n": int(row["size"]), "win_rate": row["sum"] / row["size"],
                         "low": low, "high": high, "p_value": p})  # fmt: skip
    made = pd.DataFrame(rows, columns=COLUMNS[:-2])
    made["q_value"] = benjamini_hochberg(made["p_value"])
    names = list(whole)
    kind_q = dict(zip(names, benjamini_hochberg([whole[name] for name in names]), strict=True))
    made["flagged"] = (made["q_value"] <= Q) & (made["kind"].map(kind_q) <= Q)
    first = (~made["kind"].isin(PATTERNS)).astype(int)
    return (
        made.assign(first=first)
        .sort_values(["first", "q_value"], kind="stable")
        .drop(columns="first")
        .reset_index(drop=True)
    )


def _chi2(wins: np.ndarray, n: np.ndarray) -> float:
    """Return the p value of equal win rates (Pearson's chi-square; NaN where all or none won).

    Examples
    --------
    >>> round(_chi2(np.array([56.0, 48.0]), np.array([70.0, 80.0])), 4)
    0.008
    """
    share = wins.sum() / n.sum()
    if not 0 < share < 1:
        return float("nan")
    statistic = float(((wins - n * share) ** 2 / (n * share * (1 - share))).sum())
    return float(stats.chi2.sf(statistic, len(n) - 1))


def cycle(deals: pd.DataFrame) -> dict[str, float]:
    """Return ``n, p25, p50, p75``: days from creation to closing of won deals; NaN under 20."""
    won = deals[(deals["status"] == "won") & deals["closed_on"].notna() & deals["created_at"].notna()]
    days = (won["closed_on"] - won["created_at"].dt.normalize()).dt.days
    days = days[days >= 0]
    told = days.quantile([0.25, 0.5, 0.75]).tolist() if len(days) >= LEAST else [np.nan] * 3
    return {"n": len(days), "p25": told[0], "p50": told[1], "p75": told[2]}
