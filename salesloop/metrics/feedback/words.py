"""Texts as words: Chinese cut by a dictionary, English by letters; what says nothing about a theme left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

Lexicon = Mapping[str, Mapping[str, frozenset[str]]]
_HAN = re.compile("[\u3400-\u9fff]")
_LATIN = re.compile(r"[a-z][a-z'-]+")
_ADDRESSED = re.compile(r"https?://\S+|www\.\S+|\S*@\S+")
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
_MASKS = (
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), "[mail]"),
    (re.compile(r"https?://\S+|www\.\S+"), "[link]"),
    (re.compile(r"(?<![\w])(?:\+?\d[\d\s().-]{6,}\d)(?!\w)"), "[phone]"),
    (re.compile(r"\b(?:Mr|Mrs|Ms|Dr)\.? [A-Z][\w'-]+(?: [A-Z][\w'-]+)?"), "[name]"),
    (re.compile(f"[{_SURNAMES}](?=总(?!体|是|算|的|共|部|结|之)|经理|先生|女士|小姐|老师|工程师)"), "[name]"),
)


def cut(text: str) -> list[str]:
    """Return the words of a text in either language, spaces left out, for telling its tone.

    Examples
    --------
    >>> cut("交付很慢, late")
    ['交付', '很', '慢', ',', 'late']
    """
    import rjieba

    return [word for word in rjieba.cut(text.lower()) if not word.isspace()]


def topical(text: str, language: str, unsaid: frozenset[str]) -> list[str]:
    """Return the words that can make a theme: no stop words, praise, blame or addresses; English ones in the singular.

    Parameters
    ----------
    text : str
        A comment.
    language : {"en", "zh"}
        How it is cut.
    unsaid : frozenset of str
        Words that say nothing about a theme.

    Examples
    --------
    >>> topical("Deliveries are late", "en", frozenset({"late", "are"}))
    ['delivery']
    """
    text = _ADDRESSED.sub(" ", text)
    if language == "zh":
        return [word for word in cut(text) if len(word) > 1 and _HAN.search(word) and word not in unsaid]
    found = (singular(word) for word in _LATIN.findall(text.lower()))
    return [word for word in found if len(word) > 2 and word not in unsaid]


def singular(word: str) -> str:
    """Return an English word without its plural or possessive ending.

    Examples
    --------
    >>> [singular(word) for word in ("invoices", "deliveries", "business", "client's")]
    ['invoice', 'delivery', 'business', 'client']
    """
    word = word.removesuffix("'s").strip("'-")
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    kept = word.endswith(("ss", "us", "is")) or (word.endswith("as") and not word.endswith("eas"))
    return word[:-1] if word.endswith("s") and not kept and len(word) > 3 else word


def unsaid(lexicon: Lexicon, language: str) -> frozenset[str]:
    """Return the words of a language that make no theme: stop words, and words of tone, which are no subject."""
    return frozenset().union(*(lexicon[part][language] for part in ("stop", "negate", "positive", "negative")))


def tone_of(text: str, language: str, lexicon: Lexicon) -> float:
    """Return the tone of a text by the lexicon, -1 to 1: words for minus words against, turned by a negation before them.

    Examples
    --------
    >>> own = {"positive": {"en": frozenset({"good"})}, "negative": {"en": frozenset({"slow"})},
    ...        "negate": {"en": frozenset({"not"})}}
    >>> tone_of("good but slow", "en", own), tone_of("not good", "en", own)
    (0.0, -1.0)
    """
    tokens = _LATIN.findall(text.lower()) if language == "en" else cut(text)
    hits = [_hit(tokens, place, language, lexicon) for place in range(len(tokens))]
    said = [hit for hit in hits if hit]
    return sum(said) / len(said) if said else 0.0


def _hit(tokens: list[str], place: int, language: str, lexicon: Lexicon) -> int:
    word = tokens[place]
    pair = f"{word} {tokens[place + 1]}" if language == "en" and place + 1 < len(tokens) else ""
    sign = _sign(word, pair, language, lexicon)
    before = tokens[max(place - 2, 0) : place]
    turned = any(one in lexicon["negate"][language] or one.endswith("n't") for one in before)
    return -sign if turned else sign


def _sign(word: str, pair: str, language: str, lexicon: Lexicon) -> int:
    for part, sign in (("negative", -1), ("positive", 1)):
        known = lexicon[part][language]
        if word in known or pair in known:
            return sign
        if language == "zh" and len(word) > 1 and any(one in known for one in (word[1:], word[-1:]) if one):
            return -sign if word[0] in lexicon["negate"]["zh"] else sign
    return 0


def masked(text: str, names: Iterable[str], *, most: int = 200) -> str:
    """Return a text fit to be quoted: names, mail addresses, phone numbers and links masked, at most `most` characters.

    Examples
    --------
    >>> masked("Call Li Na at +86 138 0013 8000 or li.na@acme.cn", ["Li Na"])
    'Call [name] at [phone] or [mail]'
    """
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    known = sorted(
        (name for name in set(names) if isinstance(name, str) and len(name.strip()) > 1), key=len, reverse=True
    )
    for name in known:
        if name.lower() in text.lower():
            edge = "" if _HAN.search(name) else r"\b"
            text = re.sub(f"{edge}{re.escape(name)}{edge}", "[name]", text, flags=re.IGNORECASE)
    return text if len(text) <= most else text[: most - 1] + "…"
