"""Text from data made harmless: no control, bidi or zero-width characters, cut where too long."""

from __future__ import annotations

import re

CUT = 40
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2028\u2029\u2060-\u206f"
    "\ufeff\ufff0-\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)


def plain(text: object) -> str:
    """Return text without characters that are not seen, change the reading direction or break a drawing.

    Examples
    --------
    >>> plain("Acme\\u202e gpj.exe\\x00")
    'Acme gpj.exe'
    """
    return _UNSEEN.sub("", str(text))


def plain_label(text: object, most: int = CUT) -> str:
    """Return text on one line, cut to what a chart can carry.

    Examples
    --------
    >>> plain_label("a\\nb"), plain_label("x" * 50, 10)
    ('a b', 'xxxxxxxxx…')
    """
    words = " ".join(plain(str(text)[: 4 * most]).split())
    return words if len(words) <= most else words[: most - 1] + "…"
