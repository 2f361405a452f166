"""What deals are expected to bring against the mean of many draws of the same pipeline."""

from __future__ import annotations

import numpy as np
import pytest

from salesloop.metrics import pipeline
from salesloop.metrics.bottlenecks.worth import Outlook
from salesloop.metrics.pipeline import Change
from tests.metrics.pipeline_company import company


@pytest.fixture(scope="module")
def made():
    deals, events, as_of = company(months=30, per_month=40, seed=11)
    return deals.reset_index(drop=True), events, as_of, pipeline.fit(deals, events, as_of=as_of)


@pytest.mark.parametrize("change", [None, Change(speed=0.4, stage="propose"), Change(conversion=1.5)])
def test_the_expected_bookings_are_the_mean_of_the_draws(made, change):
    deals, events, as_of, model = made
    outlook = Outlook(model, deals, events, as_of=as_of, horizon=3, country="CN", stages=None)
    told = outlook.worth(outlook.part(np.arange(len(deals))), model=model, change=change)
    ready = pipeline.prepare(model, deals, events, as_of=as_of, horizon=3)
    total = pipeline.totals(ready, n=8000, seed=3, change=change).sum(axis=0)
    assert told == pytest.approx(total.mean(), abs=4 * total.std() / np.sqrt(8000))


def test_a_part_holds_its_own_open_deals_and_their_ages_count(made):
    deals, events, as_of, model = made
    outlook = Outlook(model, deals, events, as_of=as_of, horizon=3, country="CN", stages=None)
    part = outlook.part(np.flatnonzero(deals.index % 2 == 0))
    young = outlook.worth(part, model=model, change=None, age=np.ones(len(part.live)))
    assert young != pytest.approx(outlook.worth(part, model=model, change=None), rel=1e-6)
    assert set(part.live["opportunity_id"]) <= set(deals["opportunity_id"][deals.index % 2 == 0])
