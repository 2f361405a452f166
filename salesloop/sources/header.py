"""Where the table starts and ends in a file: delimiter, title rows, header, totals and footers."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter

DELIMITERS = (",", ";", "\t", "|")
_LOOK = 60
_VALUE = re.compile(r"^[\s$¥￥€£(+-]*\d[\d,.\s:/年月日%-]*[)万亿千元KkMm%]*$")
_MONTH = re.compile(r"^(\d{4}[-/.年]?(\d{1,2}月?|Q[1-4])|\d{1,2}月)$", re.I)
_TOTAL = re.compile(
    r"^\W*(合计|总计|小计|汇总|總計|合計|小計|grand total|sub ?total|total|totals|sum|summe)\b[\s:：(（]*", re.I
)
_FOOTER = re.compile(
    r"^\W*(导出时间|导出人|导出日期|匯出時間|制表|打印时间|共\s*\d+\s*条|记录总数|数据来源|备注[:：]|说明[:：]|注[:：]|"
    r"exported (on|by|at)|export date|generated (on|by|at)|printed (on|by)|report (generated|run)|as of\b|"
    r"total records|copyright|©|confidential|end of (report|file))",
    re.I,
)


def is_total(texts: list[str]) -> bool:
    """Return whether a row is a total: its first cell with content says so.

    Examples
    --------
    >>> is_total(["合计", "", "1,200"]), is_total(["Total Gas Ltd", "", "5"])
    (True, False)
    """
    first = next((text for text in texts if text.strip()), "").strip()
    found = _TOTAL.match(first)
    return found is not None and not first[found.end() :].strip(" :：)）0123456789,.")


def is_footer(texts: list[str]) -> bool:
    """Return whether a row is a remark below the table: few cells with content, the first one a known remark.

    Examples
    --------
    >>> is_footer(["导出时间：2026-03-31 10:00", "", ""])
    True
    """
    filled = [text.strip() for text in texts if text.strip()]
    return 0 < len(filled) <= 2 and bool(_FOOTER.match(filled[0]))


def titles(rows: list[list[str]]) -> list[str]:
    """Return the texts of the rows above a header, each once."""
    return list(dict.fromkeys(cell.strip()[:300] for row in rows for cell in row if cell.strip()))[:30]


def sniff(text: str) -> str:
    """Return the delimiter under which most of the first lines have the same number of cells.

    Examples
    --------
    >>> sniff("a;b;c\\n1,5;2;3\\n"), sniff("a\\tb\\n1\\t2\\n"), sniff("name\\nx\\n")
    (';', '\\t', ',')
    """
    if text[:4].lower() == "sep=":
        return text[4]
    best, most = ",", 0.0
    for delimiter in DELIMITERS:
        widths = [len(row) for row in records(text, delimiter)[:_LOOK] if any(row)]
        if not widths:
            continue
        width, n = Counter(widths).most_common(1)[0]
        score = (width - 1) * (n / len(widths)) ** 2
        if score > most * 1.05:
            best, most = delimiter, score
    return best


def records(text: str, delimiter: str) -> list[list[str]]:
    """Return the first rows of a delimited text, the last one left out where it may be cut."""
    rows: list[list[str]] = []
    try:
        csv.field_size_limit(1 << 30)
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            rows.append(row)
            if len(rows) > _LOOK:
                break
    except csv.Error:
        pass
    return rows


def find(rows: list[list[str]], known: frozenset[str] | None = None) -> int | None:
    """Return the index of the header row, or None where no row looks like one.

    The header is the first row of which at least 60 % of the table's width is filled with different texts that
    are no numbers or dates; where `known` labels are given, a row near it with more of them is preferred.

    Examples
    --------
    >>> find([["商机导出", "", ""], ["名称", "金额", "阶段"], ["a", "1", "x"]])
    1
    """
    filled = [sum(1 for cell in row if cell.strip()) for row in rows]
    common = Counter(n for n in filled if n).most_common()
    if not common:
        return None
    width = max(n for n, times in common if times == common[0][1]) if len(rows) > 3 else max(filled)
    chosen = None
    for at, row in enumerate(rows[:_LOOK]):
        texts = [cell.strip() for cell in row if cell.strip()]
        labels = {text for text in texts if not _VALUE.match(text) or _MONTH.match(text)}
        if len(texts) == filled[at] and len(labels) >= 0.6 * width and len(labels) >= 0.8 * len(set(texts)):
            if not len(set(texts)) >= 0.6 * len(texts):
                continue
            if chosen is None:
                chosen = at
                if not known:
                    return chosen
            elif _hits(row, known) > _hits(rows[chosen], known) + 1 and at - chosen < 5:
                chosen = at
    return chosen


def _hits(row: list[str], known: frozenset[str] | None) -> int:
    from salesloop.sources.labels import key

    return sum(1 for cell in row if known and key(cell) in known)
