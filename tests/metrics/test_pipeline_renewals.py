"""Renewals to come: at what amount, by past renewals against the wins that they followed."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from salesloop.metrics.pipeline import arrivals

AS_OF = dt.date(2026, 6, 30)


def book(pairs: list[tuple[float, float]], waiting: float) -> pd.DataFrame:
    """Return wins of May 2025 with their renewals a year later, and one win of that July that has asked for nothing yet."""
    rows = []
    for i, (won, again) in enumerate(pairs):
        rows.append((f"w{i}", f"a{i}", "new", "won", "2025-03-01", "2025-05-10", won))
        rows.append((f"r{i}", f"a{i}", "renewal", "open", "2026-05-12", None, again))
    rows.append(("old", "b", "new", "won", "2024-06-01", "2024-08-10", 50.0))
    rows.append(("next", "c", "new", "won", "2025-04-01", "2025-07-20", waiting))
    names = ["opportunity_id", "account_id", "type", "status", "created_at", "closed_on", "amount"]
    made = pd.DataFrame(rows, columns=names).assign(product="P", owner_id="x")
    return made.assign(created_at=pd.to_datetime(made["created_at"]), closed_on=pd.to_datetime(made["closed_on"]))


def test_a_renewal_to_come_is_worth_what_past_ones_were_in_all():
    # 100 -> 400 (another deal of the account, say), 800 -> 760, 100 -> 90: in all 1,250 for 1,000; singly it would be 1.95
    deals = book([(100.0, 400.0), (800.0, 760.0), (100.0, 90.0)], waiting=200.0)
    told = arrivals.renewals(deals, as_of=AS_OF, months=pd.period_range("2026-07", periods=3, freq="M"))
    amount = told.profiles.set_index("opportunity_id")["amount"]
    assert amount["next"] == pytest.approx(200.0 * 1.25)


def test_one_renewal_out_of_all_measure_counts_for_five_times_its_win_at_most():
    deals = book([(100.0, 90_000.0), (800.0, 800.0), (100.0, 100.0)], waiting=200.0)
    told = arrivals.renewals(deals, as_of=AS_OF, months=pd.period_range("2026-07", periods=3, freq="M"))
    amount = told.profiles.set_index("opportunity_id")["amount"]
    assert amount["next"] == pytest.approx(200.0 * 1.4)  # 500 + 800 + 100 for 1,000


def test_nothing_is_to_come_where_every_win_has_asked():
    deals = book([(100.0, 90.0), (800.0, 800.0), (100.0, 100.0)], waiting=200.0)
    asked = deals.iloc[[0, 0]].assign(opportunity_id=["ro", "rn"], account_id=["b", "c"], type="renewal", status="open",
                                      created_at=pd.to_datetime(["2025-08-12", "2026-06-12"]), closed_on=pd.NaT)  # fmt: skip
    told = arrivals.renewals(
        pd.concat([deals, asked], ignore_index=True),
        as_of=AS_OF,
        months=pd.period_range("2026-07", periods=3, freq="M"),
    )
    assert len(told.profiles) == len(told.numbers) == 0 and told.rate.tolist() == [0.0, 0.0, 0.0]
