"""Random numbers by entity."""

import numpy as np

from salesloop.demo import rng


def test_a_number_depends_on_its_entity_and_purpose_alone():
    alone, among = rng.uniform(rng.mix(7, 3), "size"), rng.uniform(rng.mix(7, np.arange(10)), "size")
    assert alone[0] == among[3]
    assert alone[0] != rng.uniform(rng.mix(7, 3), "stage")[0]
    assert alone[0] != rng.uniform(rng.mix(7, 3), "size", 1)[0]


def test_numbers_are_even_and_neighbours_are_unrelated():
    u = rng.uniform(rng.mix(1, np.arange(40_000)), "any")
    assert abs(u.mean() - 0.5) < 5 * (1 / 12 / 40_000) ** 0.5
    assert abs(u.var() - 1 / 12) < 0.002
    assert abs(np.corrcoef(u[1:], u[:-1])[0, 1]) < 0.025
    assert np.histogram(u, bins=20, range=(0, 1))[0].min() > 1_800


def test_poisson_counts_are_the_quantiles_of_the_distribution():
    # P(N <= 0) = .1353, <= 1: .4060, <= 2: .6767 at a mean of 2 (any table of the Poisson distribution)
    assert rng.poisson(np.array([0.13, 0.14, 0.40, 0.41, 0.67, 0.68]), np.full(6, 2.0)).tolist() == [0, 1, 1, 2, 2, 3]


def test_a_higher_rate_never_draws_fewer():
    u = rng.uniform(rng.mix(2, np.arange(500)), "n")
    few, more = rng.poisson(u, np.full(500, 30.0)), rng.poisson(u, np.full(500, 33.0))
    assert (more >= few).all()
    assert (more > few).any()


def test_choice_follows_its_weights():
    u = (np.arange(1000) + 0.5) / 1000
    assert np.bincount(rng.choice(u, np.array([1.0, 3.0]))).tolist() == [250, 750]
    each = rng.choice(np.array([0.5, 0.5]), np.array([[1.0, 0.0], [0.0, 1.0]]))
    assert each.tolist() == [0, 1]


def test_purposes_are_the_same_in_every_process():
    assert rng.purpose("123456789") == 0xCBF43926, "the check value that every table of CRC-32 gives"
