"""Phone numbers as providers of text messages take them."""

from __future__ import annotations

import re

# what people put between digits; a 0 in parentheses is dialled inside the country only
BETWEEN = re.compile(r"\(0\)|[ ().-]")
E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def e164(number: str) -> str:
    """The number as E.164 has it: `+`, the country code and the rest, digits alone.

    Raises:
        ValueError: when it is none: without its country code nobody knows whose it is.
    """
    bare = BETWEEN.sub("", number)
    if E164.fullmatch(bare) is None:
        raise ValueError("a phone number with + and its country code, 7 to 15 digits")
    return bare
