"""A small company with known rates, made here and not by the code under test."""

import numpy as np
import pandas as pd

from salesloop.periods import end

STAGES = ("qualify", "propose", "negotiate")
MOVE, LOSE = (0.05, 0.04, 0.04), (0.3, 0.35, 0.3)


def company(months=24, per_month=30, seed=5, start="2024-01", owners=6):
    """Return deals, stage events, the last day; a day's chance to leave a stage is MOVE, LOSE of those are lost.

    So a deal is won with chance 0.7 * 0.65 * 0.7 = 0.3185, and amounts are worth 1,000 on average.
    """
    rng = np.random.default_rng(seed)
    first = pd.Period(start, "M")
    last = pd.Timestamp(end(first + months - 1))
    deals, events = [], []
    for m in range(months):
        for k in range(rng.poisson(per_month)):
            day = pd.Timestamp(f"{first + m}-01") + pd.Timedelta(days=int(rng.integers(0, 28)))
            row = {"opportunity_id": f"d{m:03d}-{k:03d}", "created_at": day, "owner_id": f"r{rng.integers(owners)}",
                   "amount": round(float(rng.lognormal(np.log(1000) - 0.125, 0.5)), 2), "product": "AB"[rng.integers(2)],
                   "type": "new", "account_id": f"a{rng.integers(400)}", "status": "open", "stage": STAGES[0]}  # fmt: skip
            now, ident, stage = day, row["opportunity_id"], 0
            while True:
                now += pd.Timedelta(days=int(rng.geometric(MOVE[stage])))
                if now > last:
                    break
                if rng.random() < LOSE[stage]:
                    row |= {"status": "lost", "stage": "lost", "closed_on": now}
                    break
                stage += 1
                to = STAGES[stage] if stage < 3 else "won"
                events.append(
                    {
                        "opportunity_id": ident,
                        "at": now,
                        "from_stage": STAGES[stage - 1],
                        "to_stage": to,
                        "amount": np.nan,
                    }
                )
                if to == "won":
                    row |= {"status": "won", "stage": "won", "closed_on": now}
                    break
                row["stage"] = to
            deals.append(row)
    frame = pd.DataFrame(deals)
    frame["closed_on"] = pd.to_datetime(frame["closed_on"])
    for column in ("segment", "lead_source", "sales_channel", "region"):
        frame[column] = None
    return frame, pd.DataFrame(events), last.date()
