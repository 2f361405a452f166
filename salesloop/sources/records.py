"""Records as interfaces of CRMs answer them: JSON with a list of objects somewhere in it, or one object a line."""

from __future__ import annotations

import json
import re
from typing import Any

import pyarrow as pa

from salesloop.errors import DataError
from salesloop.sources.sheet import Sheet, from_arrays

_STARTS = re.compile(rb'^(?:\xef\xbb\xbf)?\s*(?:\{\s*"|\[\s*\{)')
_NAMES = ("name", "Name", "display_value", "full_name", "label")
_NOISE = re.compile(r"^(?:[$@]|attributes$)|__c_raw$")
_SPOKEN = "@OData.Community.Display.V1.FormattedValue"
_DEEPEST, _MOST_COLUMNS = 4, 2000


def is_records(data: bytes) -> bool:
    """Return whether bytes begin like JSON with objects."""
    return _STARTS.match(data[:200]) is not None


def read(data: bytes, name: str) -> Sheet:
    """Return the records of a JSON file as a sheet: a looked-up record gives its name, and its id as ``<label>.id``.

    Parameters
    ----------
    data : bytes
        The file's content.
    name : str
        The file's name.

    Raises
    ------
    DataError
        The file is cut off or no JSON.

    Examples
    --------
    >>> sheet = read(b'{"data": [{"id": "1", "Owner": {"name": "Ann", "id": "7"}, "Amount": 12.50}]}', "Deals.json")
    >>> [(label, sheet.cells[label][0].as_py()) for label in sheet.labels]
    [('id', '1'), ('Owner', 'Ann'), ('Owner.id', '7'), ('Amount', '12.50')]
    """
    rows = [_flat(row) for row in _rows(_parsed(data, name))]
    sheet = Sheet(name, kind="json", encoding="json")
    if not rows:
        sheet.problem = "no list of records is in it"
        return sheet
    labels = list(dict.fromkeys(label for row in rows for label in row))[:_MOST_COLUMNS]
    return from_arrays(sheet, labels, [pa.array([row.get(label) for row in rows], pa.string()) for label in labels])


def _parsed(data: bytes, name: str) -> Any:
    text = data.decode("utf-8-sig", errors="replace")
    try:
        return json.loads(text, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        pass
    try:
        return [json.loads(line, parse_float=str, parse_int=str) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        raise DataError(
            f"file {name}", found="JSON that is cut off or damaged", allowed="a complete file, or one object a line",
            next_step="copy or export the file again",
        ) from None  # fmt: skip


def _rows(found: Any, depth: int = 0) -> list[dict]:
    """Return the longest list of objects of an answer."""
    if isinstance(found, list):
        return [row for row in found if isinstance(row, dict)]
    if not isinstance(found, dict) or depth > _DEEPEST:
        return []
    return max(
        (_rows(value, depth + 1) for value in found.values() if isinstance(value, (list, dict))), key=len, default=[]
    )


def _flat(row: dict, prefix: str = "", depth: int = 0) -> dict[str, str]:
    made: dict[str, str] = {}
    for label, value in row.items():
        if label.endswith(_SPOKEN):
            made[prefix + label.removesuffix(_SPOKEN).removeprefix("_").removesuffix("_value")] = str(value)
        elif not _NOISE.search(label) and "@" not in label:
            _put(made, prefix + label, value, depth)
    return made


def _put(made: dict[str, str], label: str, value: Any, depth: int) -> None:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, dict):
        if label == "properties":
            made.update(_flat(value, "", depth + 1))
            return
        named = next((part for part in _NAMES if not isinstance(value.get(part, {}), (dict, list))), None)
        if named:
            made[label] = str(value[named] or "")
        if depth < _DEEPEST:
            made.update(_flat({part: inner for part, inner in value.items() if part != named}, f"{label}.", depth + 1))
    elif isinstance(value, list):
        plain = [str(one) for one in value if not isinstance(one, (dict, list))]
        if plain:
            made[label] = "; ".join(plain)
    elif value is not None:
        made.setdefault(label, str(value).lower() if isinstance(value, bool) else str(value))
