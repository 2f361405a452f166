"""What reps plan and do: calls, mails, meetings, visits, demos, tasks, on deals and on leads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from salesloop.demo.arrivals import Columns
from salesloop.demo.ids import where, zoho
from salesloop.demo.process import nudged
from salesloop.demo.rng import choice, mix, uniform
from salesloop.schema import ACTIVITY_TYPES

if TYPE_CHECKING:
    from salesloop.demo.tables import View

RATE, MOST, LONGEST_AHEAD = 0.15, 80, 12.0
DONE, CANCELLED, FORGOTTEN = 0, 1, 2
TYPE_MIX = np.array([
    [0.44, 0.30, 0.08, 0.03, 0.03, 0.12], [0.30, 0.26, 0.16, 0.10, 0.06, 0.12], [0.22, 0.24, 0.16, 0.10, 0.16, 0.12],
    [0.28, 0.30, 0.16, 0.12, 0.04, 0.10], [0.34, 0.26, 0.18, 0.12, 0.00, 0.10],
])  # fmt: skip
SUBJECTS = {
    "call": ("Follow-up call", "电话跟进", "Pricing call"), "email": ("Send proposal", "发送资料", "E-mail follow-up"),
    "meeting": ("Requirements meeting", "需求沟通会", "Contract review"), "visit": ("On-site visit", "客户拜访", "Plant tour"),
    "demo": ("Product demo", "产品演示", "Pilot walk-through"), "task": ("Prepare quote", "准备方案", "Update close plan"),
}  # fmt: skip
MINUTES = np.array([15.0, 8.0, 60.0, 120.0, 75.0, 30.0])


def _on_deals(now: View) -> Columns:
    """Return what is done on deals: one thing after the other until the stay ends, and what was planned when it did."""
    stays, world = now.crm.stays, now.world
    end = np.minimum(stays["out"], world.n_days - 2.0)
    row = np.arange(len(end))
    shown, parts, number = world.plain.read(np.zeros(len(row), dtype=np.int64), stays["t_in"]), [], 0
    while len(row) and number < MOST:
        key = mix(stays["key"][row], "activity", stays["no"][row], number)
        shown = shown - np.log(uniform(key, "gap")) / RATE
        t = world.plain.when(np.zeros(len(row), dtype=np.int64), shown)
        part = _planned(key, t) | {
            "deal": stays["deal"][row],
            "owner": stays["owner"][row],
            "stage": stays["stage"][row],
            "end": end[row],
            "begin": stays["t_in"][row],
        }
        parts.append({name: values[part["made"] < end[row]] for name, values in part.items()})
        on = t < end[row] + LONGEST_AHEAD
        row, shown, number = row[on], shown[on], number + 1
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    kind = choice(uniform(found["key"], "type"), TYPE_MIX[found.pop("stage")])
    return found | {"lead": np.full(len(kind), -1), "type": kind}


def _planned(key: np.ndarray, t: np.ndarray) -> Columns:
    """Return when things done at `t` were planned for, and when that was entered."""
    planned = t + np.where(uniform(key, "moved") < 0.3, -np.floor(3.0 * uniform(key, "late")), 0.0)
    return {
        "key": key,
        "t": t,
        "planned": planned,
        "made": np.minimum(planned, t) - np.floor(9.0 * uniform(key, "ahead") ** 2),
    }


def _on_leads(now: View) -> Columns:
    leads, world = now.crm.leads, now.world
    row = np.repeat(np.arange(len(leads["key"])), leads["attempts"])
    number = np.arange(len(row)) - np.repeat(np.cumsum(leads["attempts"]) - leads["attempts"], leads["attempts"])
    key = mix(leads["key"][row], "attempt", number)
    later = np.where(number == 0, 0.0, number * 2.0 + 3.0 * uniform(key, "gap"))
    zero = np.zeros(len(row), dtype=np.int64)
    answered = np.where(np.isfinite(leads["answered"]), leads["answered"], leads["t"])[row]
    t = world.plain.when(zero, world.plain.read(zero, answered) + later)
    kind = np.where(uniform(key, "type") < 0.65, 0, 1)
    far = np.full(len(row), np.inf)
    return _planned(key, t) | {
        "deal": np.full(len(row), -1),
        "owner": leads["owner"][row],
        "end": far,
        "begin": leads["t"][row],
        "lead": row,
        "type": kind,
    }


def _on_actions(now: View) -> Columns:
    """Return the touch that an action on a named deal brings, where it reaches the deal."""
    nudges, deals, stays = now.company.nudges, now.crm.deals, now.crm.stays
    rows, span = nudged(deals["key"], nudges) if nudges else (np.zeros(0, dtype=np.int64), np.zeros((0, 2)))
    key = mix(deals["key"][rows], "action touch")
    t = np.floor(span[:, 0] + uniform(key, "when") * 0.6 * (span[:, 1] - span[:, 0])) + uniform(key, "hour")
    end = np.zeros(len(deals["key"]))
    np.maximum.at(end, stays["deal"], np.minimum(stays["out"], 1e9))
    live = end[rows] > span[:, 0]
    rows, span, key, t = rows[live], span[live], key[live], t[live]
    owner = stays["owner"][np.searchsorted(stays["deal"], rows)]
    kind = choice(uniform(key, "type"), TYPE_MIX[1])
    return _planned(key, t) | {
        "made": span[:, 0],
        "begin": span[:, 0],
        "deal": rows,
        "owner": owner,
        "end": end[rows],
        "lead": np.full(len(rows), -1),
        "type": kind,
    }


def every(now: View) -> Columns:
    """Return all activities ever, with when they were planned, for when, and whether they came about; made once."""
    path = now.company.path
    if getattr(path, "activities", None) is None:
        parts = [_on_deals(now), _on_leads(now), _on_actions(now)]
        made = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        u = uniform(made["key"], "fate")
        made["fate"] = np.where(u < 0.05, CANCELLED, np.where(u < 0.13, FORGOTTEN, DONE))
        made["owner"] = now.world.people.holder(made["owner"], made["t"])
        path.activities = made  # type: ignore[attr-defined]
    return path.activities  # type: ignore[attr-defined]


def known(now: View) -> Columns:
    """Return the activities entered by now, on deals and leads that were known; what a closed deal left is cancelled."""
    made = every(now)
    entered = np.maximum(made["made"], made["begin"])
    rows = (entered < now.until) & (made["t"] >= now.crm.start)
    part = {name: values[rows] for name, values in made.items()} | {"made": entered[rows]}
    came = (part["fate"] == DONE) & (part["t"] < part["end"])
    part["done"] = np.where(came & (part["t"] < now.until), part["t"], np.inf)
    dropped = (part["t"] >= part["end"]) & (part["end"] < now.until)
    part["cancelled"] = ((part["fate"] == CANCELLED) & (part["t"] < now.until)) | dropped
    return part


def last_done(now: View) -> pd.Series:
    """Return the last activity done on each deal, by deal."""
    part = known(now)
    rows = (part["deal"] >= 0) & np.isfinite(part["done"])
    return pd.Series(part["done"][rows]).groupby(part["deal"][rows]).max()


def frame(now: View) -> pd.DataFrame:
    """Return the canonical activities, oldest first."""
    part = known(now)
    order = np.lexsort((part["key"], part["made"]))
    part = {name: values[order] for name, values in part.items()}
    deals, on_deal = now.crm.deals, part["deal"] >= 0
    status = np.where(part["cancelled"], "cancelled", np.where(np.isfinite(part["done"]), "done", "planned"))
    kind = np.array(ACTIVITY_TYPES, dtype=object)[part["type"]]
    pick = (uniform(part["key"], "subject") * 3).astype(int)
    lead = np.where(on_deal, 0, part["lead"])
    lead_key = now.crm.leads["key"][lead] if len(now.crm.leads["key"]) else np.zeros(len(lead), dtype=np.uint64)
    return pd.DataFrame({
        "activity_id": zoho(part["key"], "activity"), "type": kind,
        "subject": [SUBJECTS[word][i] for word, i in zip(kind, pick, strict=True)], "status": status, "owner_id": now.rep_ids(part["owner"]),
        "owner": now.rep_names(part["owner"]), "opportunity_id": where(on_deal, zoho(deals["key"][part["deal"]], "deal")),
        "account_id": where(on_deal, zoho(deals["account"][part["deal"]], "account")), "contact_id": None,
        "lead_id": where(~on_deal, zoho(lead_key, "lead")), "planned_at": now.stamp(part["planned"]), "done_at": now.stamp(part["done"]),
        "created_at": now.stamp(part["made"]),
        "minutes": np.where(np.isfinite(part["done"]), np.round(MINUTES[part["type"]] * (0.5 + uniform(part["key"], "minutes"))), np.nan),
    })  # fmt: skip
