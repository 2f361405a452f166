"""Open deals: their chances, which of them move the month, and which columns must not be learned from."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salesloop.metrics.pipeline import Draws

_AFTER_SHARE = 0.5
_MOST = 10


def leak_guard(deals: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that are filled in only once a deal is decided; a forecast may not read them.

    Returns
    -------
    DataFrame
        ``column, filled_closed, filled_open`` (shares), columns filled in for closed deals by at least half more.

    Examples
    --------
    >>> leak_guard(pd.DataFrame({"status": ["won", "lost", "open"], "loss_reason": [None, "price", None],
    ...                          "decision": ["a", "b", None]}))["column"].tolist()
    ['decision', 'loss_reason']
    """
    closed = deals["status"].isin(["won", "lost", "void"])
    rows = []
    if closed.any() and (~closed).any():
        for column in deals.columns.difference(["status", "closed_on"], sort=True):
            filled = deals[column].notna()
            rows.append(
                {"column": column, "filled_closed": filled[closed].mean(), "filled_open": filled[~closed].mean()}
            )
    made = pd.DataFrame(rows, columns=["column", "filled_closed", "filled_open"])
    return made[made["filled_closed"] - made["filled_open"] >= _AFTER_SHARE].reset_index(drop=True)


def without(deals: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return deals with the values of leaking columns taken out."""
    return deals.assign(
        **{column: None for column in columns if column not in ("amount", "created_at", "stage", "owner_id")}
    )


def probabilities(drawn: Draws, deals: pd.DataFrame) -> pd.DataFrame:
    """Return ``deal_probability``: a row an open deal.

    Returns
    -------
    DataFrame
        ``opportunity_id, owner_id, rep, stage, age_days, amount`` (expected when won), ``crm_amount``, ``p_win`` (within the horizon),
        ``p_win_in_period`` (in the first month ahead), ``expected`` (amount times that), ``typed`` (the CRM's own
        probability, shown beside and not used), ``swing`` (what the deal adds to the month's standard deviation) and,
        where the deals state it, ``expected_close``.
    """
    info = deals.drop_duplicates("opportunity_id").set_index("opportunity_id")
    made = drawn.deals[["opportunity_id", "owner_id", "stage", "age_days", "amount", "p_win"]].copy()
    p = drawn.deals["p_1"].astype(float) if len(drawn.deals) else pd.Series(dtype=float)
    made["p_win_in_period"] = p
    made["expected"] = p * made["amount"].astype(float)
    made["swing"] = made["amount"].astype(float) * np.sqrt((p * (1 - p)).clip(lower=0))
    made["rep"] = made["opportunity_id"].map(info["rep"].to_dict() if "rep" in info else {})
    amounts = info["amount"].to_dict() if "amount" in info else {}
    made["crm_amount"] = made["opportunity_id"].map(amounts).astype(float)
    made["typed"] = (
        made["opportunity_id"].map(info["probability"].to_dict() if "probability" in info else {}).astype(float)
    )
    if "expected_close" in info:
        made["expected_close"] = pd.to_datetime(made["opportunity_id"].map(info["expected_close"].to_dict()))
    return made.sort_values(["expected", "opportunity_id"], ascending=[False, True]).reset_index(drop=True)


def movers(table: pd.DataFrame, *, ahead: pd.Period | None = None) -> pd.DataFrame:
    """Return the ten deals that move the month most, each with why in words.

    Parameters
    ----------
    table : DataFrame
        From `probabilities`.
    ahead : Period, optional
        The month ahead, to tell deals that are overdue from those due in it.

    Returns
    -------
    DataFrame
        The rows with the largest swing, and ``why, also``: the first two that hold of near (more likely than not to be
        won in the month), large (three times the usual amount or more), overdue (its typed close date is past), due (it
        lies in the month), late (longer in its stage than three in four deals); undecided where none does.

    Examples
    --------
    >>> table = pd.DataFrame({"opportunity_id": ["a", "b", "c"], "amount": [9.0, 1.0, 1.0], "p_win_in_period": [0.6, 0.1, 0.1],
    ...     "age_days": [5.0, 5.0, 5.0], "swing": [4.4, 0.3, 0.3]})
    >>> movers(table)[["why", "also"]].values.tolist()
    [['near', 'large'], ['undecided', None], ['undecided', None]]
    """
    best = table.sort_values(["swing", "opportunity_id"], ascending=[False, True]).head(_MOST).reset_index(drop=True)
    usual, old = table["amount"].median(), table["age_days"].quantile(0.75) if len(table) else np.nan
    holds = {
        "near": best["p_win_in_period"] >= 0.5, "large": best["amount"] >= 3 * usual, **_by_close_date(best, ahead),
        "late": best["age_days"] > old,
    }  # fmt: skip
    found = [[name for name, rows in holds.items() if rows.iloc[i]] for i in range(len(best))]
    why = [one[0] if one else "undecided" for one in found]
    also = [one[1] if len(one) > 1 else None for one in found]
    return best.assign(why=pd.Series(why, dtype=object), also=pd.Series(also, dtype=object))


def _by_close_date(best: pd.DataFrame, ahead: pd.Period | None) -> dict[str, pd.Series]:
    if ahead is None or "expected_close" not in best:
        return {}
    month = best["expected_close"].dt.to_period("M")
    return {"overdue": month < ahead, "due": month == ahead}


def reliability(p: np.ndarray, won: np.ndarray) -> pd.DataFrame:
    """Return stated chances against what came, in five bins of equal size.

    Returns
    -------
    DataFrame
        ``bin, n, stated, observed``.

    Examples
    --------
    >>> reliability(np.array([0.1] * 10 + [0.9] * 10), np.array([0] * 9 + [1] + [1] * 9 + [0])).tail(1)["observed"].tolist()
    [0.75]
    """
    if len(p) == 0:
        return pd.DataFrame(columns=["bin", "n", "stated", "observed"])
    order = np.argsort(p, kind="stable")
    bins = np.array_split(order, min(5, len(p)))
    rows = [
        {"bin": i + 1, "n": len(b), "stated": float(p[b].mean()), "observed": float(won[b].mean())}
        for i, b in enumerate(bins)
    ]
    return pd.DataFrame(rows)


def brier(p: np.ndarray, won: np.ndarray) -> float:
    """Return the mean squared error of chances; NaN without any."""
    return float(((p - won) ** 2).mean()) if len(p) else float("nan")


def log_loss(p: np.ndarray, won: np.ndarray) -> float:
    """Return the mean negative log likelihood of chances; NaN without any."""
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return float(-(won * np.log(p) + (1 - won) * np.log(1 - p)).mean()) if len(p) else float("nan")
