"""Small companies with a known bottleneck, or none, made here and not by the code under test."""

import numpy as np
import pandas as pd

from salesloop.periods import end

STAGES = ("qualify", "propose", "negotiate")
FORWARD, LOSE = (0.035, 0.028, 0.03), (0.012, 0.014, 0.01)
KINDS = ("segment", "region", "team", "product", "lead_source")
_LEVELS = {"segment": ("SMB", "MID", "ENT"), "region": ("N", "S"), "team": ("t1", "t2", "t3"), "product": ("A", "B", "C"),
           "lead_source": ("web", "fair", "partner")}  # fmt: skip


def company(months=30, per_month=60, seed=1, *, slow=None, since=None, factor=0.35, start="2024-01", warm=6):
    """Return deals, events, last day, true expected money of the next three months lost to the slowdown.

    A day's chance to go forward is FORWARD, to be lost LOSE; ENT deals are slower everywhere. With ``slow=(stage,
    segment)`` the forward chance is multiplied by `factor` from the month `since` (counted from the start) on. The
    history begins `warm` months after the company does.
    """
    rng = np.random.default_rng(seed)
    first = pd.Period(start, "M") - warm
    total = months + warm
    origin = pd.Timestamp(f"{first}-01")
    last = (pd.Timestamp(end(first + total - 1)) - origin).days
    n = rng.poisson(per_month, total)
    created = np.concatenate([
        (pd.Timestamp(f"{first + m}-01") - origin).days + rng.integers(0, 28, k) for m, k in enumerate(n)
    ])  # fmt: skip
    size = len(created)
    codes = {kind: rng.integers(0, len(levels), size) for kind, levels in _LEVELS.items()}
    amount = np.round(rng.lognormal(np.log(1000) - 0.125, 0.5, size), 2)
    change = (pd.Timestamp(f"{first + warm + since}-01") - origin).days if since is not None else None
    cutoff = (pd.Timestamp(start + "-01") - origin).days
    truth = {"pace": 1 - 0.3 * (codes["segment"] == 2), "change": change, "factor": factor,
             "slow": slow, "codes": codes, "amount": amount}  # fmt: skip
    moves, state, closed = _run(created, truth, last, rng)
    deals = pd.DataFrame({
        "opportunity_id": [f"d{i:06d}" for i in range(size)], "created_at": origin + pd.to_timedelta(created, "D"),
        "amount": amount, "type": "new", "owner_id": [f"r{c}" for c in codes["team"]], "account_id": [f"a{i}" for i in range(size)],
        "status": np.select([state == 3, state == 4], ["won", "lost"], "open"), "sales_channel": None,
        "stage": np.array([*STAGES, "won", "lost"], dtype=object)[state], "pipeline": None,
        "closed_on": pd.to_datetime(np.where(closed >= 0, origin + pd.to_timedelta(np.maximum(closed, 0), "D"), np.datetime64("NaT"))),
        **{kind: np.array(levels, dtype=object)[codes[kind]] for kind, levels in _LEVELS.items()},
    })  # fmt: skip
    events = pd.DataFrame(moves, columns=["row", "day", "from", "to"])
    events = pd.DataFrame({
        "opportunity_id": deals["opportunity_id"].to_numpy(object)[events["row"]], "at": origin + pd.to_timedelta(events["day"], "D"),
        "from_stage": np.array(STAGES, dtype=object)[events["from"]], "amount": np.nan,
        "to_stage": np.array([*STAGES, "won", "lost"], dtype=object)[events["to"]],
    })  # fmt: skip
    seen = ~((closed >= 0) & (closed < cutoff))
    deals = deals[seen].reset_index(drop=True)
    events = events[
        (events["at"] >= pd.Timestamp(start + "-01")) & events["opportunity_id"].isin(deals["opportunity_id"])
    ]
    return deals, events.reset_index(drop=True), (origin + pd.Timedelta(days=last)).date(), (created, truth, state, rng)


def _run(created, truth, last, rng, day0=0, state=None, days=None):
    """Carry all deals day by day; return moves, final states (3 won, 4 lost) and closing days."""
    size = len(created)
    state = np.zeros(size, int) if state is None else state.copy()
    closed = np.full(size, -1)
    moves = []
    forward, lose = np.array([*FORWARD, 0, 0]), np.array([*LOSE, 0, 0])
    inside = None
    if truth["slow"] is not None:
        stage, level = truth["slow"]
        inside = truth["codes"]["segment"] == _LEVELS["segment"].index(level)
    for day in range(day0, last + 1):
        live = (state < 3) & (created < day)
        now = np.flatnonzero(live)
        f, lo = forward[state[now]] * truth["pace"][now], lose[state[now]]
        if inside is not None and truth["change"] is not None and day >= truth["change"]:
            f = np.where(inside[now] & (state[now] == STAGES.index(stage)), f * truth["factor"], f)
        u = rng.random(size)[now]
        on, off = now[u < f], now[(u >= f) & (u < f + lo)]
        moves += [(d, day, state[d], state[d] + 1) for d in on] + [(d, day, state[d], 4) for d in off]
        state[on] += 1
        state[off] = 4
        done = np.r_[on[state[on] == 3], off]
        closed[done] = day
    return moves, state, closed
