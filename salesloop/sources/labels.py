"""Labels of exports → canonical columns: how a label is compared, and what its bracket says about the unit."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from salesloop.schema import TABLES

_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_FOLDER = Path(__file__).parent / "mappings"
_DYNAMICS = re.compile(r"^\(do not modify\)", re.I)
_TRADITIONAL = str.maketrans(
    "機會戶額預計簽單結銷階狀態負責屬門間創後變輸丟來業務線進記錄訂號產數報價標題類稱編貨幣範圍團隊區國歷轉換職電話郵縮對競爭別實際關係總應聯繫訊時開贏認證與從點檔輔導選項據資質構組織網絡備註說級優環節執動評論費帳識軟體設劃頻讓聽購買賣調問滿",
    "机会户额预计签单结销阶状态负责属门间创后变输丢来业务线进记录订号产数报价标题类称编货币范围团队区国历转换职电话邮缩对竞争别实际关系总应联系讯时开赢认证与从点档辅导选项据资质构组织网络备注说级优环节执动评论费账识软体设划频让听购买卖调问满",
)
_BRACKET = re.compile(r"[(（\[【]([^)）\]】]*)[)）\]】]")
_IN = re.compile(r"\bin (thousands|millions|k|m|thousand|million)\b", re.I)
_UNIT_NOTE = re.compile(r"(?:单位|單位)\s*[:：为為]?\s*(?:人民币|RMB|CNY)?\s*[/／]?\s*([百千万亿萬億]{1,2}元?)")
_POWERS = {"元": 0, "千元": 3, "千": 3, "万元": 4, "万": 4, "百万": 6, "百万元": 6, "千万": 7, "亿元": 8, "亿": 8, "千円": 3, "万円": 4, "百万円": 6, "億円": 8, "円": 0, "k": 3, "thousands": 3,
           "thousand": 3, "in thousands": 3, "000s": 3, "'000": 3, "000": 3, "m": 6, "mn": 6, "million": 6, "millions": 6,
           "in millions": 6}  # fmt: skip
_ISO = ("CNY", "USD", "EUR", "GBP", "JPY", "HKD", "SGD", "AUD", "CAD", "INR", "KRW", "TWD", "CHF", "SEK", "NOK", "DKK",
        "PLN", "CZK", "BRL", "MXN", "ZAR", "THB", "MYR", "IDR", "VND", "AED", "NZD", "RUB")  # fmt: skip
_ENDING = re.compile(rf"[\s_]+(?:in )?(?:{'|'.join(_ISO)}|RMB)\s*$", re.I)
_SIGNS = {"$": "$", "¥": "¥", "￥": "¥", "€": "EUR", "£": "GBP", "人民币": "CNY", "rmb": "CNY", "美元": "USD"}


@dataclass(frozen=True)
class Kind:
    """What is known about one kind of file.

    Attributes
    ----------
    name : str
        A canonical table, or a known kind that is set aside.
    exact : dict of str to (column, rank)
        Columns by compared label; a lower rank is a better label.
    hinted : dict
        The same for labels that count only where the file's name speaks of the kind.
    special : frozenset of str
        Compared labels that carry the kind's own word.
    within : tuple of (text, column, rank)
        Columns by what a label, in small letters, contains.
    """

    name: str
    aside: str
    needs: tuple[frozenset[str], ...]
    exact: dict[str, list[tuple[str, int]]]
    hinted: dict[str, list[tuple[str, int]]]
    special: frozenset[str]
    in_name: tuple[str, ...]
    only_hinted: bool = False
    unless: str = ""
    within: tuple[tuple[str, str, int], ...] = ()


def key(label: str) -> str:
    """Return a label as it is compared: no case, spaces, signs, bracketed notes or traditional characters.

    Examples
    --------
    >>> key("*商機名稱（必填）") == key("商机名称"), key("Deal Owner.id") == key("DEAL_OWNER ID")
    (True, True)
    """
    text = _DYNAMICS.sub("do not modify ", unicodedata.normalize("NFKC", label))
    bare = _BRACKET.sub("", text)
    text = (bare if re.sub(r"\W", "", bare) else text).translate(_TRADITIONAL)
    text = _ENDING.sub("", text) or text
    return re.sub(r"[\W_]+", "", text.casefold())


def minutes_of(label: str) -> float:
    """Return how many minutes the unit in a label's bracket has.

    Examples
    --------
    >>> minutes_of("Call Duration (in seconds)") * 420, minutes_of("时长(小时)")
    (7.0, 60.0)
    """
    note = " ".join(_BRACKET.findall(unicodedata.normalize("NFKC", label))).casefold()
    return 1 / 60 if "sec" in note or "秒" in note else 60.0 if "hour" in note or "小时" in note else 1.0


def simplified(text: str) -> str:
    """Return a text with the traditional characters of labels made simplified."""
    return text.translate(_TRADITIONAL)


def unit_of(label: str) -> tuple[int, str | None, bool]:
    """Return what a label says about its unit: powers of ten, a currency, and whether it is percent.

    Examples
    --------
    >>> unit_of("金额(万元)"), unit_of("Amount (K USD)"), unit_of("Probability (%)"), unit_of("Opportunity Amount USD")
    ((4, None, False), (3, 'USD', False), (0, None, True), (0, 'USD', False))
    """
    notes = [note.strip() for note in _BRACKET.findall(unicodedata.normalize("NFKC", label))]
    shift, currency = 0, None
    for note in notes:
        for word in [note, *re.split(r"[\s,/:：单位]+", note)]:
            low = word.casefold().strip("$¥€£") or word
            shift = max(shift, _POWERS.get(low, 0))
            found = _SIGNS.get(word.casefold()) or next((iso for iso in _ISO if iso == word.upper()), None)
            currency = currency or found
    said = _IN.search(label)
    if said and not shift:
        shift = 3 if said.group(1).lower() in ("k", "thousand", "thousands") else 6
    currency = currency or next(
        (iso for iso in _ISO if re.search(rb"(?<![A-Za-z])%s(?![A-Za-z])" % iso.encode(), label.encode())), None
    )
    return shift, currency, "%" in label or "％" in label


def unit_of_title(text: str) -> tuple[int, str | None]:
    """Return what a title above a table says about the unit of its money: powers of ten and a currency.

    Examples
    --------
    >>> unit_of_title("商机明细表（单位：万元）"), unit_of_title("FY2026 quota (K USD)"), unit_of_title("All amounts in thousands")
    ((4, None), (3, 'USD'), (3, None))
    >>> unit_of_title("Report of Q1 (M)")
    (0, None)
    """
    plain = unicodedata.normalize("NFKC", text)
    notes = [*_BRACKET.findall(plain), *(found for found in _UNIT_NOTE.findall(plain))]
    shift, currency, _ = unit_of("".join(f"({note})" for note in notes))
    said = _IN.search(plain)
    if said:
        shift = max(shift, 3 if said.group(1).lower() in ("k", "thousand", "thousands") else 6)
    alone = all(note.strip().casefold() in ("k", "m", "mn") for note in notes)
    return (0 if alone and not said else shift), currency


@cache
def kinds() -> dict[str, Kind]:
    """Return all known kinds of files, read once; the other languages' labels stand behind English and Chinese."""
    content = _read(_FOLDER / "labels.yml")
    for file in sorted(_FOLDER.glob("labels_*.yml")):
        for name, more in _read(file).items():
            entry = content[name]
            entry["words"] += more.get("words", [])
            entry["files"] = [*entry.get("files", []), *more.get("files", [])]
            for column, said in more["columns"].items():
                entry["columns"].setdefault(column, []).extend(said)
    return {name: _kind(name, entry) for name, entry in content.items()}


