"""Texts → typed values, whole columns at once: every function works on a column's different texts, never row by row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MOST_LETTERS = 32_767
MONEY = pa.decimal128(18, 2)
_WIDE = pa.decimal128(38, 10)
NULLS = frozenset({
    "", "-", "--", "---", "—", "——", "–", "/", "\\", "n/a", "#n/a", "n.a.", "na", "nan", "nil", "null", "(null)", "none",
    "<na>", "无", "待定", "未知", "暂无", "空", "tbd", "tba", "?", "#value!", "#ref!", "#div/0!", "#name?", "-none-", "select",
})  # fmt: skip
TEXT_NULLS = frozenset({
    "", "-", "--", "---", "—", "——", "–", "/", "n/a", "#n/a", "null", "(null)", "<na>", "nan", "#value!", "#ref!", "#name?",
    "-none-", "select", "--select--", "please select", "请选择", "--请选择--", "暂无",
})  # fmt: skip
_YES = ("yes", "y", "true", "t", "1", "1.0", "是", "有", "√", "✓", "✔", "对", "启用", "已启用", "在职", "active", "enabled",
        "on", "已上架", "上架", "正常", "有效", "ja", "oui", "sí", "si", "sim", "vrai", "wahr", "はい", "x", "aktiv", "actif", "activo",
        "checked")  # fmt: skip
_NO = ("no", "n", "false", "f", "0", "0.0", "否", "无", "×", "✗", "✘", "错", "停用", "已停用", "离职", "inactive", "disabled",
       "off", "已下架", "下架", "无效", "nein", "non", "não", "nao", "faux", "falsch", "いいえ", "inaktiv", "inactif",
       "inactivo", "unchecked")  # fmt: skip
_UNITS = {"千": 3, "万": 4, "十万": 5, "百万": 6, "千万": 7, "亿": 8, "十亿": 9, "百亿": 10, "萬": 4, "億": 8,
          "百萬": 6, "千萬": 7}  # fmt: skip
_LATIN = {"k": 3, "m": 6, "mn": 6, "mm": 6, "mio": 6, "b": 9, "bn": 9}
_CODES = {"¥": "¥", "rmb": "CNY", "cny": "CNY", "人民币": "CNY", "元": "CNY", "us$": "USD", "$": "$", "usd": "USD",
          "美元": "USD", "€": "EUR", "eur": "EUR", "欧元": "EUR", "£": "GBP", "gbp": "GBP", "hk$": "HKD", "hkd": "HKD",
          "港币": "HKD", "円": "JPY", "원": "KRW", "₹": "INR", "inr": "INR", "jpy": "JPY", "日元": "JPY", "s$": "SGD", "sgd": "SGD",
          "r$": "BRL", "brl": "BRL", "zł": "PLN", "pln": "PLN", "₽": "RUB", "฿": "THB", "thb": "THB", "₺": "TRY", "₫": "VND",
          "sek": "SEK", "nok": "NOK", "dkk": "DKK", "mxn": "MXN", "nzd": "NZD", "zar": "ZAR", "myr": "MYR", "idr": "IDR",
          "rs.": "INR", "fr.": "CHF", "sfr.": "CHF",
          "krw": "KRW", "₩": "KRW", "aud": "AUD", "a$": "AUD", "cad": "CAD", "c$": "CAD", "twd": "TWD",
          "nt$": "TWD", "chf": "CHF"}  # fmt: skip
_CURRENCY = "|".join(sorted((code.replace("$", r"\$").replace(".", r"\.") for code in _CODES), key=len, reverse=True))
_NUMBER = (
    r"^(?P<sign>[-+(]?\(?-?)(?P<cur>" + _CURRENCY + r")?(?P<sign2>[-+]?)"
    r"(?P<whole>\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d{2})*,\d{3}|\d*)(?P<frac>\.\d*)?(?P<exp>e[-+]?\d{1,3})?"
    r"(?P<unit>" + "|".join(sorted([*_UNITS, *_LATIN, "w"], key=len, reverse=True)) + r")?"
    r"(?P<cur2>" + _CURRENCY + r")?(?P<percent>%?)(?P<tail>[-)]?)$"
)
_NO_DIGITS = r"[\x{2460}-\x{24ff}\x{2776}-\x{2793}\x{2070}-\x{209f}\x{00b2}\x{00b3}\x{00b9}\x{00bc}-\x{00be}]"
_PLAIN = r"^-?\d{1,15}(\.\d{1,10})?$"
_BY_COMMA = r"^[^.]*$|^\D*\d{1,3}(\.\d{3})+(,\d*)?\D*$"
EUROPEAN = r"^\D{0,3}-?(\d{1,3}(\.\d{3})+,\d{1,2}|\d{1,3}( \d{3})+,\d{1,2}|\d+,\d{1,2}|\d{1,3}(\.\d{3}){2,})\D{0,4}$"


def clean(column: pa.Array | pa.ChunkedArray) -> pa.DictionaryArray:
    """Return a column of texts with each different text trimmed and without guards against formulas.

    ``="0012"`` becomes ``0012`` and ``'=1+1`` becomes ``=1+1``; nulls become "".

    Examples
    --------
    >>> clean(pa.array(['="0012"', " a ", None, "'-5"])).to_pylist()
    ['0012', 'a', '', '-5']
    """
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks)
    coded = column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(pc.fill_null(column, ""))
    texts = pc.utf8_trim_whitespace(coded.dictionary)
    guarded = pc.match_substring_regex(texts, "^(=\"|'[-=+@\\d\t])")
    if pc.any(guarded).as_py():
        bare = pc.replace_substring_regex(texts, r'^="([^"]*)"$', r"\1")
        bare = pc.replace_substring_regex(bare, "^'([-=+@\\d\t])", r"\1")
        texts = pc.utf8_trim_whitespace(bare)
    return pa.DictionaryArray.from_arrays(coded.indices, texts)


def by_unique(cells: pa.DictionaryArray, parse: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Return what `parse` makes of a column's different texts, spread over its rows."""
    return parse(cells.dictionary).take(cells.indices)


