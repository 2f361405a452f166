"""Where leads and deals stall or die, what it costs, and where the opportunity is: the functions of `30_bottlenecks`."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from salesloop.metrics.bottlenecks import (
    drivers,
    eventlog,
    find,
    gains,
    incidence,
    leads,
    money,
    paths,
    say,
    slips,
    stalled,
    stays,
    timing,
)  # fmt: skip
from salesloop.metrics.bottlenecks.find import Found
from salesloop.metrics.bottlenecks.stays import Stays

__all__ = [
    "Diagnosis", "diagnose", "drivers", "eventlog", "factors", "find", "gains", "incidence", "leads", "money", "paths",
    "say", "slips", "split_by", "stalled", "stays", "timing", "watch", "with_bands",
]  # fmt: skip
SHOWN = 10
_WATCH = ["stage", "segment", "q_value"]


@dataclass(frozen=True)
class Diagnosis:
    """What the search for bottlenecks gave.

    Attributes
    ----------
    stays : Stays
        The stays it rests on, with what was wrong with the history.
    found : Found
        The search itself.
    table : DataFrame
        One row a cell, flagged first; empty where the stage history does not carry it. ``renewals`` is what would have
        followed the money within 15 months, shown apart.
    follow, follow_n : float, int
        The share of amounts won that was renewed within 15 months, and over how many deals.
    """

    stays: Stays
    found: Found
    table: pd.DataFrame
    follow: float = float("nan")
    follow_n: int = 0

    @property
    def flagged(self) -> pd.DataFrame:
        """The rows that both the corrected test and the money interval carry."""
        return self.table[self.table["flagged"]].reset_index(drop=True)

    @property
    def top(self) -> pd.DataFrame:
        """The first rows: what is flagged, then what comes nearest to it."""
        return self.table.head(max(SHOWN, len(self.flagged)))

    def total(self) -> dict[str, float]:
        """Return the money at stake: ``value, low, high, n`` (open deals in the cells).

        All changes that are flagged, each a cause of its own; without any, the largest lasting difference, as lasting
        ones share deals and do not add up.
        """
        changes = self.flagged[self.flagged["nature"] == "change"]
        rows = changes if len(changes) else self.flagged.head(1)
        if rows.empty:
            return {"value": np.nan, "low": np.nan, "high": np.nan, "n": 0}
        value, half = rows["money"].sum(), np.sqrt(np.square(rows["money"] - rows["money_low"]).sum())
        return {"value": value, "low": value - half, "high": value + half, "n": int(rows["n_open"].sum())}


_COLUMNS = ["pipeline", "stage", "segment_kind", "segment", "n", "conversion", "low", "high", "p50_days", "p75_days",
            "p50_low", "p50_high", "p75_low", "p75_high", "excess_days", "money", "money_low", "money_high", "q_value", "flagged", "since", "direction", "nature", "ratio",
            "observed", "expected", "moves", "p_value", "own_q", "n_open", "renewals"]  # fmt: skip


def diagnose(
    deals: pd.DataFrame, events: pd.DataFrame, stages: pd.DataFrame | None, *, as_of: dt.date, names: list[str],
    country: str = "CN", state_known: str = "events", q: float = find.Q,
) -> Diagnosis:  # fmt: skip
    """Search all stages of all segments, price what is found, and flag what both tests carry.

    Parameters
    ----------
    deals, events, stages : DataFrame
        ``Book.deals()`` without what is known only after the fact, and the canonical tables.
    as_of : date
        The last day.
    names : list of str
        Segment kinds to split by, as `split_by` gives them.
    country : str
        Whose working days count for deals to come.
    state_known : {"observed", "events", "dates"}
        With ``dates`` there is no stage history, and nothing is searched.
    q : float
        The q value up to which a cell may be flagged.

    Returns
    -------
    Diagnosis
    """
    deals = deals.drop_duplicates("opportunity_id").reset_index(drop=True)
    events = events if state_known != "dates" else events[:0]
    made = stays.stays(deals, events, as_of=as_of, stages=stages)
    found = find.find(deals, made, names=names, q=q)
    if found.cells.empty:
        return Diagnosis(made, found, pd.DataFrame(columns=_COLUMNS).astype({"flagged": bool}))
    cells = find.describe(found.cells, deals, made)
    stakes = money.Stakes(deals, events, as_of=as_of, stages=stages, country=country, made=made)
    follow, n = gains.renewed_value(deals, as_of=as_of)
    table = money.priced(cells, stakes, q=q)
    table["renewals"] = table["money"].astype(float) * follow
    return Diagnosis(made, found, table[_COLUMNS], follow, n)


def split_by(deals: pd.DataFrame, names: list[str]) -> list[str]:
    """Return the segment kinds to search: those given and `amount_band`, without another name for the same split.

    A kind whose levels follow from an earlier one and the other way round (95 % of deals) would name each cause twice.

    Examples
    --------
    >>> deals = pd.DataFrame({"segment": ["S", "L", "S"], "size": ["1-9", "10+", "1-9"], "team": ["a", "a", "b"]})
    >>> split_by(deals, ["segment", "size", "team"])
    ['segment', 'team']
    """
    kept: list[str] = []
    for name in [*names, "amount_band"]:
        if name in deals and deals[name].nunique() >= 2 and not any(_same(deals[name], deals[other]) for other in kept):
            kept.append(name)
    return kept


def _same(one: pd.Series, other: pd.Series, share: float = 0.95) -> bool:
    """Return whether two columns split deals alike: each level of one goes with one level of the other."""
    known = one.notna() & other.notna()
    if known.sum() < share * one.notna().sum():
        return False
    mine, theirs = (pd.factorize(column[known])[0] for column in (one, other))
    shape = (int(mine.max(initial=0)) + 1, int(theirs.max(initial=0)) + 1)
    table = np.bincount(mine * shape[1] + theirs, minlength=shape[0] * shape[1]).reshape(shape)
    return bool(min(table.max(axis=0).sum(), table.max(axis=1).sum()) >= share * table.sum())


def with_bands(deals: pd.DataFrame) -> pd.DataFrame:
    """Return deals with ``amount_band``: small, middle or large by thirds of the amounts; none where amounts are missing."""
    amount = deals["amount"].where(deals["amount"] > 0)
    if amount.notna().mean() < 0.5 or amount.nunique() < 3:
        return deals.assign(amount_band=None)
    low, high = amount.quantile([1 / 3, 2 / 3]).to_list()
    band = np.select([amount <= low, amount <= high, amount > high], ["small", "middle", "large"], "")
    return deals.assign(amount_band=pd.Series(band, index=deals.index, dtype=object).where(band != "", None))


def watch(diagnosis: Diagnosis) -> pd.DataFrame:
    """Return what the loop may watch: ``stage, segment, q_value`` of the flagged cells."""
    return diagnosis.flagged[_WATCH].reset_index(drop=True)


def factors(deals: pd.DataFrame, names: list[str]) -> list[str]:
    """Return the kinds to compare win rates by: segments and, where told, the rep."""
    return [*names, *[name for name in ("rep",) if name in deals and deals[name].nunique() >= 2]]
