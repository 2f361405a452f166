"""Bytes of a text file → UTF-8 bytes, with the encoding found and why."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from salesloop.errors import DataError

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
          (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
_BINARY = ((b"%PDF", "a PDF"), (b"\x89PNG", "a picture"), (b"\xff\xd8\xff", "a picture"), (b"GIF8", "a picture"),
           (b"\x7fELF", "a program"), (b"MZ", "a program"), (b"SQLite format 3", "a database"))  # fmt: skip
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_HANZI = re.compile("[\u3400-\u9fff]")
_KANA = re.compile("[\u3041-\u30fe]")
_HALF = re.compile("[\uff61-\uff9f]")
_PRIVATE = re.compile("[\ue000-\uf8ff]")
_ALONE = re.compile("(?<=[A-Za-z])[\u3400-\u9fff]{1,2}(?=[a-z])")
_SAMPLE = 4 << 20


@dataclass(frozen=True)
class Decoded:
    """A text file as UTF-8 bytes, the encoding it had, and a sentence where that was a guess."""

    data: bytes
    encoding: str
    note: str = ""


def decode(data: bytes, name: str, encoding: str | None = None) -> Decoded:
    """Return a text file's content in UTF-8.

    The ladder: the mapping's word, a byte order mark, UTF-16 by its zero bytes, strict UTF-8, GB18030 where the
    result is plausible Chinese (before it cp932 for plausible Japanese and Big5 for traditional Chinese), Windows-1252.

    Parameters
    ----------
    data : bytes
        The file's content.
    name : str
        The file's name, for the message.
    encoding : str, optional
        The mapping's word; then nothing is guessed.

    Raises
    ------
    DataError
        The file is not text.

    Examples
    --------
    >>> decode("客户名称,金额".encode("gb18030"), "a.csv").encoding
    'gb18030'
    >>> decode("Zürich,Köln\\nMüßig,Straße".encode("cp1252"), "a.csv").encoding
    'cp1252'
    >>> decode("商談名,サンプル".encode("cp932"), "a.csv").encoding, decode("客戶名稱,金額,銷售階段".encode("big5"), "a.csv").encoding
    ('cp932', 'big5')
    """
    if encoding:
        return _told(data, name, encoding)
    for mark, found in _MARKS:
        if data.startswith(mark):
            return _marked(data, name, found, mark)
    refuse_binary(data, name)
    wide = _wide(data)
    if wide:
        return Decoded(_recode(data, wide, name), wide, f"no byte order mark; read as {wide}")
    if _is_utf8(data):
        return Decoded(data, "utf-8")
    return _eight_bits(data)


def refuse_binary(data: bytes, name: str) -> None:
    """Raise where the content is known to be, or looks like, something other than text."""
    kind = next((kind for magic, kind in _BINARY if data.startswith(magic)), "")
    head = data[:65536]
    if not kind and not _wide(data) and len(_CONTROL.findall(head)) > max(2, len(head) // 1000):
        kind = "bytes that are no text"
    if kind:
        raise DataError(
            f"file {name}", found=kind, allowed="a table as CSV, XLSX or Parquet",
            next_step="export the table again, or leave the file out",
        )  # fmt: skip


def _told(data: bytes, name: str, encoding: str) -> Decoded:
    try:
        return Decoded(data.decode(encoding).encode(), encoding)
    except (UnicodeDecodeError, LookupError):
        raise DataError(
            f"file {name}", found=f"content that is not {encoding}, as the mapping says",
            allowed="the encoding that the file has",
            next_step="correct `encoding` in the mapping or remove it",
        ) from None  # fmt: skip


def _marked(data: bytes, name: str, encoding: str, mark: bytes) -> Decoded:
    if encoding == "utf-8-sig" and _is_utf8(data):
        return Decoded(data[len(mark) :], "utf-8-sig")
    return Decoded(_recode(data, encoding, name), encoding)


def _recode(data: bytes, encoding: str, name: str) -> bytes:
    try:
        return data.decode(encoding).encode()
    except UnicodeError:
        raise DataError(
            f"file {name}",
            found=f"broken {encoding} text",
            allowed="a whole text file",
            next_step="export the file again as UTF-8",
        ) from None


def _wide(data: bytes) -> str:
    """Return the kind of UTF-16 that a file without mark is in, by where its zero bytes stand."""
    head = data[: 4096 // 2 * 2]
    if len(head) < 8:
        return ""
    even, odd = head[0::2].count(0) / (len(head) / 2), head[1::2].count(0) / (len(head) / 2)
    if odd > 0.3 and even < 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > 0.3 and odd < 0.05 else ""


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    reader = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(data), _SAMPLE):
            reader.decode(data[start : start + _SAMPLE], final=start + _SAMPLE >= len(data))
    except UnicodeDecodeError:
        return False
    return True


def _eight_bits(data: bytes) -> Decoded:
    text = _strict(data, "gb18030")
    chinese = text is not None and _is_chinese(text[:_SAMPLE])
    for other, told, plausible in (
        ("cp932", "Japanese", _is_japanese),
        ("big5", "traditional Chinese", _is_traditional),
    ):
        if (found := _strict(data, other)) is not None and plausible(found[:_SAMPLE], text or ""):
            return Decoded(found.encode(), other, f"read as {other}: no UTF-8, and plausible {told}")
    if chinese and text is not None:
        return Decoded(text.encode(), "gb18030", "read as GB18030: no UTF-8, and plausible Chinese")
    try:
        text, used = data.decode("cp1252"), "cp1252"
    except UnicodeDecodeError:
        text, used = data.decode("latin-1"), "latin-1"
    return Decoded(text.encode(), used, f"read as {used}: neither UTF-8 nor plausible GB18030; look at its names")


def _strict(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _is_japanese(text: str, _: str) -> bool:
    """Return whether a cp932 reading makes sense: kana in plain width, and few of half width."""
    kana, half = len(_KANA.findall(text)), len(_HALF.findall(text))
    wide = kana + len(_HANZI.findall(text))
    return kana >= 2 and kana >= 0.1 * wide and half <= 0.1 * wide


def _is_traditional(text: str, simplified: str) -> bool:
    """Return whether a Big5 reading makes sense: its characters are the common ones, and those of a GB18030 reading are not."""
    hanzi = _HANZI.findall(text)
    if len(hanzi) < 4 or _PRIVATE.search(text):
        return False
    common = sum(1 for sign in hanzi if 0xA4 <= sign.encode("big5", "replace")[0] <= 0xC6) / len(hanzi)
    alone = sum(len(found) for found in _ALONE.findall(text)) / len(hanzi)
    return common >= 0.8 and alone <= 0.1 and (not _is_chinese(simplified) or _level_one_share(simplified) < 0.85)


def _is_chinese(text: str) -> bool:
    """Return whether a GB18030 reading makes sense: common Hanzi, in runs, none between Latin letters."""
    hanzi = _HANZI.findall(text)
    if not hanzi or _PRIVATE.search(text):
        return False
    alone = sum(len(found) for found in _ALONE.findall(text)) / len(hanzi)
    common = _level_one_share(text)
    return common >= 0.6 and alone <= 0.2


def _level_one_share(text: str) -> float:
    hanzi = _HANZI.findall(text)
    return sum(1 for sign in hanzi if _level_one(sign)) / len(hanzi)


def _level_one(sign: str) -> bool:
    """Return whether a character belongs to the 3,755 common ones of GB2312."""
    try:
        raw = sign.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return 0xB0 <= raw[0] <= 0xD7
