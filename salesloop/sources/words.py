"""Words in exports → canonical words: what a stage or a type means, in English and Chinese."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path

import yaml

from salesloop.sources.labels import simplified

_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_FILE = Path(__file__).parent / "mappings" / "values.yml"
_OF = {
    ("activities", "type"): "activity_type", ("activities", "status"): "activity_status", ("stages", "kind"): "status",
    ("feedback", "scale"): "scale", ("feedback", "respondent"): "respondent",
    ("forecast_calls", "category"): "forecast_category",
}  # fmt: skip
_RIVAL = re.compile("competit|rival|wettbewerb|concurren|competencia|concorren|竞争对手|竞品|友商|对手|競合|他社")
_BOUNDARY = re.compile(r"[^\w]+")


def list_of(table: str, column: str) -> str:
    """Return the name of the word list of a column, "" where there is none."""
    name = _OF.get((table, column), column)
    wanted = {"status": ("opportunities", "stages"), "type": ("opportunities",), "scale": ("feedback",)}
    return name if name in _words() and table in wanted.get(name, (table,)) else ""


def meaning(text: str, words: str) -> str | None:
    """Return what a text means by a word list, or None where no word fits.

    Examples
    --------
    >>> meaning("Closed Won", "status"), meaning("5-赢单", "status"), meaning("Phase X", "status")
    ('won', 'won', None)
    >>> meaning("Unqualified - lost to competitor", "status"), meaning("无效商机", "status"), meaning("未赢单", "status")
    ('lost', 'void', 'lost')
    >>> [meaning(text, "status") for text in ("Abgeschlossen – gewonnen", "Fermé perdu", "受注予定", "100% - Won")]
    ['won', 'lost', 'open', 'won']
    >>> meaning("6. Competitor won", "status"), meaning("竞争对手中标", "status")
    ('lost', 'lost')
    """
    said = _bare(text)
    for word, lists in _words()[words].items():
        if said in lists[0] or said == _bare(word):
            return word
    loose = _BOUNDARY.sub(" ", said)
    for word, lists in _words()[words].items():
        if any(_holds(said, loose, part) for part in lists[1]):
            return "lost" if words == "status" and word == "won" and _RIVAL.search(said) else word
    return None


def _holds(said: str, loose: str, part: str) -> bool:
    if part[:1] > "\u2e80":
        return re.search(rf"(?<![未没不]){re.escape(part)}", said) is not None
    if part.endswith("$"):
        return re.search(rf"(?:^| )(?<!not ){re.escape(part[:-1])}(?: |$)", loose) is not None
    return re.search(rf"(?:^| ){re.escape(_BOUNDARY.sub(' ', part))}", loose) is not None


def _bare(text: str) -> str:
    """Return a text without case, numbering in front, and doubled spaces."""
    plain = simplified(unicodedata.normalize("NFKC", str(text))).casefold().strip().replace("_", " ")
    return " ".join(re.sub(r"^\(?\d{1,2}[\s.)、:：-]+", "", plain).split())


@cache
def _words() -> dict[str, dict[str, tuple[frozenset[str], tuple[str, ...]]]]:
    content = yaml.load(_FILE.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - texts only
    return {
        name: {word: (frozenset(map(_bare, lists["whole"])), tuple(map(_bare, lists["part"] or ())))
               for word, lists in entry.items()}
        for name, entry in content.items()
    }  # fmt: skip
