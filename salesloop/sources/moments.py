"""Texts → dates and times: layouts, day and month order, spreadsheet serials, epochs, zones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from salesloop.sources import values

DAY = 86_400_000_000
_CLOCK = (
    r"(?:[t ,]*(?P<half>am|pm)? ?(?P<h>\d{1,2}):(?P<mi>\d{1,2})(?::(?P<s>\d{1,2})(?:[.,](?P<f>\d{1,9}))?)?"
    r" ?(?P<half2>am|pm|a\.m\.|p\.m\.)? ?(?P<zone>z|utc|gmt|(?:utc|gmt)?[-+]\d{1,2}(?::?\d{2})?)?)?"
)
_YMD = r"^(?P<y>\d{4})(?P<sep>[-/.])(?P<m>\d{1,2})[-/.](?P<d>\d{1,2})" + _CLOCK + "$"
_NUMERIC = r"^(?P<a>\d{1,2})(?P<sep>[-/.])(?P<b>\d{1,2})[-/.](?P<c>\d{4}|\d{2})" + _CLOCK + "$"
_WORD_DAY_FIRST = r"^(?P<d>\d{1,2})(?:st|nd|rd|th)?[-/ ,.]*#(?P<m>\d\d)#[-/ ,.]*(?P<y>\d{4}|\d{2})" + _CLOCK + "$"
_WORD_MONTH_FIRST = r"^#(?P<m>\d\d)#[-/ ,.]*(?P<d>\d{1,2})(?:st|nd|rd|th)?[-/ ,.]+(?P<y>\d{4})" + _CLOCK + "$"
_WORD_YEAR_FIRST = r"^(?P<y>\d{4})[-/ ,.]*#(?P<m>\d\d)#[-/ ,.]*(?P<d>\d{1,2})" + _CLOCK + "$"
_COMPACT = r"^(?P<y>(?:19|20)\d{2})(?P<m>\d{2})(?P<d>\d{2})(?:[t ]?(?P<h>\d{2})(?P<mi>\d{2})(?P<s>\d{2})?)?$"
_MONTH_ALONE = r"^(?:(?P<y>(?:19|20)\d{2})(?:[-/]| *)(?:#(?P<w>\d\d)#|(?P<m>1[0-2]|0?[1-9]))-?|#(?P<w2>\d\d)#[-/ ,.']*(?P<y2>(?:19|20)\d{2}))$"
_QUARTER = r"^(?:(?P<y>(?:19|20)\d{2})[-/ ]*(?:q|第)(?P<q>[1-4])(?:季度?)?|q(?P<q2>[1-4])[-/ ]*(?P<y2>(?:19|20)\d{2}))$"
_EPOCH = r"^(?P<n>\d{10}|\d{13})$"
_SERIAL = r"^(?P<n>[2-7]\d{4}(?:\.\d+)?)$"
_MONTHS = ("jan(?:uary)?", "feb(?:ruary)?", "mar(?:ch)?", "apr(?:il)?", "may", "june?", "july?", "aug(?:ust)?",
           "sept?(?:ember)?", "oct(?:ober)?", "nov(?:ember)?", "dec(?:ember)?")  # fmt: skip
_PARTS = ("y", "m", "d", "h", "mi", "s", "f", "half", "half2", "zone", "a", "b", "c", "n", "w", "w2", "y2", "q", "q2")


@dataclass
class Moments:
    """Parsed moments of different texts.

    Attributes
    ----------
    us : ndarray of int64
        Microseconds since 1970: of local time, or of UTC where `zoned`.
    ok : ndarray of bool
        Whether the text is a moment, or stands for nothing.
    valid : ndarray of bool
        Whether it is a moment.
    """

    us: np.ndarray
    ok: np.ndarray
    valid: np.ndarray
    zoned: np.ndarray


@dataclass(frozen=True)
class Order:
    """What the different texts of a column say about day and month.

    `word` is ``dmy``, ``mdy``, ``ymd`` (two-digit year first), ``""`` (ambiguous), ``mixed`` or None where no
    text has such a layout; `separator` is the sign between the parts, `share` how many of the texts have the layout.
    """

    word: str | None
    separator: str = ""
    share: float = 1.0


def _tidy(texts: pa.Array) -> pa.Array:
    tidy = pc.utf8_lower(pc.utf8_normalize(texts, "NFKC"))
    if pc.any(pc.match_substring_regex(tidy, "[年月日号上下午凌晨早晚中]")).as_py():
        tidy = pc.replace_substring_regex(tidy, "[年月]", "-")
        tidy = pc.replace_substring_regex(tidy, "[日号]", " ")
        tidy = pc.replace_substring_regex(tidy, " *(上午|凌晨|早上) *", " am ")
        tidy = pc.replace_substring_regex(tidy, " *(下午|晚上|中午) *", " pm ")
    if pc.any(pc.match_substring_regex(tidy, "[a-z]{3}")).as_py():
        tidy = pc.replace_substring_regex(tidy, r"^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? +", "")
        for number, word in enumerate(_MONTHS, 1):
            tidy = pc.replace_substring_regex(tidy, rf"\b{word}\b\.?", f"#{number:02d}#")
    return pc.utf8_trim_whitespace(tidy)


def order_of(texts: pa.Array) -> Order:
    """Return what a column's different texts say about the order of day and month.

    Examples
    --------
    >>> order_of(pa.array(["31/03/2026", "1/2/2026"])).word, order_of(pa.array(["1/2/2026"])).word
    ('dmy', '')
    >>> order_of(pa.array(["2026-03-31"])).word is None
    True
    """
    found = pc.extract_regex(_tidy(texts), _NUMERIC)
    found = found.filter(pc.is_valid(found))
    if not len(found):
        return Order(None)
    a, b, c = (_ints(found.field(name)) for name in "abc")
    two = int(pc.min(pc.utf8_length(found.field("c"))).as_py()) == 2
    word = _order_word(a, b, c, two)
    filled = max(1, len(texts) - (pc.sum(values.is_null(texts)).as_py() or 0))
    return Order(word, found.field("sep")[0].as_py(), len(found) / filled)


def _order_word(a: np.ndarray, b: np.ndarray, c: np.ndarray, two: bool) -> str:
    if two and b.max() <= 12 and c.max() <= 31 and len(np.unique(c)) > len(np.unique(a)) + 3 and c.max() > 12:
        return "ymd"
    first, second = int((a > 12).sum()), int((b > 12).sum())
    if 20 * min(first, second) > max(first, second):
        return "mixed"
    if first or second:
        return "dmy" if first > second else "mdy"
    return "dmy" if bool((a == b).all()) else ""


def parse(texts: pa.Array, *, order: str = "dmy", since_1904: bool = False, first: bool = False) -> Moments:
    """Return the moments that different texts stand for.

    Parameters
    ----------
    texts : StringArray
        Different texts of a column.
    order : {"dmy", "mdy", "ymd", "none"}
        How ``03/04/26`` is read; ``none``: it is no date.
    since_1904 : bool
        Whether bare serials count from 1904, as the workbook says.
    first : bool
        Whether a month or quarter alone stands for its first day; else it stands for its last one.

    Examples
    --------
    >>> found = parse(pa.array(["2026年3月31日 下午2:05", "Oct 7, 2025 6:55 PM", "46112", "soon"]))
    >>> found.us.astype("datetime64[us]").astype("datetime64[m]").tolist()[:2]
    [datetime.datetime(2026, 3, 31, 14, 5), datetime.datetime(2025, 10, 7, 18, 55)]
    >>> found.ok.tolist()
    [True, True, True, False]
    >>> parse(pa.array(["2026年9月", "Sep 2026", "2026Q3"])).us.astype("datetime64[us]").astype("datetime64[D]").astype(str).tolist()
    ['2026-09-30', '2026-09-30', '2026-09-30']
    """
    n = len(texts)
    tidy = _tidy(texts)
    made = Moments(np.zeros(n, "int64"), np.zeros(n, bool), np.zeros(n, bool), np.zeros(n, bool))
    empty = values.is_null(tidy).to_numpy(zero_copy_only=False)
    left = np.flatnonzero(~empty)
    layouts = (
        _YMD,
        _NUMERIC,
        _WORD_DAY_FIRST,
        _WORD_MONTH_FIRST,
        _COMPACT,
        _EPOCH,
        _SERIAL,
        _WORD_YEAR_FIRST,
        _MONTH_ALONE,
        _QUARTER,
    )
    for layout in layouts:
        if not len(left) or (layout == _NUMERIC and order == "none"):
            continue
        found = pc.extract_regex(tidy.take(pa.array(left)), layout)
        hit = pc.is_valid(found).to_numpy(zero_copy_only=False)
        if hit.any():
            part = {
                name: found.field(name).filter(pa.array(hit))
                for name in _PARTS
                if found.type.get_field_index(name) >= 0
            }
            if layout in (_MONTH_ALONE, _QUARTER):
                _fill_span(made, left[hit], part, first=first)
            else:
                _fill(made, left[hit], part, layout, order, since_1904)
            left = left[~hit]
    made.ok = made.valid | empty
    return made


def _fill(made: Moments, at: np.ndarray, part: dict, layout: str, order: str, since_1904: bool) -> None:
    if layout == _EPOCH:
        n = _ints(part["n"])
        made.us[at], made.zoned[at], made.valid[at] = np.where(n > 10**11, n * 1000, n * 10**6), True, True
        return
    if layout == _SERIAL:
        start = np.datetime64("1904-01-01" if since_1904 else "1899-12-30").astype("datetime64[us]").astype("int64")
        days = pc.cast(part["n"], pa.float64()).to_numpy(zero_copy_only=False)
        made.us[at], made.valid[at] = start + np.round(days * 86400).astype("int64") * 10**6, True
        return
    y, m, d = _calendar(part, layout, order)
    clock, sound = _clock(part, len(at))
    days, real = _days(y, m, d)
    shift, zoned = _zone(part, len(at))
    made.us[at], made.zoned[at], made.valid[at] = days * DAY + clock - shift, zoned, real & sound


def _fill_span(made: Moments, at: np.ndarray, part: dict, *, first: bool) -> None:
    """Place a month or quarter that stands without a day on its last day, or on its first one."""
    y = _ints(part["y"]) + _ints(part["y2"])
    q = _ints(part["q"]) + _ints(part["q2"]) if "q" in part else np.zeros(len(at), "int64")
    m = 3 * q if "q" in part else _ints(part["m"]) + _ints(part["w"]) + _ints(part["w2"])
    month = ((y - 1970) * 12 + m - 1).astype("datetime64[M]")
    start = month - (2 if "q" in part else 0)
    day = (
        start.astype("datetime64[D]").astype("int64")
        if first
        else (month + 1).astype("datetime64[D]").astype("int64") - 1
    )
    made.us[at], made.valid[at] = day * DAY, (y >= 1900) & (m >= 1)


def _calendar(part: dict, layout: str, order: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if layout == _NUMERIC:
        a, b, c = (_ints(part[name]) for name in "abc")
        y, m, d = {"mdy": (c, a, b), "ymd": (a, b, c)}.get(order, (c, b, a))
    else:
        y, m, d = (_ints(part[name]) for name in ("y", "m", "d"))
    return np.where(y < 100, np.where(y < 70, y + 2000, y + 1900), y), m, d


def _days(y: np.ndarray, m: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return days since 1970 and whether the calendar has that day."""
    month = np.clip(m, 1, 12)
    first = ((y - 1970) * 12 + month - 1).astype("datetime64[M]")
    length = ((first + 1).astype("datetime64[D]") - first.astype("datetime64[D]")).astype("int64")
    real = (m >= 1) & (m <= 12) & (d >= 1) & (d <= length) & (y >= 1900) & (y < 2200)
    return first.astype("datetime64[D]").astype("int64") + d - 1, real


