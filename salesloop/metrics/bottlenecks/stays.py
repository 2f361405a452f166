"""From deals and their stage history to stays: when each stage was entered and left, for where; and what was wrong with it.

Only moves that were seen count. What lies before the history began is cut off at the left, what is still open at the
right, so that neither old nor unfinished deals bend the picture.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from salesloop.metrics.pipeline.model import open_moves
from salesloop.metrics.pipeline.stays import ENDS, OPEN

NO_PIPELINE = "default"
_DAY = np.timedelta64(1, "D")
SHORTEST = 0.5
"""Days that a stay entered and left on one day counts for."""
CAUSES = ("forward", "lost", "back")


@dataclass(frozen=True)
class Stays:
    """The stays of a unit's deals.

    Attributes
    ----------
    table : DataFrame
        ``row`` (place in the deals), ``opportunity_id, pipeline, stage, start, end`` (days since 1970, ``end`` of a
        stay still open is the day after the last), ``exit`` (forward, back, lost, void, or "" while open), ``to``,
        ``visit`` (0 for the first time in this stage), ``skipped`` (stages jumped over when leaving).
    order : DataFrame
        ``pipeline, stage, order``: the way that deals go.
    problems : DataFrame
        ``problem, n``: what was wrong with the history and how often; nothing of it was thrown away in silence.
    since, until : float
        The days between which moves were seen.
    staged : bool
        Whether there is a stage history at all.
    """

    table: pd.DataFrame
    order: pd.DataFrame
    problems: pd.DataFrame
    since: float
    until: float
    staged: bool


def day(values: pd.Series) -> np.ndarray:
    """Return days since 1970, NaN where undefined.

    Examples
    --------
    >>> day(pd.Series(pd.to_datetime(["1970-01-03 12:00", None]))).tolist()
    [2.0, nan]
    """
    days = pd.to_datetime(values).to_numpy("datetime64[D]")
    return np.where(np.isnat(days), np.nan, days.astype("int64").astype(float))


def stays(deals: pd.DataFrame, events: pd.DataFrame, *, as_of: dt.date, stages: pd.DataFrame | None = None) -> Stays:
    """Return the stays of deals in stages.

    Parameters
    ----------
    deals : DataFrame
        ``opportunity_id, status, stage, created_at, closed_on`` and, where known, ``pipeline``.
    events : DataFrame
        ``opportunity_id, at, from_stage, to_stage``; without any, no stage is told.
    as_of : date
        Nothing after it is read.
    stages : DataFrame, optional
        ``pipeline, stage, order, kind``: the declared order.

    Returns
    -------
    Stays

    Examples
    --------
    >>> deals = pd.DataFrame({"opportunity_id": ["a"], "status": ["lost"], "stage": ["lost"],
    ...     "created_at": pd.to_datetime(["2026-01-01"]), "closed_on": pd.to_datetime(["2026-01-31"])})
    >>> events = pd.DataFrame({"opportunity_id": ["a"], "at": pd.to_datetime(["2026-01-11"]), "from_stage": ["A"],
    ...     "to_stage": ["B"]})
    >>> made = stays(deals, events, as_of=dt.date(2026, 3, 31)).table
    >>> made[["stage", "exit"]].values.tolist(), (made["end"] - made["start"]).tolist()
    ([['A', 'forward'], ['B', 'lost']], [10.0, 20.0])
    """
    deals = deals.drop_duplicates("opportunity_id").reset_index(drop=True)
    until = float(day(pd.Series([pd.Timestamp(as_of)]))[0]) + 1
    clean, problems = _clean(deals, open_moves(deals, events, stages), until, stages)
    staged = len(clean) > 0
    moves = _moves(deals, clean, until) if staged else _columns()
    order = stage_order(deals, moves, stages)
    made = _exits(moves, order, until)
    made["opportunity_id"] = deals["opportunity_id"].to_numpy(dtype=object)[made["row"].to_numpy(int)]
    since = first_seen(clean["day"].to_numpy(float), _closed(deals)) if staged else until
    problems += [("no_created", int(deals["created_at"].isna().sum()) if staged else 0)]
    problems += [("no_event", int((~deals.index.isin(clean["row"].unique())).sum()) if staged else 0)]
    told = pd.DataFrame([p for p in problems if p[1]], columns=["problem", "n"])
    return Stays(made, order, told, since, until, staged)


def first_seen(moves: np.ndarray, closings: np.ndarray) -> float:
    """Return the day from which on the history is whole: no deal is there that was closed before it.

    A CRM that was filled on some day holds the deals open then, often with their older moves, but not those that had
    been closed by then; to count the older moves would be to count survivors only. So the history begins with the
    first closings; one in two hundred may be older (single deals entered later).

    Examples
    --------
    >>> first_seen(np.array([10.0, 40.0, 90.0]), np.array([50.0, np.nan, 70.0]))
    50.0
    """
    closings = np.sort(closings[np.isfinite(closings)])
    first = float(np.min(moves))
    return max(first, float(closings[int(0.005 * len(closings))])) if len(closings) else first


def _columns() -> pd.DataFrame:
    return pd.DataFrame({"row": np.zeros(0, int), "at": np.zeros(0), "state": np.zeros(0, object),
                         "pipeline": np.zeros(0, object), "kind": np.zeros(0, int)})  # fmt: skip


def pipelines(deals: pd.DataFrame) -> np.ndarray:
    """Return each deal's pipeline; one name for all that state none."""
    if "pipeline" not in deals:
        return np.full(len(deals), NO_PIPELINE, dtype=object)
    return deals["pipeline"].astype(object).where(deals["pipeline"].notna(), NO_PIPELINE).to_numpy(dtype=object)


