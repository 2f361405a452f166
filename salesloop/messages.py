"""Sentences and numbers in the reader's language: message catalogues and the habits of writing money and dates."""

from __future__ import annotations

import datetime as dt
import math
import string
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import pandas as pd

LANGUAGES = ("en", "zh")
_LOCALES = {"en": "en_US", "zh": "zh_Hans_CN"}
_FOLDER = Path(__file__).parent / "locale"
MISSING = "–"


@lru_cache(maxsize=8)
def catalogue(lang: str, folder: Path = _FOLDER) -> dict[str, str]:
    """Return all messages of a language; an id that two files give is an error."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    messages: dict[str, str] = {}
    for file in sorted((folder / lang).glob("*.yml")):
        found = yaml.load(file.read_text(encoding="utf-8"), Loader=loader) or {}  # noqa: S506 - a safe loader
        doubled = messages.keys() & found.keys()
        if doubled:
            raise ValueError(f"{file.name}: messages given twice: {sorted(doubled)}")
        messages.update({key: str(value) for key, value in found.items()})
    return messages


class _Formatter(string.Formatter):
    """Format ``{value:money}`` and the like with a `Text`."""

    def __init__(self, text: Text):
        self.text = text

    def format_field(self, value, spec):
        """Format one value by the name of its kind."""
        return value if isinstance(value, _Told) else self.text.show(value, spec or "text")


class _Told(str):
    """Money that is written already, with the digits that tell it from the other amounts of its sentence."""


@lru_cache(maxsize=4096)
def _amounts(message: str) -> tuple[str, ...]:
    """Return the fields of a message that are money."""
    return tuple(name for _, name, spec, _ in string.Formatter().parse(message) if name and spec == "money")


class Text:
    """One language and one currency: how a page says things.

    Parameters
    ----------
    lang : {"en", "zh"}
        The reader's language.
    currency : str
        The unit's home currency, an ISO code.

    Examples
    --------
    >>> Text("en", "CNY").money(12_345_000), Text("zh", "CNY").money(12_345_000)
    ('¥12.3M', '¥1,234.5万')
    >>> Text("en", "USD").percent(0.3333), Text("en", "USD").money(float("nan"))
    ('33.3%', '–')
    """

    def __init__(self, lang: str = "en", currency: str = "CNY"):
        if lang not in LANGUAGES:
            from salesloop.errors import ParameterError

            raise ParameterError(
                "language", found=repr(lang), allowed=", ".join(LANGUAGES), next_step="name one of these languages"
            )
        self.lang, self.currency, self.locale = lang, currency, _LOCALES[lang]

    def t(self, message: str, **values: object) -> str:
        """Return a message with its values filled in; an unknown one is an error that names it."""
        found = catalogue(self.lang).get(message)
        if found is None:
            from salesloop.errors import StageError

            raise StageError(
                f"message {message}", found=f"not in the {self.lang} catalogue", allowed="an id that both catalogues have",
                next_step=f"add it to salesloop/locale, for {' and '.join(LANGUAGES)}",
            )  # fmt: skip
        amounts = [name for name in _amounts(found) if name in values]
        if len(amounts) > 1:
            told = self.moneys(*(values[name] for name in amounts))
            values = {**values, **{name: _Told(one) for name, one in zip(amounts, told, strict=True)}}
        return _Formatter(self).vformat(found, (), values)

    def prose(self, message: str) -> str:
        """Return a message as it stands, braces and all."""
        return catalogue(self.lang)[message]

    def has(self, message: str) -> bool:
        """Return whether a message exists in this language."""
        return message in catalogue(self.lang)

    def label(self, column: str, stage: str = "") -> str:
        """Return a column's heading, a stage's own before the common one, else the name itself."""
        return self._first(column, f"{stage}.column.{column}", f"column.{column}")

    def word(self, code: object, stage: str = "") -> str:
        """Return the word for a code such as a verdict, else the code itself."""
        if _undefined(code):
            return MISSING
        return self._first(str(code), f"{stage}.word.{code}", f"word.{code}")

    def _first(self, default: str, *ids: str) -> str:
        found = catalogue(self.lang)
        return next((found[name] for name in ids if name in found), default)

    def show(self, value: object, kind: str = "text", stage: str = "") -> str:
        """Return a value as text by its kind; what is undefined becomes a dash."""
        if _undefined(value):
            return MISSING
        if kind == "word":
            return self.word(value, stage)
        if kind == "text":
            return str(value)
        shown = getattr(self, kind, None)
        if kind not in KINDS or shown is None:
            from salesloop.errors import StageError

            raise StageError(
                f"format {kind!r}",
                found="no such format",
                allowed=", ".join(KINDS),
                next_step="correct the table's formats",
            )
        return shown(value)

    def measured(self, value: object, uom: object) -> str:
        """Return a value by its unit of measurement: a currency, share, score or a count of something."""
        if _undefined(value):
            return MISSING
        kinds = {"share": "percent", "score": "score", "days": "days", "ratio": "ratio", self.currency: "money"}
        kind = kinds.get(str(uom), "count")
        if kind == "count" and isinstance(value, float) and abs(value) < 10 and value % 1:
            return _minus(f"{value:.1f}" if abs(value) >= 1 else f"{value:.2f}")
        return self.show(value, kind)

    def changed(self, value: object, uom: object) -> str:
        """Return a difference of two values by their unit of measurement: that of two shares in points.

        Examples
        --------
        >>> Text("en").changed(-0.034, "share"), Text("zh", "CNY").changed(125_000.0, "CNY")
        ('−3.4 pp', '¥12.5万')
        """
        return self.points(value) if uom == "share" and not _undefined(value) else self.measured(value, uom)  # type: ignore[arg-type]

    def row(self, row: Mapping[str, object], column: str, kind: str, stage: str = "") -> str:
        """Return one cell of a table; the kinds ``uom`` and ``change`` are read from the row's own column ``uom``."""
        if kind in BY_UNIT:
            return (self.measured if kind == "uom" else self.changed)(row[column], row["uom"])
        return self.show(row[column], kind, stage)

    def money(self, value: float, digits: int = 0) -> str:
        """Return money short, in the reader's habit: three figures in English, tenths of 万 in Chinese; `digits` more."""
        if _undefined(value):
            return MISSING
        value = float(value)
        sign, size = ("−" if value < 0 else ""), abs(value)
        body = _short_zh(size, digits) if self.lang == "zh" else _short_en(size, digits)
        return f"{sign}{self.symbol}{body}"

    def moneys(self, *values: object) -> list[str]:
        """Return amounts that are read together, with as many decimals as tell different ones apart, at most three more.

        Examples
        --------
        >>> Text("en", "CNY").moneys(12_150_000, 12_249_000), Text("en", "CNY").moneys(1e6, 1e6)
        (['¥12.15M', '¥12.25M'], ['¥1.00M', '¥1.00M'])
        """
        told: list[str] = []
        for digits in range(4):
            told = [self.money(value, digits) if not isinstance(value, str) else value for value in values]  # type: ignore[arg-type]
            known = dict(zip(told, values, strict=True))
            if all(_undefined(value) or known[word] == value for word, value in zip(told, values, strict=True)):
                break
        return told

    def scope(self, value: object) -> str:
        """Return a scope as the ledger writes it in words: the company, or a name with its level.

        Examples
        --------
        >>> Text("zh").scope("team:East 1"), Text("en").scope("company")
        ('团队 East 1', 'company')
        """
        level, _, name = str(value).partition(":")
        return f"{self.word(level)} {self.word(name, 'whatif')}" if name else self.word(level)

    def money_exact(self, value: float) -> str:
        """Return money to the cent."""
        return MISSING if _undefined(value) else f"{'−' if value < 0 else ''}{self.symbol}{abs(float(value)):,.2f}"

    @property
    def symbol(self) -> str:
        """Return the currency's sign."""
        signs = {"CNY": "¥", "USD": "$", "EUR": "€", "GBP": "£", "JPY": "JP¥", "HKD": "HK$", "INR": "₹"}
        return signs.get(self.currency, f"{self.currency} ")

    def number(self, value: float) -> str:
        """Return a number with at most two significant decimals."""
        size = abs(float(value))
        return _minus(f"{float(value):,.{0 if size >= 100 else 1 if size >= 10 else 2}f}")

    def count(self, value: float) -> str:
        """Return a whole number."""
        return _minus(f"{round(float(value)):,}")

    def percent(self, value: float) -> str:
        """Return a share of one as percent."""
        return _minus(f"{100 * float(value):,.1f}%")

    def chance(self, value: float) -> str:
        """Return a chance in whole percent; the draws tell no more."""
        share = float(value)
        return "<1%" if share < 0.005 else ">99%" if share > 0.995 else f"{100 * share:.0f}%"

    def points(self, value: float) -> str:
        """Return a difference of shares in percentage points, signed."""
        return _minus(f"{100 * float(value):+.1f}") + (" pp" if self.lang == "en" else " 个百分点")

    def days(self, value: float) -> str:
        """Return a number of days."""
        shown = f"{float(value):,.0f}" if abs(float(value)) >= 10 else f"{float(value):.1f}"
        return _minus(f"{shown} 天" if self.lang == "zh" else f"{shown} day" + ("" if shown in ("1", "1.0") else "s"))

    def ratio(self, value: float) -> str:
        """Return a ratio with two decimals."""
        return _minus(f"{float(value):.2f}")

    def score(self, value: float) -> str:
        """Return a signed score such as NPS without decimals; nothing bears no sign."""
        return _minus(f"{round(float(value)):+d}") if round(float(value)) else "0"

    def date(self, value: object) -> str:
        """Return a day."""
        day = pd.Timestamp(str(value)).date()
        if self.lang == "zh":
            return f"{day.year}年{day.month}月{day.day}日"
        return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"

    def period(self, value: object) -> str:
        """Return a month, quarter or year, or two of them with a stroke between as a span."""
        text = str(value)
        if text.count("/") == 1:
            return "–".join(self.period(part) for part in text.split("/"))
        if len(text) == 7 and text[4] == "-":
            year, month = text[:4], int(text[5:])
            return f"{year}年{month}月" if self.lang == "zh" else f"{_MONTHS[month - 1]} {year}"
        if len(text) == 6 and text[4] in "Qq":
            return f"{text[:4]}年第{text[5]}季度" if self.lang == "zh" else f"Q{text[5]} {text[:4]}"
        return f"{text}年" if self.lang == "zh" and text.isdigit() else text

    def scopes(self, value: object) -> str:
        """Return targets written as ``period|level|name|measure|tier``, several with a semicolon between, in the reader's words.

        Examples
        --------
        >>> Text("en").scopes("2026Q4|team|East 1|bookings|base;2026|company||csat|stretch")
        'Q4 2026 East 1; 2026 company CSAT stretch'
        """
        told = "".join(("；" if self.lang == "zh" else "; ") + self._scope(one) for one in str(value).split(";") if one)
        return told[1:].replace("；等", "等") if self.lang == "zh" else told[2:]

    def _scope(self, one: str) -> str:
        if one == "…":
            return self.word("and_more")
        period, level, name, measure, tier = (one.split("|") + [""] * 5)[:5]
        try:
            several = len(period) == 9 and period[4] == "-"
            told = [self.period(period.replace("-", "/") if several else period)]
        except ValueError:
            told = [period]
        region = f"（{self.word(level)}）" if self.lang == "zh" else f" ({self.word(level)})"
        told += [name + region if name and level == "region" else name or (self.word(level) if level else "")]
        told += [self.word(measure)] if measure not in ("", "bookings") else []
        told += [self.word(tier, "goals")] if tier not in ("", "base") else []
        return " ".join(word for word in told if word)

    def month(self, value: object) -> str:
        """Return a month short, for an axis."""
        text = str(value)[:7]
        return f"{text[2:4]}.{int(text[5:])}" if self.lang == "zh" else f"{_MONTHS[int(text[5:]) - 1]} {text[2:4]}"