def _clock(part: dict, n: int) -> tuple[np.ndarray, np.ndarray]:
    if "h" not in part:
        return np.zeros(n, "int64"), np.ones(n, bool)
    h, mi, s = (_ints(part[name]) for name in ("h", "mi", "s"))
    halves = [part[name] for name in ("half", "half2") if name in part]
    if halves:
        half = pc.binary_join_element_wise(*halves, "")
        after = pc.match_substring(half, "p").to_numpy(zero_copy_only=False)
        before = pc.match_substring(half, "a").to_numpy(zero_copy_only=False)
        h = np.where(after & (h < 12), h + 12, np.where(before & (h == 12), 0, h))
    micro = np.zeros(n, "int64")
    if "f" in part and pc.any(pc.not_equal(part["f"], "")).as_py():
        micro = _ints(pc.utf8_rpad(pc.utf8_slice_codeunits(part["f"], 0, 6), 6, "0"))
    sound = (h < 24) & (mi < 60) & (s < 60)
    return ((h * 60 + mi) * 60 + s) * 10**6 + micro, sound


def _zone(part: dict, n: int) -> tuple[np.ndarray, np.ndarray]:
    if "zone" not in part or not pc.any(pc.not_equal(part["zone"], "")).as_py():
        return np.zeros(n, "int64"), np.zeros(n, bool)
    zoned = pc.not_equal(part["zone"], "").to_numpy(zero_copy_only=False)
    offset = pc.extract_regex(part["zone"], r"(?P<sign>[-+])(?P<h>\d{1,2}):?(?P<mi>\d{2})?$")
    minutes = _ints(offset.field("h")) * 60 + _ints(offset.field("mi"))
    sign = np.where(pc.fill_null(pc.equal(offset.field("sign"), "-"), False).to_numpy(zero_copy_only=False), -1, 1)
    return sign * minutes * 60 * 10**6, zoned