def _clean(deals, events, until, stages) -> tuple[pd.DataFrame, list[tuple[str, int]]]:
    """Keep the moves that can be placed and count what is wrong with the rest and with them."""
    found: list[tuple[str, int]] = []
    row = pd.Index(deals["opportunity_id"]).get_indexer(events["opportunity_id"])
    made = events.assign(row=row, day=day(events["at"]))
    found.append(("unknown_deal", int((row < 0).sum())))
    found.append(("undated", int((made["day"].isna() & (row >= 0)).sum())))
    made = made[(made["row"] >= 0) & made["day"].notna()]
    found.append(("future", int((made["day"] >= until).sum())))
    made = made[made["day"] < until]
    doubled = made.duplicated(["row", "at", "from_stage", "to_stage"])
    found.append(("doubled", int(doubled.sum())))
    made = made[~doubled]
    made, renamed = _renamed(made, stages)
    found += [("renamed", renamed)]
    found.append(("unknown_stage", _unknown(made, stages)))
    created, closed = day(deals["created_at"])[made["row"]], _closed(deals)[made["row"]]
    early = made["day"].to_numpy() < created
    late = made["day"].to_numpy() > closed
    entered = made["to_stage"].isin(ENDS).to_numpy()
    found += [("before_creation", int(early.sum())), ("after_closing", int((late & ~entered).sum()))]
    made = made.assign(day=np.where(early, created, made["day"]))[~late]
    made = made.sort_values(["row", "day", "at"], kind="stable")
    before = made["to_stage"].where(made["row"].shift(-1) == made["row"]).shift(1)
    broken = before.notna() & made["from_stage"].notna() & (before != made["from_stage"])
    found.append(("out_of_order", int(broken.sum())))
    return made, found


def _closed(deals: pd.DataFrame) -> np.ndarray:
    return np.where(deals["status"].isin(ENDS), day(deals["closed_on"]), np.nan)


def _unknown(events: pd.DataFrame, stages: pd.DataFrame | None) -> int:
    """Count moves into stages that the declared list does not have."""
    if stages is None or stages.empty:
        return 0
    return int((~events["to_stage"].isin([*stages["stage"], *ENDS])).sum())


def _renamed(events: pd.DataFrame, stages: pd.DataFrame | None) -> tuple[pd.DataFrame, int]:
    """Take a stage that ended as another began, at the same place on the way, for the same one under a new name.

    It goes by its new name, unless only the old one is declared.
    """
    if events.empty:
        return events, 0
    span = events.groupby("to_stage")["day"].agg(["min", "max", "size"])
    span = span[(span["size"] >= 20) & ~span.index.isin(ENDS)]
    first, last = events["day"].min(), events["day"].max()
    old = span[span["max"] < last - 60]
    new = span[span["min"] > first + 60]
    came = {stage: set(part) for stage, part in events.groupby("to_stage")["from_stage"]}
    names = {}
    for name, row in old.iterrows():
        near = new[(new["min"] >= row["max"] - 7) & (new["min"] <= row["max"] + 45)]
        same = [other for other in near.index if came[other] & came[name] - {None}]
        if len(same) == 1:
            names[name] = same[0]
    if not names:
        return events, 0
    declared = set() if stages is None else set(stages["stage"])
    names = dict((new, old) if old in declared and new not in declared else (old, new) for old, new in names.items())
    renamed = {
        column: events[column].map(lambda stage: names.get(stage, stage)) for column in ("from_stage", "to_stage")
    }
    return events.assign(**renamed), len(names)


