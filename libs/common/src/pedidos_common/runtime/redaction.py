"""Nothing secret reaches a log or a message."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

HIDDEN = "***"
# user:password@ of an address; a raw slash or space can't be part of it
_CREDENTIALS = re.compile(r"(://[^\s\"'/:@]*):[^\s\"'/]*@")
# a value goes on over `\\"` and `\\n`: in a rendered line half of such a pair would break the JSON
_QUERY_SECRETS = re.compile(
    r"([?&][^?&=\s\"]{0,80}?(?:password|secret|token|key|authmechanismproperties)[^?&=\s\"]{0,80}=)"
    r"(?:\\.|[^&\s\"\\])+",
    re.IGNORECASE,
)
# a key as `pedidos keys new` makes it, and a webhook's secret as its standard writes it
_KEYS = re.compile(r"(pedidos_)[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])|(whsec_)[A-Za-z0-9+/=_-]{16,}")
_SECRET_NAMES = frozenset(
    {"api_key", "apikey", "x-api-key", "authorization", "password", "secret", "token"}
    | {"redis_password", "webhook_secret", "webhook_url", "mongo_uri", "redis_url"}
    | {"payment_api_key", "payment_webhook_secret", "sms_api_key", "smtp_url"}
    | {"cookie", "set-cookie", "otel_exporter_otlp_headers"}
)


def redact(text: str) -> str:
    """The text with passwords in addresses, secret query parameters and keys hidden."""
    shown = _KEYS.sub(rf"\1\2{HIDDEN}", text) if "pedidos_" in text or "whsec_" in text else text
    shown = _CREDENTIALS.sub(rf"\1:{HIDDEN}@", shown) if "://" in shown else shown
    return _QUERY_SECRETS.sub(rf"\1{HIDDEN}", shown) if "=" in shown else shown


def shown_address(address: str) -> str:
    """An address as it may be shown: without its password and its query."""
    return redact(address).partition("?")[0]


def redact_fields(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A structlog processor: fields named like secrets lose their value."""
    for name in event.keys() & _SECRET_NAMES:
        event[name] = HIDDEN
    return event
