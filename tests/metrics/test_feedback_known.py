"""How well comments are read on public reviews and tweets, measured as the benchmark measures it; minutes, not seconds."""

import pytest

from bench import feedback

pytestmark = pytest.mark.skipif(
    not feedback.TEXTS.is_dir(), reason="the public review sets (../shared/data/text) are not here"
)


@pytest.mark.parametrize("part", ["tone", "tweets", "identity", "null"])
def test_every_stated_bound_holds(part):
    rows = list(feedback.PARTS[part]())
    held = [row for row in rows if row[3] is not None]
    assert held
    assert [row for row in held if not row[3]] == []
