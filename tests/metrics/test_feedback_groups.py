"""Tone told of product groups whose comments taught nothing; a file of its own, as it takes minutes."""

import pytest

from bench import feedback


@pytest.mark.skipif(not feedback.TEXTS.is_dir(), reason="the public review sets (../shared/data/text) are not here")
def test_tone_of_a_product_group_never_seen():
    *groups, mean = feedback.bench_groups()
    assert len(groups) == 10
    assert mean[1] >= 0.87
