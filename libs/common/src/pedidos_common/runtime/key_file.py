"""The file of API keys, read again when it changes, so that keys rotate without a restart."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from pedidos_common.domain.api_keys import ApiKey, WrongKeys, parse_keys

LARGEST_FILE_BYTES = 256 * 1024
LOOK_EVERY_SECONDS = 1.0
TELL_EVERY_SECONDS = 60.0

_log = structlog.get_logger()
_Mark = tuple[int, int, int]


def read_keys(path: Path) -> tuple[ApiKey, ...]:
    """The keys of that file.

    Raises:
        WrongKeys: when it can't be read, or a line is wrong; the message names the file.
    """
    try:
        return parse_keys(_content(path).decode())
    except OSError as error:
        raise WrongKeys(f"{path} can't be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise WrongKeys(f"{path} is wrong: it is not UTF-8") from None
    except WrongKeys as error:
        raise WrongKeys(f"{path} is wrong: {error}") from None


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE_BYTES + 1)
    if len(content) > LARGEST_FILE_BYTES:
        raise WrongKeys(f"it is larger than {LARGEST_FILE_BYTES} bytes")
    return content


class KeyFile:
    """The keys of a file as it is now; the ones of before where it is wrong or gone.

    Looked at when somebody asks, at most once a second: a key that is taken out is refused after
    that second. While the file is wrong it is read again, and that told, once a minute.

    Raises:
        WrongKeys: as `read_keys`, at the first time alone.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._looked_at = clock()
        self._mark = self._marked()
        self._keys = read_keys(path)
        self._wrong_at: float | None = None
        self._tell()

    def __call__(self) -> Sequence[ApiKey]:
        """The keys in force."""
        now = self._clock()
        if now - self._looked_at >= LOOK_EVERY_SECONDS:
            self._looked_at = now
            self._look(now)
        return self._keys

    def is_valid(self) -> bool:
        """Whether the keys in force are those of the file as it is now."""
        self()
        return self._wrong_at is None

    def _look(self, now: float) -> None:
        mark = self._marked()
        is_due = self._wrong_at is not None and now - self._wrong_at >= TELL_EVERY_SECONDS
        if mark != self._mark or is_due:
            self._mark = mark
            self._read_again(now)

    def _read_again(self, now: float) -> None:
        try:
            self._keys = read_keys(self._path)
        except WrongKeys as error:
            self._wrong_at = now
            _log.error("api_keys_not_read", reason=str(error), keys_in_force=len(self._keys))
        else:
            self._wrong_at = None
            self._tell()

    def _tell(self) -> None:
        _log.info("api_keys_read", names=[f"{key.name}: {key.scope}" for key in self._keys])

    def _marked(self) -> _Mark | None:
        """What changes with the file, also where a link to it is turned, as Kubernetes does."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size
