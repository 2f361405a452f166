"""A run with something changed keeps the luck of every deal: a change for the better takes no win away."""

import numpy as np
import pytest

from salesloop.metrics import pipeline
from salesloop.metrics.pipeline import Change, coupled
from salesloop.metrics.pipeline.flow import flow
from salesloop.metrics.pipeline.propagate import arriving
from salesloop.metrics.pipeline.steady import lost_as_before
from tests.metrics.pipeline_company import company

N, SEED = 2000, 17


@pytest.fixture(scope="module")
def ready():
    deals, events, as_of = company()
    return pipeline.prepare(pipeline.fit(deals, events, as_of=as_of), deals, events, as_of=as_of, horizon=12)


def total(ready, change=None):
    return pipeline.totals(ready, n=N, seed=SEED, change=change).sum(axis=0)


BETTER = {
    "conversion": Change(conversion=1.2), "one stage": Change(conversion=1.1, stage="propose"),
    "one product": Change(conversion=1.3, column="product", value="A"), "pace": Change(speed=1.2, steady=True),
    "pace of a stage": Change(speed=1.1, steady=True, stage="negotiate"), "number": Change(volume=1.1),
    "number of a product": Change(volume=1.3, column="product", value="B"), "size": Change(size=1.05),
    "size of a product": Change(size=1.2, column="product", value="A"),
}  # fmt: skip


@pytest.mark.parametrize("change", BETTER.values(), ids=BETTER)
def test_a_change_for_the_better_is_no_worse_in_any_draw(ready, change):
    before, after = total(ready), total(ready, change)
    assert (after >= before - 0.5).mean() >= 0.99
    assert after.mean() > before.mean()
    worse = {"conversion": 1 / change.conversion, "speed": 1 / change.speed, "volume": 1 / change.volume}
    turned = Change(
        **worse, size=1 / change.size, steady=True, stage=change.stage, column=change.column, value=change.value
    )
    assert (total(ready, turned) <= before + 0.5).mean() >= 0.99


def test_both_together_and_what_changes_nobody(ready):
    before = pipeline.totals(ready, n=N, seed=SEED)
    both = (Change(conversion=1.1, stage="propose"), Change(volume=1.1, column="product", value="A"), Change(size=1.02))
    assert (total(ready, both) >= before.sum(axis=0)).mean() >= 0.99
    for nothing in (Change(), (Change(), Change()), Change(volume=2.0, column="product", value="none such")):
        assert (pipeline.totals(ready, n=N, seed=SEED, change=nothing) == before).all()


def test_a_change_of_one_product_moves_less_than_the_luck_of_all(ready):
    """Drawn anew, the sd of a difference would be about 1.4 times the sd of the bookings."""
    before, after = total(ready), total(ready, BETTER["one product"])
    assert (after - before).std() < 0.4 * before.std()


@pytest.mark.parametrize(
    "change", [BETTER["conversion"], BETTER["pace"], BETTER["number of a product"], Change(speed=0.6)]
)
def test_what_is_drawn_has_the_mean_that_was_expected(ready, change):
    """New deals: expected wins times their amounts, worked out without a draw."""
    for part in ready.comings(N, SEED):
        chance = arriving(ready.model, part.past.deals, part.past.begin, first_step=ready_step(ready), months=12,
                          change=change, own=part.past.own)  # fmt: skip
        number = part.term.numbers * (1 + (change.volume - 1) * change.applies(part.past.deals))[:, None]
        worth = (number[:, :, None] * chance).sum(axis=(1, 2)) @ part.past.size * ready.model.drift.mean()
        drawn = np.zeros(N)
        for won in map(part.wins, range(12)):
            drawn += np.bincount(won.draw, weights=won.value, minlength=N)
        for _, draw, value in coupled.moved(part, change):
            drawn += np.bincount(draw, weights=value, minlength=N)
        assert drawn.mean() == pytest.approx(worth, abs=4 * drawn.std() / np.sqrt(N))


def ready_step(ready):
    from salesloop.metrics.pipeline.steps import first_month, month_start

    return month_start(first_month(ready.as_of))


def test_expected_wins_are_moved_and_none_is_lost_on_the_way():
    rng = np.random.default_rng(2)
    before, after = rng.random((50, 12)), rng.random((50, 12)) * 1.2
    made = flow(before, after)
    arrived = before * made.stay + np.einsum("pm,pmn->pn", before, made.move) + made.more
    short = np.maximum(before.sum(axis=1) - after.sum(axis=1), 0)
    assert arrived.sum(axis=1) == pytest.approx(after.sum(axis=1))
    assert arrived[short == 0] == pytest.approx(after[short == 0])
    assert (made.stay + made.move.sum(axis=2) <= 1 + 1e-12).all()
    # order: what leaves first arrives first, so nothing that moves crosses another
    for row in made.move:
        last = -1
        for month in np.flatnonzero(row.sum(axis=1) > 1e-12):
            to = np.flatnonzero(row[month] > 1e-12)
            assert to.min() >= last
            last = to.max()


def test_deals_that_leave_sooner_are_lost_as_often_as_they_would_have_been():
    rng = np.random.default_rng(3)
    leave, lost = rng.normal(-0.5, 0.4, (6, 26)), rng.normal(-1.0, 0.8, (6, 26))
    since = np.array([0, 0, 3, 0, 7, 0])

    def lost_in_all(odds, told):
        hazard, share = 1 / (1 + np.exp(-odds)), 1 / (1 + np.exp(-told))
        hazard = np.where(np.arange(26)[None] < since[:, None], 0.0, hazard)
        stay = np.cumprod(1 - hazard, axis=1)
        left = np.hstack([np.ones((6, 1)), stay[:, :-1]]) * hazard
        return (left * share).sum(axis=1) + stay[:, -1] * share[:, -1]

    for factor in (0.8, 1.5):
        speed = np.full(6, np.log(factor))
        made = lost_as_before(leave, lost, speed, since)
        assert lost_in_all(leave + speed[:, None], made) == pytest.approx(lost_in_all(leave, lost), abs=0.002)