KINDS = (
    "money", "money_exact", "number", "count", "percent", "points", "days", "ratio", "score", "date", "period",
    "month", "text", "word", "scope", "uom", "change", "scopes", "chance",
)  # fmt: skip
BY_UNIT = ("uom", "change")
"""Kinds that go by each row's own unit of measurement: a value, and a difference of two."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _undefined(value: object) -> bool:
    return value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def _minus(told: str) -> str:
    """Write a true minus sign, at which no line breaks."""
    return told.replace("-", "−")


def _short_en(size: float, digits: int = 0) -> str:
    for scale, letter in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if size >= scale * 0.9995:
            whole = len(f"{min(size / scale, 999):.3g}".partition(".")[0])
            return f"{size / scale:,.{3 - whole + digits}f}{letter}"
    return f"{size:,.{min(digits, 2)}f}"


def _short_zh(size: float, digits: int = 0) -> str:
    if size >= 0.99995e8:
        return f"{size / 1e8:,.{2 + digits}f}亿"
    return f"{size / 1e4:,.{1 + digits}f}万" if size >= 0.99995e4 else f"{size:,.{min(digits, 2)}f}"


def plain(value: object) -> object:
    """Return a value as JSON can hold it: numbers, text, None; days as ISO text."""
    if _undefined(value):
        return None
    if isinstance(value, (pd.Period, dt.date, pd.Timestamp)):
        return str(value)[:10]
    return value.item() if hasattr(value, "item") else value