def _moves(deals: pd.DataFrame, events: pd.DataFrame, until: float) -> pd.DataFrame:
    """Return each state a deal came into, in order."""
    first = events.drop_duplicates("row").set_index("row")
    begun = first["from_stage"].where(first["from_stage"].notna(), first["to_stage"])
    usual = begun.value_counts()
    known = begun.reindex(range(len(deals)))
    spare = deals["stage"].where(deals["status"] == OPEN).fillna(usual.index[0])
    rows = np.arange(len(deals))
    created = day(deals["created_at"])
    start = pd.Series(created)
    closed = _closed(deals)
    ended = np.isfinite(closed)
    parts = [
        pd.DataFrame({"row": rows, "at": start.to_numpy(), "state": known.where(known.notna(), spare), "kind": 0}),
        pd.DataFrame({"row": events["row"].to_numpy(), "at": events["day"].to_numpy(), "state": events["to_stage"].to_numpy(dtype=object), "kind": 1}),
        pd.DataFrame({"row": rows[ended], "at": np.maximum(closed, np.nan_to_num(start.to_numpy()))[ended],
                      "state": deals["status"].to_numpy(dtype=object)[ended], "kind": 2}),
    ]  # fmt: skip
    made = pd.concat(parts, ignore_index=True)
    made = made[made["at"].notna() & (made["at"] < until)]
    made = made.sort_values(["row", "at", "kind"], kind="stable").reset_index(drop=True)
    row, state = made["row"].to_numpy(), made["state"].to_numpy(dtype=object)
    same = np.r_[False, (row[1:] == row[:-1]) & (state[1:] == state[:-1])]
    made = made[~same].reset_index(drop=True)
    made["pipeline"] = pipelines(deals)[made["row"]]
    return made


def stage_order(deals: pd.DataFrame, moves: pd.DataFrame, stages: pd.DataFrame | None) -> pd.DataFrame:
    """Return ``pipeline, stage, order``: as declared where it is, else by how early deals come into a stage.

    A stage that the declared list does not have stands beside those that deals come into about as early.
    """
    inside = moves[~moves["state"].isin(ENDS)]
    place = inside.groupby("row", sort=False).cumcount()
    told = inside.assign(place=place).groupby(["pipeline", "state"])["place"].agg(["mean", "size"]).reset_index()
    told = told.sort_values(["pipeline", "mean", "size", "state"], ascending=[True, True, False, True])
    told["order"] = told.groupby("pipeline").cumcount()
    made = told.rename(columns={"state": "stage"})[["pipeline", "stage", "order"]].reset_index(drop=True)
    if stages is None or stages.empty or stages["order"].isna().all():
        return made
    declared = stages[stages["order"].notna() & (stages["kind"].fillna(OPEN) == OPEN)]
    rank = declared.drop_duplicates("stage").set_index("stage")["order"].astype(float)
    known = made["stage"].map(rank.to_dict()).astype(float)
    if known.notna().sum() < 2:
        return made
    seen = pd.DataFrame({"place": told["mean"].to_numpy(), "rank": known.to_numpy()}).dropna().sort_values("place")
    between = np.interp(told["mean"].to_numpy(), seen["place"], seen["rank"].cummax()) + 0.01 * (1 + made["order"])
    made["order"] = known.where(known.notna(), between)
    return made.sort_values(["pipeline", "order"]).reset_index(drop=True)


def _exits(moves: pd.DataFrame, order: pd.DataFrame, until: float) -> pd.DataFrame:
    rank = {(p, s): o for p, s, o in order.itertuples(index=False)}
    keys = list(zip(moves["pipeline"], moves["state"], strict=True))
    here = np.array([rank.get(key, np.nan) for key in keys], dtype=float)
    row, state, at = moves["row"].to_numpy(), moves["state"].to_numpy(dtype=object), moves["at"].to_numpy(float)
    follows = np.r_[row[1:] == row[:-1], False] if len(row) else np.zeros(0, bool)
    to = np.asarray(np.where(follows, np.r_[state[1:], [None]], None) if len(row) else state, dtype=object)
    there = np.where(follows, np.r_[here[1:], [np.nan]], np.nan) if len(row) else here
    end = np.where(follows, np.r_[at[1:], [until]], until) if len(row) else at
    lost = np.isin(to.astype(str), ["lost", "void"])
    forward = (to == "won") | (there > here)
    exit_ = np.where(~follows, "", np.where(lost, to.astype(str), np.where(forward, "forward", "back")))
    made = pd.DataFrame({"row": row, "pipeline": moves["pipeline"], "stage": state, "start": at, "end": end,
                         "exit": exit_.astype(object), "to": to})  # fmt: skip
    made["skipped"] = _skipped(order, moves["pipeline"], here, there, to)
    made = made[~moves["state"].isin(ENDS).to_numpy()].reset_index(drop=True)
    made["visit"] = made.groupby(["row", "stage"], sort=False).cumcount()
    return made


def _skipped(order: pd.DataFrame, pipeline: pd.Series, here, there, to) -> np.ndarray:
    """Return how many stages were jumped over by going forward, by the order of the pipeline."""
    place = order.groupby("pipeline")["order"].rank(method="first")
    dense = dict(zip(zip(order["pipeline"], order["order"], strict=True), place, strict=True))
    most = place.groupby(order["pipeline"]).max().to_dict()
    names = pipeline.to_numpy(dtype=object)
    a = np.array([dense.get((p, o), np.nan) for p, o in zip(names, here, strict=True)], dtype=float)
    b = np.array([dense.get((p, o), np.nan) for p, o in zip(names, there, strict=True)], dtype=float)
    b = np.where(to == "won", np.array([most.get(p, 0) + 1 for p in names], dtype=float), b)
    return np.nan_to_num(np.maximum(b - a - 1, 0)).astype(int)
