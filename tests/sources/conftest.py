from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from salesloop.params import UnitConfig

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    """Keep mappings out of the project: a root of its own for each test."""
    folder = tmp_path / "root"
    folder.mkdir()
    monkeypatch.setenv("SALESLOOP_ROOT", str(folder))
    return folder


@pytest.fixture
def unit():
    return UnitConfig(unit="u", currency="CNY", time_zone="Asia/Shanghai")


@pytest.fixture
def put(tmp_path):
    """Write files by name: text in an encoding, or bytes."""

    def write(name: str, content: str | bytes, encoding: str = "utf-8") -> Path:
        file = tmp_path / "in" / name
        file.parent.mkdir(exist_ok=True)
        data = content.encode(encoding) if isinstance(content, str) else content
        file.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return file

    return write


@pytest.fixture
def shared():
    """Return a folder of public data, or skip."""

    def folder(name: str) -> Path:
        path = SHARED / name
        if not path.is_dir():
            pytest.skip(f"public data {name} are not here")
        return path

    return folder
