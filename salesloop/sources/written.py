"""A mapping as YAML that a person can correct: guesses with samples, doubts and questions as comments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from salesloop.clean import plain_label
from salesloop.errors import SalesloopError
from salesloop.sources import mapping as mappings
from salesloop.sources.guess import Question
from salesloop.sources.mapping import FileMapping, Mapping

_HEAD = """\
# Which file is which table, and which column is which. Correct what is wrong and import again.
# A `?` asks for an answer; `complete: true` says that a row missing from a file was deleted.
# Leave a file out with `table: null`.
version: 1
"""
Samples = dict[str, dict[str, list[str]]]


def whole(mapping: Mapping, questions: list[Question], doubts: dict[str, str], samples: Samples) -> str:
    """Return a mapping as commented YAML.

    Parameters
    ----------
    mapping : Mapping
        What is to be written.
    questions : list of Question
        Listed above the entries.
    doubts : dict of str to str
        Remarks by ``file: place``, shown above the place.
    samples : dict of dict of list of str
        By file and label: texts of the column, shown behind it.
    """
    lines = [f"#   {plain_label(f'{one.file}, {one.place}: {one.text}', 600)}" for one in questions]
    lines = ["", "# Questions:", *lines] if lines else []
    lines.append("files:" if mapping.files else "files: []")
    for entry in mapping.files:
        lines += _entry(entry, doubts, samples.get(entry.file, {}))
    return _HEAD + "\n".join(lines) + "\n"


def added(target: Path, old: list[FileMapping], mapping: Mapping, doubts: dict[str, str], samples: Samples) -> str:
    """Return a file's text with the new entries below, so that what a person wrote stays; "" where that cannot be."""
    if not old or mapping.files[: len(old)] != old:
        return ""
    lines = [line for entry in mapping.files[len(old) :] for line in _entry(entry, doubts, samples.get(entry.file, {}))]
    text = "\n".join([target.read_text(encoding="utf-8-sig").rstrip("\n"), *lines]) + "\n"
    try:
        same = mappings.read(yaml.safe_load(text)) == mapping
    except (yaml.YAMLError, SalesloopError):
        same = False
    return text if same else ""


def _entry(entry: FileMapping, doubts: dict[str, str], samples: dict[str, list[str]]) -> list[str]:
    filled = {
        name: value
        for name, value in entry.model_dump(exclude_defaults=True).items()
        if value not in ({}, [], "", None)
    }
    content = {"file": entry.file, **filled, "table": entry.table}
    lines: list[str] = []
    for name, value in content.items():
        lines += [
            f"# {plain_label(text, 300)}" for place, text in doubts.items() if place.startswith(f"{entry.file}: {name}")
        ]
        if name == "columns":
            lines.append("columns:")
            lines += [
                f"  {_yaml({column: label})}{_comment(samples.get(label, []))}" for column, label in value.items()
            ]
        elif isinstance(value, list):
            lines.append(f"{name}: {json.dumps(value, ensure_ascii=False)}")
        else:
            lines += _yaml({name: value}).split("\n")
    return [("  - " if at == 0 else "    ") + line for at, line in enumerate(lines)]


def _yaml(content: Any) -> str:
    return yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=10_000, default_flow_style=False).strip()


def _comment(samples: list[str]) -> str:
    shown = " · ".join(plain_label(text, 24) for text in samples)
    return f"  # {shown}" if shown else ""
