"""Texts for months, quarters and years → the period words of the plan tables."""

from __future__ import annotations

import re
import unicodedata

_MONTH = re.compile(
    r"^((?:19|20)\d{2})\s*(?:年|[-/.m ])?\s*(1[0-2]|0?[1-9])月?(?:份)?(?:[-/. ]\d{1,2}(?: .*)?日?)?$", re.I
)
_COMPACT = re.compile(r"^((?:19|20)\d{2})(1[0-2]|0[1-9])$")
_QUARTER = re.compile(r"^(?:fy)?((?:19|20)\d{2})\s*(?:年)?[-/ ]*(?:q|第)?\s*([1-4一二三四])\s*(?:季度|季)?$", re.I)
_QUARTER_FIRST = re.compile(r"^q([1-4])[-/ ']*(?:fy)?((?:19|20)\d{2})$", re.I)
_YEAR = re.compile(r"^(?:fy)?((?:19|20)\d{2})(?:\.0)?(?:年|年度|财年)?$", re.I)
_YEARS = re.compile(r"^(?:fy)?((?:19|20)\d{2})年?\s*(?:-|–|—|~|/|to|至|到)\s*(?:fy)?((?:19|20)\d{2})年?$", re.I)
_NAMED = re.compile(r"^([a-z]{3,9})\.?[-/ ,']*((?:19|20)\d{2}|\d{2})$", re.I)
_NAMED_LAST = re.compile(r"^((?:19|20)\d{2})[-/ ]([a-z]{3,9})$", re.I)
_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def period(text: str, *, long: bool = False) -> str | None:
    """Return the period that a text names: ``2026-10``, ``2026Q4`` or ``2026``; None where it names none.

    Parameters
    ----------
    text : str
        A cell.
    long : bool, default False
        Whether several years count too: ``2026-2028``.

    Examples
    --------
    >>> [period(text) for text in ("2026年10月", "Oct 2026", "Q4 2026", "2026第四季度", "FY2026", "2026/10/01", "soon")]
    ['2026-10', '2026-10', '2026Q4', '2026Q4', '2026', '2026-10', None]
    >>> period("2026 – 2028年", long=True), period("2028-2026", long=True), period("2026-2028")
    ('2026-2028', None, None)
    """
    said = unicodedata.normalize("NFKC", text).strip()
    if long and (several := _YEARS.match(said)):
        return f"{several[1]}-{several[2]}" if several[1] < several[2] else None
    quarter, first = _QUARTER.match(said), _QUARTER_FIRST.match(said)
    if first:
        return f"{first[2]}Q{first[1]}"
    if quarter and re.search("[qQ第季]", said):
        return f"{quarter[1]}Q{'一二三四'.find(quarter[2]) + 1 or quarter[2]}"
    if found := _COMPACT.match(said) or _MONTH.match(said):
        return f"{found[1]}-{int(found[2]):02d}"
    if found := _YEAR.match(said):
        return found[1]
    return _named(said)


def _named(said: str) -> str | None:
    last = _NAMED_LAST.match(said)
    found = _NAMED.match(said)
    name, year = (last[2], last[1]) if last else (found[1], found[2]) if found else ("", "")
    at = _NAMES.index(name[:3].lower()) + 1 if name[:3].lower() in _NAMES else 0
    return f"{year if len(year) == 4 else '20' + year}-{at:02d}" if at else None


def year_of(text: str) -> int:
    """Return the year of a period's text, 0 where there is none."""
    found = period(text)
    return int(found[:4]) if found else 0
