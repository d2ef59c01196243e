"""Nothing secret reaches a log or a message."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

HIDDEN = "***"
# user:password@ of an address; a raw slash or space can't be part of it
_CREDENTIALS = re.compile(r"(://[^\s\"'/:@]*):[^\s\"'/]*@")
_SECRET_NAMES = frozenset(
    {"api_key", "apikey", "x-api-key", "authorization", "password", "secret", "token"}
    | {"redis_password", "webhook_secret", "mongo_uri", "redis_url", "cookie", "set-cookie"}
)


def redact(text: str) -> str:
    """The text with the password of every address in it hidden."""
    return _CREDENTIALS.sub(rf"\1:{HIDDEN}@", text) if "://" in text else text


def redact_fields(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A structlog processor: fields named like secrets lose their value."""
    for name in event.keys() & _SECRET_NAMES:
        event[name] = HIDDEN
    return event
