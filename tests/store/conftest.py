"""A unit without data, under a root of its own."""

import pytest

from tests.store import landings


@pytest.fixture
def acme(tmp_path, monkeypatch):
    monkeypatch.setenv("SALESLOOP_ROOT", str(tmp_path))
    return landings.unit(tmp_path)
