"""What customers and reps say when they are asked: scores, and comments whose themes keep their identity.

Customers who are less satisfied score lower, complain more and renew less. One theme emerges five months before the
end of the history that was made at first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from salesloop.demo import market, texts
from salesloop.demo.arrivals import month_at
from salesloop.demo.market import WON
from salesloop.demo.names import company_names
from salesloop.demo.rng import choice, mix, normal, uniform
from salesloop.demo.world import BURN

if TYPE_CHECKING:
    from salesloop.demo.tables import View

COLUMNS = ["id", "date", "respondent", "channel", "scale", "score", "text", "account", "opportunity", "rep"]
GOOD = np.array([0.08, 0.16, 0.12, 0.18, 0.08, 0.08, 0.18, 0.12, 0.01, 0.01])
BAD = np.array([0.20, 0.18, 0.13, 0.12, 0.12, 0.11, 0.07, 0.07, 0.01, 0.01])
EMERGES, EMERGING_BEFORE = 0.42, 5
ANSWERS_NPS, ANSWERS_CSAT, WRITES = 0.40, 0.55, 0.80


def emerging(now: View) -> tuple[int, float]:
    """Return which theme emerges, and from when (days since the first simulated day)."""
    options = now.company.options
    theme = texts.EMERGING[int(uniform(mix(options.seed, "emerging"), "theme")[0] * 2)]
    return theme, float(now.world.starts[BURN + max(options.months - EMERGING_BEFORE, 0)])


def feedback(now: View) -> pd.DataFrame:
    """Return the survey answers given by now, oldest first.

    Customers are asked for CSAT after a win and for NPS every third month, a third of them each month; reps are asked
    for a word each month.
    """
    parts = [_after_wins(now), _rolling(now)]
    made = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    text = _comments(now, made)
    frame = pd.DataFrame({
        "id": [f"C{int(key) % 10**10:010d}" for key in made["key"]], "t": made["t"], "respondent": "customer",
        "channel": np.where(uniform(made["key"], "channel") < 0.6, "E-mail", "WeChat"), "scale": np.where(made["nps"], "nps", "csat5"),
        "score": made["score"], "text": text, "account": company_names(made["account"], made["region"], made["industry"]),
        "opportunity": made["opportunity"], "rep": now.rep_names(made["owner"]),
    })  # fmt: skip
    frame = pd.concat([frame, _reps(now)], ignore_index=True)
    frame = frame[(frame["t"] < now.until) & (frame["t"] >= now.crm.start)].sort_values(["t", "id"], ignore_index=True)
    frame["date"] = now.date(frame["t"].to_numpy())
    return frame[COLUMNS]


def _wins(now: View) -> dict[str, np.ndarray]:
    stays, deals = now.crm.stays, now.crm.deals
    rows = np.flatnonzero((stays["to"] == WON) & (stays["out"] < now.until))
    rows = rows[np.lexsort((stays["key"][rows], stays["out"][rows]))]
    of = {name: values[stays["deal"][rows]] for name, values in deals.items()}
    return of | {"won": stays["out"][rows], "owner": stays["owner"][rows]}


def _after_wins(now: View) -> dict[str, np.ndarray]:
    from salesloop.demo.ids import zoho

    wins = _wins(now)
    key = mix(wins["key"], "csat")
    t = np.floor(wins["won"] + 20 + 15 * uniform(key, "when"))
    rows = uniform(key, "answers") < ANSWERS_CSAT
    score = np.clip(np.round(4.15 + 0.45 * wins["sat"] + 0.7 * normal(key, "score")), 1, 5)
    made = {
        "key": key,
        "t": t,
        "nps": np.zeros(len(t), dtype=bool),
        "score": score,
        "opportunity": zoho(wins["key"], "deal"),
    }
    made |= {name: wins[name] for name in ("account", "region", "industry", "product", "sat", "owner")}
    return {name: values[rows] for name, values in made.items()}


def _rolling(now: View) -> dict[str, np.ndarray]:
    wins, world = _wins(now), now.world
    months = np.arange(BURN, int(month_at(world, np.array([now.until]))[0]) + 1)
    days = world.starts[months] + 9.0
    turn = (wins["account"][:, None] % np.uint64(3)).astype(np.int64) == months % 3
    row, which = np.nonzero((wins["won"][:, None] < days) & (wins["won"][:, None] >= days - 420) & turn)
    last = pd.DataFrame({"row": row, "which": which, "account": wins["account"][row]}).drop_duplicates(
        ["which", "account"], keep="last"
    )
    row, which = last["row"].to_numpy(), last["which"].to_numpy()
    key = mix(wins["account"][row], "nps", which)
    t = np.floor(days[which] + 8 * uniform(key, "when")) if len(days) else np.zeros(0)
    rows = uniform(key, "answers") < ANSWERS_NPS
    begins = emerging(now)[1]
    low = np.where((t >= begins) & (uniform(key, "hit") < EMERGES / 2), 1.6, 0.0)
    score = np.clip(np.round(7.9 + 1.1 * wins["sat"][row] + 1.6 * normal(key, "score") - low), 0, 10)
    none = np.full(len(key), None, dtype=object)
    made = {"key": key, "t": t, "nps": np.ones(len(t), dtype=bool), "score": score, "opportunity": none}
    made |= {name: wins[name][row] for name in ("account", "region", "industry", "product", "sat", "owner")}
    return {name: values[rows] for name, values in made.items()}


def _comments(now: View, made: dict[str, np.ndarray]) -> list[str | None]:
    """Return a comment each, None where nobody wrote; about one in 25 contradicts its score."""
    key, n = made["key"], len(made["key"])
    share = np.where(made["nps"], made["score"] / 10, (made["score"] - 1) / 4)
    bad = uniform(key, "mood") > np.clip((share - 0.35) / 0.5, 0.04, 0.96)
    theme = np.where(bad, choice(uniform(key, "theme"), BAD), choice(uniform(key, "theme"), GOOD))
    rises, begins = emerging(now)
    theme = np.where(bad & (made["t"] >= begins) & (uniform(key, "rises") < EMERGES), rises, theme)
    chinese, writes = uniform(key, "chinese") < 0.62, uniform(key, "writes") < WRITES
    picks = [(uniform(key, what) * 60).astype(int) for what in ("sentence", "opener", "closer", "number")]
    twice, other = uniform(key, "two") < 0.25, choice(uniform(key, "other"), BAD)
    return [
        _comment(theme[i], other[i] if twice[i] else -1, bad[i], "zh" if chinese[i] else "en", [int(p[i]) for p in picks], made["product"][i])
        if writes[i] else None for i in range(n)
    ]  # fmt: skip


def _comment(theme: int, other: int, bad: bool, tongue: str, picks: list[int], product: int) -> str:
    mood = "bad" if bad else "good"
    said = texts.SENTENCES[texts.THEMES[theme], mood, tongue]
    parts = [said[picks[0] % len(said)]]
    if other >= 0 and other != theme:
        more = texts.SENTENCES[texts.THEMES[other], mood, tongue]
        parts.append(more[picks[1] % len(more)])
    body = ("" if tongue == "zh" else " ").join(parts).format(product=market.PRODUCTS[product], n=2 + picks[3] % 9)
    opener, closer = texts.OPENERS[tongue], texts.CLOSERS[mood, tongue]
    first = opener[picks[1] % len(opener)]
    joined = (
        body
        if not first or tongue == "zh" or first.endswith(": ") or body.startswith(("I ", product_word(product)))
        else body[0].lower() + body[1:]
    )
    return first + joined + closer[picks[2] % len(closer)]


def product_word(product: int) -> str:
    """Return how a product's name begins."""
    return market.PRODUCTS[product].split()[0]


def _reps(now: View) -> pd.DataFrame:
    """Return what reps say about their own work: about half of them each month, on the scale of CSAT."""
    people, world, rows = now.world.people, now.world, []
    for month in range(BURN, int(month_at(world, np.array([now.until]))[0]) + 1):
        here = np.flatnonzero(people.team[:, month] >= 0)
        key = mix(people.key[here], "says", month)
        asked = uniform(key, "answers") < 0.5
        score = np.clip(np.round(3.6 + 0.9 * normal(key, "score")), 1, 5)
        for rep, own, value in zip(here[asked], key[asked], score[asked], strict=True):
            said = texts.REPS["good" if value >= 4 else "bad"]
            rows.append({
                "id": f"R{int(own) % 10**10:010d}", "t": float(world.starts[month]) + 24 + int(own) % 4, "respondent": "rep", "channel": "Form",
                "scale": "csat5", "score": value, "text": said[int(own) % len(said)], "account": None, "opportunity": None,
                "rep": people.names[rep],
            })  # fmt: skip
    return pd.DataFrame(rows, columns=["t", *[name for name in COLUMNS if name != "date"]])
