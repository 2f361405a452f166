"""The words that feedback is read with, and the names that people gave its themes; YAML files that people edit."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from salesloop import paths
from salesloop.errors import ParameterError
from salesloop.params import read_yaml

SECTIONS = ("positive", "negative", "negate", "stop", "areas")
AREAS = ("process", "product", "training", "price")


@dataclass(frozen=True)
class Themes:
    """What people say about themes.

    Attributes
    ----------
    names : dict of str to str
        A theme's id (``zh-1``) to the name it is shown by.
    together : dict of str to list of str
        One theme's own id to the ids, of one language or both, that are told as one.
    areas : dict of str to str
        A theme's id to the kind of change it calls for: process, product, training, price.
    """

    names: dict[str, str] = field(default_factory=dict)
    together: dict[str, list[str]] = field(default_factory=dict)
    areas: dict[str, str] = field(default_factory=dict)

    @property
    def joined(self) -> dict[str, str]:
        """Each id that belongs to a common theme, with that theme's id."""
        return {part: whole for whole, parts in self.together.items() for part in parts}


@lru_cache(maxsize=1)
def _shipped() -> dict[str, Any]:
    return read_yaml(Path(__file__).with_name("voice.yml"))


def words(unit: str) -> dict[str, Any]:
    """Return the words of feedback: the shipped ones, and over them those of the unit's ``voice.yml``.

    Returns
    -------
    dict
        ``positive, negative, negate, stop`` by language, ``areas`` by kind of change and language; sets of words.

    Examples
    --------
    >>> "slow" in words("no unit of this name")["negative"]["en"]
    True
    """
    own = _own(unit, "voice.yml", SECTIONS)
    made: dict[str, Any] = {name: _by_language(_shipped()[name], own.get(name), name) for name in SECTIONS[:-1]}
    areas = own.get("areas") or {}
    _only(areas, AREAS, "voice.yml: areas")
    made["areas"] = {area: _by_language(_shipped()["areas"][area], areas.get(area), area) for area in AREAS}
    return made


def themes(unit: str) -> Themes:
    """Return what people wrote about themes in ``params/<unit>/themes.yml``; nothing where there is no file.

    Raises
    ------
    ParameterError
        A section, an area or a shape that is not known.
    """
    own = _own(unit, "themes.yml", ("names", "together", "areas"))
    for name, kind in (("names", str), ("together", list), ("areas", str)):
        section = own.get(name) or {}
        wrong = (
            [key for key, found in section.items() if not isinstance(found, kind)]
            if isinstance(section, dict)
            else [name]
        )
        if wrong:
            shape = "a list of theme ids" if kind is list else "one text"
            raise ParameterError(
                f"themes.yml: {name}", found=f"{str(wrong[0])[:40]!r} holds something else", allowed=shape,
                next_step="correct it in the unit's themes.yml",
            )  # fmt: skip
    _only(dict.fromkeys((own.get("areas") or {}).values()), AREAS, "themes.yml: areas")
    together = {str(key): [str(one) for one in parts] for key, parts in (own.get("together") or {}).items()}
    return Themes(dict(own.get("names") or {}), together, dict(own.get("areas") or {}))


def theme_facts(book: Any) -> dict[str, Any]:
    """Return the dated facts of every theme that a book's actions name as their measure; nothing where none does.

    Parameters
    ----------
    book : Book
        Whose actions and feedback. The themes are those of the feedback page: they follow from the comments alone.

    Returns
    -------
    dict of str to DataFrame
        As `salesloop.metrics.feedback.proof.facts` returns them.
    """
    from salesloop.metrics import feedback

    wanted = feedback.proof.named(book.table("actions")["measure"])
    if not wanted:
        return {}
    said = feedback.reading.read(book.table("feedback"), as_of=book.as_of)
    found = feedback.chains(said, words(book.unit), period=book.period)
    return feedback.proof.facts(wanted, feedback.told(said, found, None, themes(book.unit).joined))


def _own(unit: str, file: str, sections: tuple[str, ...]) -> dict[str, Any]:
    path = paths.params(unit) / file
    own = read_yaml(path) if path.is_file() else {}
    _only(own, sections, file)
    return own


def _only(found: dict, allowed: tuple[str, ...], where: str) -> None:
    unknown = sorted(set(map(str, found)) - set(allowed))
    if unknown:
        raise ParameterError(
            where, found=", ".join(unknown)[:80], allowed=", ".join(allowed),
            next_step=f"correct it in the unit's {where.partition(':')[0]}",
        )  # fmt: skip


def _by_language(shipped: dict, own: Any, where: str) -> dict[str, frozenset[str]]:
    own = own or {}
    _only(own, ("en", "zh"), f"voice.yml: {where}")
    wrong = [
        word
        for part in own.values()
        for word in (part if isinstance(part, list) else [None])
        if not isinstance(word, str)
    ]
    if wrong:
        raise ParameterError(
            f"voice.yml: {where}", found=type(wrong[0]).__name__, allowed='lists of words; quote "no" and "on"',
            next_step="correct it in the unit's voice.yml",
        )  # fmt: skip
    return {lang: frozenset([*shipped[lang], *own.get(lang, [])]) for lang in ("en", "zh")}