def is_empty(cells: pa.DictionaryArray) -> pa.Array:
    """Return which cells are empty."""
    return by_unique(cells, lambda texts: pc.equal(texts, ""))


def is_null(texts: pa.Array, nulls: frozenset[str] = NULLS) -> pa.Array:
    """Return which texts stand for nothing."""
    return pc.is_in(pc.utf8_lower(texts), value_set=pa.array(sorted(nulls)))


def text(texts: pa.Array) -> pa.Array:
    """Return texts with null for what stands for nothing; longer than a spreadsheet's cell is cut."""
    texts = pc.if_else(is_null(texts, TEXT_NULLS), pa.scalar(None, pa.string()), texts)
    if (pc.max(pc.utf8_length(texts)).as_py() or 0) > MOST_LETTERS:
        texts = pc.utf8_slice_codeunits(texts, 0, MOST_LETTERS)
    return texts


def identifier(texts: pa.Array) -> pa.Array:
    """Return ids without Zoho's prefix and without the ``.0`` that a spreadsheet adds.

    Examples
    --------
    >>> identifier(pa.array(["zcrm_3652397000000049001", "277.0", "A-1", ""])).to_pylist()
    ['3652397000000049001', '277', 'A-1', None]
    """
    texts = pc.replace_substring_regex(text(texts), "^zcrm_", "")
    return pc.replace_substring_regex(texts, r"^(\d+)\.0$", r"\1")


@dataclass(frozen=True)
class Numbers:
    """Parsed numbers: exact to ten decimals, null where the text is none; the currency and percent signs seen."""

    value: pa.Array
    currency: pa.Array
    percent: pa.Array
    ok: pa.Array
    own_unit: pa.Array


def numbers(texts: pa.Array, *, chinese: bool = False, shift: int = 0, decimal: str = ".") -> Numbers:
    """Return what numbers texts are.

    Parameters
    ----------
    texts : StringArray
        Different texts of a column.
    chinese : bool
        Whether the file is Chinese, so that ``w`` means 万; ``k`` and ``m`` hold in any file without ``w``.
    shift : int
        Powers of ten that the header names (金额(万元): 4); a text with a unit of its own keeps that one.
    decimal : str
        The decimal sign, by the mapping.

    Returns
    -------
    Numbers
        `ok` is true for numbers and for texts that stand for nothing.

    Examples
    --------
    >>> numbers(pa.array(["$342.09K", "(1,200)", "1.2E+3", "￥１２．５万", "无"])).value.cast(pa.decimal128(18, 2)).to_pylist()
    [Decimal('342090.00'), Decimal('-1200.00'), Decimal('1200.00'), Decimal('125000.00'), None]
    >>> numbers(pa.array(["1.234,50 €", "1\u202f234,5", "99", "1234.5"]), decimal=",").value.cast(pa.float64()).to_pylist()
    [1234.5, 1234.5, 99.0, 1234.5]
    """
    plain = pc.match_substring_regex(texts, _PLAIN)
    if shift == 0 and decimal == "." and pc.all(plain).as_py():
        none, no = pa.nulls(len(texts), pa.string()), pa.repeat(pa.scalar(False), len(texts))
        return Numbers(texts.cast(_WIDE), none, no, plain, no)
    texts = pc.replace_substring_regex(texts, _NO_DIGITS, "#")
    lowered = pc.utf8_lower(pc.utf8_normalize(texts, "NFKC"))
    lowered = pc.replace_substring_regex(lowered, r"[\s\x{00a0}_'’]+", "")
    if decimal == ",":
        bare = pc.replace_substring(pc.replace_substring(lowered, ".", ""), ",", ".")
        lowered = pc.if_else(pc.match_substring_regex(lowered, _BY_COMMA), bare, lowered)
    lowered = pc.replace_substring(pc.replace_substring(lowered, "−", "-"), "，", ",")
    empty = is_null(lowered)
    found = pc.extract_regex(lowered, _NUMBER)
    return _assemble(found, empty, chinese=chinese, shift=shift)


