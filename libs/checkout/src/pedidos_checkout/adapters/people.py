"""What providers say names people: their words go into jobs and logs, which outlive an erasure."""

from __future__ import annotations

import re

from pedidos_common.runtime.redaction import HIDDEN

_MAIL_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"'@]+@[^\s<>()\[\],;:\"'@]+")
# as people write one; what goes on behind a letter or a full stop is an id, a version, an address
_PHONE_NUMBER = re.compile(r"(?<![\w.])\+?\(?[0-9](?:[ ()-]{0,3}[0-9]){6,}")


def without_people(text: str) -> str:
    """The text with mail addresses and what may be a phone number hidden."""
    return _PHONE_NUMBER.sub(HIDDEN, _MAIL_ADDRESS.sub(HIDDEN, text))
