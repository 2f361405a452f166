"""What all tests share: where the public data lie, and a root of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
SHARED = PROJECT.parent / "shared" / "data"


@pytest.fixture
def shared_data() -> Path:
    """The folder of public data sets beside the checkout; the test is skipped where there is none."""
    if not SHARED.is_dir():
        pytest.skip("the public data sets (../shared/data) are not here")
    return SHARED


@pytest.fixture
def own_root(tmp_path, monkeypatch) -> Path:
    """A root of its own for params, data and reports; the notebooks are the project's."""
    (tmp_path / "notebooks").symlink_to(PROJECT / "notebooks")
    monkeypatch.setenv("SALESLOOP_ROOT", str(tmp_path))
    return tmp_path