def _read(file: Path) -> dict:
    return yaml.load(file.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - texts only


def _kind(name: str, entry: dict) -> Kind:
    exact: dict[str, list[tuple[str, int]]] = {}
    hinted: dict[str, list[tuple[str, int]]] = {}
    special: set[str] = set()
    within: list[tuple[str, str, int]] = []
    columns = dict(entry["columns"])
    for column in TABLES[name].columns if name in TABLES else ():
        columns.setdefault(column, [])
    for column, labels in columns.items():
        rank = 0
        if not column.startswith("_"):
            exact.setdefault(key(column), []).append((column, 0))
        for label in labels:
            for said in [label.replace("{e}", word) for word in entry["words"]] if "{e}" in label else [label]:
                rank += 1
                if label.startswith("~"):
                    within.append((label[1:].casefold(), column, 200 + rank))
                    continue
                into = hinted if label.startswith("?") else exact
                into.setdefault(key(said), []).append((column, rank + (100 if label.startswith("??") else 0)))
                if "{e}" in label:
                    special.add(key(said))
    in_name = tuple(sorted({key(word) for word in [*entry["words"], *entry.get("files", [])]}, key=len, reverse=True))
    needs = tuple(frozenset(group) for group in entry["needs"])
    return Kind(
        name,
        entry.get("aside", ""),
        needs,
        exact,
        hinted,
        frozenset(special),
        in_name,
        "hinted" in entry,
        entry.get("unless", ""),
        tuple(within),
    )


@cache
def known_keys() -> frozenset[str]:
    """Return every compared label of every kind."""
    return frozenset(label for kind in kinds().values() for label in [*kind.exact, *kind.hinted])
