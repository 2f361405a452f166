"""Series with many zero months: numbers worked by hand and from a public implementation, and books that fade or are empty."""

from __future__ import annotations

import numpy as np
import pytest

from salesloop.metrics.series import intermittent, pool

RARE = np.array([0, 0, 3, 0, 5, 0, 0, 0, 4, 2, 0, 0, 0, 0, 6, 0, 0, 1, 0, 0, 0, 7, 0, 0], float)


def test_croston_without_its_bias_is_what_a_public_library_says():
    # CrostonSBA of statsforecast 2.1.1 (smoothing 0.1) on the same months
    assert intermittent.sba(RARE[None])[0] == pytest.approx(1.0872166, abs=1e-6)


def test_croston_by_hand():
    # sales of 2 after 2 months, 4 after 3: size 2 + .5 * 2 = 3, interval 2 + .5 * 1 = 2.5; 3 / 2.5 * .75 = .9
    assert intermittent.sba(np.array([[0.0, 2, 0, 0, 4]]), alpha=0.5) == pytest.approx([0.9])
    # a missing month counts neither as a sale nor as a month without one
    assert intermittent.sba(np.array([[0.0, 2, np.nan, 0, 0, 4]]), alpha=0.5) == pytest.approx([0.9])


def test_the_chance_of_a_sale_fades_where_sales_have_ended():
    # chance 3/8 at first; .9 times + .1 with a sale: 5 months on, size 10 throughout
    values = np.array([[10.0, 10, 10, 0, 0, 0, 0, 0]])
    chance = 3 / 8
    for sold in (1, 1, 1, 0, 0, 0, 0, 0):
        chance += 0.1 * (sold - chance)
    assert intermittent.tsb(values) == pytest.approx([10 * chance])
    longer = np.concatenate([values, np.zeros((1, 36))], axis=1)
    assert intermittent.tsb(longer)[0] < 0.1
    assert intermittent.sba(longer)[0] > 5  # Croston's rate cannot fade: no sale, no update


def test_buckets_by_hand():
    # one sale in two months: buckets of two, monthly means 1.5, 2.5, 2; smoothing by .3 errs least: 1.5, 1.8, 1.86
    values = np.array([[0.0, 3, 0, 5, 0, 4]])
    assert intermittent.adida(values) == pytest.approx([1.86])
    # and of single months 0, 3, 0, 5, 0, 4 smoothed by the same grid; .05 to .3 leave squared errors of
    errors = {}
    for alpha in (0.05, 0.1, 0.2, 0.3):
        level, errors[alpha] = 0.0, [0.0, 0.0]
        for value in (3, 0, 5, 0, 4):
            errors[alpha][0] += (value - level) ** 2
            level += alpha * (value - level)
        errors[alpha][1] = level
    single = min(errors.values())[1]
    assert intermittent.imapa(values) == pytest.approx([(single + 1.86) / 2])


def test_a_steady_rhythm_is_forecast_by_its_mean_and_units_do_not_matter():
    rows = np.stack([np.tile([0.0, 0, 6], 20), np.tile([0.0, 8, 0, 0], 15)])
    for found in intermittent.entrants(rows, 3).values():
        assert found == pytest.approx(np.array([[2.0] * 3] * 2), rel=0.15)
    scaled = intermittent.entrants(1000 * rows, 3)
    for name, found in intermittent.entrants(rows, 3).items():
        assert scaled[name] == pytest.approx(1000 * found)


def test_many_at_once_are_each_as_alone():
    rng = np.random.default_rng(2)
    rows = np.where(rng.random((40, 30)) < 0.3, rng.lognormal(2, 1, (40, 30)), 0.0)
    rows[:10, :12] = np.nan
    rows[5:8, 20] = np.nan
    together = intermittent.entrants(rows, 1)
    for row in range(len(rows)):
        alone = intermittent.entrants(rows[row : row + 1], 1)
        assert all(alone[name][0, 0] == pytest.approx(together[name][row, 0]) for name in intermittent.METHODS)


@pytest.mark.parametrize("values", [np.zeros(24), np.array([0.0]), np.array([7.0]), np.array([np.nan, 0, 0, np.nan, 0]),
                                    np.r_[np.zeros(35), 1e9]])  # fmt: skip
def test_all_zero_short_gappy_and_one_huge_month_give_finite_numbers(values):
    for found in intermittent.entrants(values[None], 2).values():
        assert np.isfinite(found).all()
        assert (found >= 0).all()
        assert (found <= np.nanmax(values)).all()


def test_the_pool_uses_their_mean_beyond_a_third_of_zeros():
    told = pool.entrants(RARE[None], 2)
    mine = intermittent.entrants(RARE[None], 2)
    assert told["average"] == pytest.approx(np.mean([*mine.values()], axis=0))
