"""Leads that become deals, against numbers worked by hand and a stream of leads with known chances."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from salesloop.metrics.pipeline import arrivals, leads

AS_OF = dt.date(2026, 6, 30)
AHEAD = pd.period_range("2026-07", periods=3, freq="M")


def stream(chance=(0.4, 0.1), per_month=60, months=24, seed=4):
    """Return leads of two sources, of which known shares become deals 3 to 40 days later; the rest is closed after 40."""
    rng, rows = np.random.default_rng(seed), []
    for month in pd.period_range(end="2026-06", periods=months, freq="M"):
        for k in range(per_month):
            source = k % 2
            day = month.start_time + pd.Timedelta(days=int(rng.integers(0, month.days_in_month)))
            won, wait = rng.random() < chance[source], pd.Timedelta(days=int(rng.integers(3, 41)))
            rows.append((f"L{month}-{k}", day, day + wait if won else None, None if won else day + pd.Timedelta(days=40),
                         "AB"[source], f"D{month}-{k}" if won else None))  # fmt: skip
    made = pd.DataFrame(
        rows, columns=["lead_id", "created_at", "converted_at", "closed_at", "lead_source", "opportunity_id"]
    )
    made[["converted_at", "closed_at"]] = made[["converted_at", "closed_at"]].apply(pd.to_datetime)
    born = made[made["converted_at"] <= pd.Timestamp(AS_OF)]
    deals = pd.DataFrame({
        "opportunity_id": born["opportunity_id"], "lead_id": born["lead_id"], "created_at": born["converted_at"],
        "lead_source": born["lead_source"],
    })  # fmt: skip
    return made, deals.reset_index(drop=True)


def test_what_open_and_coming_leads_become_is_near_the_true_share():
    made, deals = stream()
    told = leads.new_business(deals, made, as_of=AS_OF, months=AHEAD)
    assert told.open_leads == (made["converted_at"].fillna(made["closed_at"]) > pd.Timestamp(AS_OF)).sum()
    assert told.from_leads == pytest.approx([60 * 0.25] * 3, rel=0.25)  # 30 a month at 40 %, 30 at 10 %
    of_a = (told.profiles["lead_source"] == "A").to_numpy()
    assert told.numbers[of_a].sum() / told.numbers.sum() == pytest.approx(0.8, abs=0.07)
    assert told.numbers.sum(axis=0) == pytest.approx(told.rate)


def test_only_what_was_known_of_a_lead_counts():
    made, deals = stream()
    late = made.copy()
    after = late["converted_at"] > pd.Timestamp(AS_OF)
    late.loc[after, "converted_at"] = pd.NaT
    a = leads.new_business(deals, made, as_of=AS_OF, months=AHEAD)
    b = leads.new_business(deals, late, as_of=AS_OF, months=AHEAD)
    assert (a.numbers == b.numbers).all()


def test_more_open_leads_mean_more_deals_next_month():
    made, deals = stream()
    few = made[(made["created_at"] < "2026-06-15") | (made["lead_source"] == "B")]
    assert leads.known(few, deals, as_of=AS_OF) is not None
    less, more = (leads.new_business(deals, one, as_of=AS_OF, months=AHEAD) for one in (few, made))
    assert less.from_leads[0] < more.from_leads[0]


@pytest.mark.parametrize("spoil", ["none", "few", "unlinked"])
def test_leads_that_do_not_carry_it_leave_new_deals_to_their_own_arrivals(spoil):
    made, deals = stream()
    given = {"none": None, "few": made.head(60), "unlinked": made.assign(lead_id="x", opportunity_id=None)}[spoil]
    told = leads.new_business(deals, given, as_of=AS_OF, months=AHEAD)
    alone = arrivals.new_business(deals, as_of=AS_OF, months=AHEAD)
    assert told.from_leads is None and told.open_leads == 0
    assert told.rate == pytest.approx(alone.rate)