def _assemble(found: pa.StructArray, empty: pa.Array, *, chinese: bool, shift: int) -> Numbers:
    part = {name: pc.fill_null(found.field(name), "") for name in ("sign", "sign2", "whole", "frac", "exp", "unit", "cur",
                                                                    "cur2", "percent", "tail")}  # fmt: skip
    digits = pc.replace_substring(part["whole"], ",", "")
    frac = pc.utf8_slice_codeunits(part["frac"], 1, 11)
    any_digit = pc.or_(pc.not_equal(digits, ""), pc.not_equal(frac, ""))
    units = {**_UNITS, **_LATIN, **({"w": 4} if chinese else {})}
    unit = _lookup(part["unit"], units)
    own = pc.not_equal(part["unit"], "")
    known = pc.or_(pc.invert(own), pc.is_valid(unit))
    written = _lookup(part["exp"], {text: int(text[1:]) for text in _some(part["exp"])})
    power = pc.add(pc.fill_null(unit, shift), pc.fill_null(written, 0))
    small = pc.and_(pc.less_equal(pc.utf8_length(digits), 15), pc.less_equal(pc.abs(power), 12))
    parens = pc.equal(pc.match_substring(part["sign"], "("), pc.equal(part["tail"], ")"))
    ok = pc.and_(pc.and_(pc.is_valid(found), any_digit), pc.and_(pc.and_(known, small), parens))
    signs = pc.binary_join_element_wise(part["sign"], part["sign2"], part["tail"], "")
    minus = pc.match_substring_regex(signs, r"[-(]")
    value = _decimal(ok, minus, digits, frac, power)
    currency = _lookup(pc.if_else(pc.equal(part["cur"], ""), part["cur2"], part["cur"]), _CODES, pa.string())
    percent = pc.and_(ok, pc.equal(part["percent"], "%"))
    return Numbers(value, currency, percent, pc.or_(pc.or_(ok, empty), pc.is_valid(value)), own)


def _some(texts: pa.Array) -> list[str]:
    return [text for text in pc.unique(texts).to_pylist() if text]


def _lookup(texts: pa.Array, table: dict, kind: pa.DataType | None = None) -> pa.Array:
    """Return the value of each text in a small table, null where it is not there."""
    kind = kind or pa.int64()
    if not table:
        return pa.nulls(len(texts), kind)
    at = pc.index_in(texts, value_set=pa.array(list(table)))
    return pa.array(list(table.values()), kind).take(at)


def _decimal(ok: pa.Array, minus: pa.Array, digits: pa.Array, frac: pa.Array, power: pa.Array) -> pa.Array:
    sign = pc.if_else(minus, "-", "")
    room = pc.greater_equal(pc.subtract(10, pc.subtract(pc.utf8_length(frac), power)), 0)
    frac = pc.if_else(pc.equal(frac, ""), "0", frac)
    text = pc.binary_join_element_wise(sign, pc.if_else(pc.equal(digits, ""), "0", digits), ".", frac, "")
    shifted = pc.binary_join_element_wise(text, "E", pc.cast(power, pa.string()), "")
    text = pc.if_else(pc.equal(power, 0), text, shifted)
    exact = pc.if_else(pc.and_(ok, room), text, pa.scalar(None, pa.string())).cast(_WIDE)
    rest = pc.and_(ok, pc.invert(room))
    if not pc.any(rest).as_py():
        return exact
    rough = pc.if_else(rest, text, pa.scalar(None, pa.string())).cast(pa.float64())
    return pc.coalesce(exact, pc.round(rough, 10).cast(_WIDE, safe=False))


def money(value: pa.Array) -> pa.Array:
    """Return exact numbers rounded to the cent, half away from zero."""
    return pc.round(value, 2, "half_towards_infinity").cast(MONEY)


def joined(parts: list[pa.Array], sign: str) -> pa.Array:
    """Return the texts of several columns joined by a sign, nulls left out; null where nothing is left.

    Examples
    --------
    >>> joined([pa.array(["a", None, None]), pa.array(["b", "c", None])], " ").to_pylist()
    ['a b', 'c', None]
    """
    led = pc.binary_join_element_wise("", *parts, sign, null_handling="skip")
    bare = pc.utf8_slice_codeunits(led, len(sign))
    return pc.if_else(pc.equal(led, ""), pa.scalar(None, pa.string()), bare)


def flag(texts: pa.Array) -> pa.Array:
    """Return yes and no in their usual spellings, null for anything else."""
    table = {**dict.fromkeys(_YES, True), **dict.fromkeys(_NO, False)}
    return _lookup(pc.utf8_lower(pc.utf8_normalize(texts, "NFKC")), table, pa.bool_())


def rate(found: Numbers, *, hundred: bool) -> pa.Array:
    """Return shares of 1: a text with a percent sign is divided by 100, others where the column is in percent."""
    value = pc.cast(found.value, pa.float64())
    divide = pc.or_(found.percent, pa.scalar(hundred))
    return pc.if_else(divide, pc.divide(value, 100.0), value)


def same_texts(column: pa.Array) -> np.ndarray:
    """Return, for each row of a column, a number that is the same for the same text."""
    return pc.dictionary_encode(column, null_encoding="encode").indices.to_numpy(zero_copy_only=False)
