"""API keys as they are kept: by name, scope and hash, never as they are sent.

A key is 32 random bytes, so one round of SHA-256 hides it for good: what makes slow hashes
necessary, guessing what a person would choose, has nothing to guess here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hmac import compare_digest

from pedidos_common.domain.errors import PedidosError

MARK = "pedidos_"
HASH = "sha256:"
MOST_KEYS = 1_000
SINGLE_KEY = "API_KEY"  # the name of the one outside of the file
NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,39}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_FORM = "<name> <read or operate> sha256:<64 hex digits>, as `pedidos keys new` prints it"


class Scope(StrEnum):
    """What a key may do: look, or change things too."""

    READ = "read"
    OPERATE = "operate"


class WrongKeys(PedidosError):
    """A list of keys is not what it may be; the message names the line and shows no hash."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Who may do what; `digest` is the SHA-256 of the key that they send."""

    name: str
    scope: Scope
    digest: bytes

    @property
    def line(self) -> str:
        """The key as a line of the file of keys."""
        return f"{self.name} {self.scope} {HASH}{self.digest.hex()}"

    def allows(self, scope: Scope) -> bool:
        """Whether the key's scope is that one or includes it."""
        return scope is Scope.READ or self.scope is Scope.OPERATE


def key_of(name: str, scope: Scope, secret: bytes) -> ApiKey:
    """The key that is sent as `secret`."""
    return ApiKey(name, scope, hashlib.sha256(secret).digest())


def sent_key(secret: bytes, keys: Iterable[ApiKey]) -> ApiKey | None:
    """Which key was sent, if any; takes the same time whichever it is and however near it came."""
    digest, found = hashlib.sha256(secret).digest(), None
    for key in keys:
        if compare_digest(key.digest, digest):
            found = key
    return found


def parse_keys(text: str) -> tuple[ApiKey, ...]:
    """The keys of a file: one a line; what begins with `#` and empty lines say nothing.

    Raises:
        WrongKeys: naming the first line that is wrong.
    """
    keys: dict[str, ApiKey] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key = _parse(line, number)
        if key.name in keys:
            raise WrongKeys(f"line {number}: the name {key.name} stands above already")
        keys[key.name] = key
        if len(keys) > MOST_KEYS:
            raise WrongKeys(f"line {number}: there are more than {MOST_KEYS} keys")
    return tuple(keys.values())


def _parse(line: str, number: int) -> ApiKey:
    match line.split():
        case [name, *_] if name == SINGLE_KEY:
            raise WrongKeys(
                f"line {number}: {SINGLE_KEY} is the name of the key in that variable: take another"
            )
        case [name, scope, digest] if _fits(name, scope, digest):
            return ApiKey(name, Scope(scope), bytes.fromhex(digest.removeprefix(HASH)))
        case _:
            raise WrongKeys(f"line {number} must be {_FORM}")


def _fits(name: str, scope: str, digest: str) -> bool:
    is_hash = digest.startswith(HASH) and _DIGEST.fullmatch(digest.removeprefix(HASH))
    return bool(NAME.fullmatch(name) and scope in set(Scope) and is_hash)
