"""The sample results folder and notebook, made once a test."""

import pytest

from tests.report import sample


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A folder with the sample's results and its executed notebook."""
    sample.install(monkeypatch)
    (tmp_path / "results").mkdir()
    sample.stage_results(tmp_path / "results")
    sample.notebook(tmp_path)
    return tmp_path