def _ints(texts: pa.Array) -> np.ndarray:
    texts = pc.fill_null(texts, "0")
    return pc.cast(pc.if_else(pc.equal(texts, ""), "0", texts), pa.int64()).to_numpy(zero_copy_only=False)


def to_times(found: Moments, zone: str) -> pa.Array:
    """Return UTC times; a moment without zone is in the unit's."""
    us = pa.array(found.us, pa.int64(), mask=~found.valid).cast(pa.timestamp("us"))
    if found.zoned.all():
        return us
    utc = pc.assume_timezone(us, zone, ambiguous="earliest", nonexistent="latest").cast(pa.int64())
    utc = utc.cast(pa.timestamp("us"))
    return pc.if_else(pa.array(found.zoned), us, utc) if found.zoned.any() else utc


def to_dates(found: Moments, zone: str) -> pa.Array:
    """Return days; a moment with a zone is placed in the unit's."""
    us = found.us
    if found.zoned.any():
        utc = pa.array(us, pa.int64()).cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us", zone))
        local = pc.local_timestamp(utc).cast(pa.int64()).to_numpy(zero_copy_only=False)
        us = np.where(found.zoned, local, us)
    days = np.floor_divide(us, DAY).astype("int32")
    return pa.array(days, pa.int32(), mask=~found.valid).cast(pa.date32())
