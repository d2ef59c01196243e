"""Log files in `LOG_DIR`, written by a thread of their own; several processes may share them."""

from __future__ import annotations

import fcntl
import logging
import queue
from logging.handlers import QueueHandler, QueueListener, WatchedFileHandler
from pathlib import Path

WAITING_RECORDS = 10_000
LARGEST_FILE_BYTES = 50 * 1024 * 1024


class BoundedFile(WatchedFileHandler):
    """A log file that is set aside as `<name>.1` when full, so at most two of its size exist."""

    def __init__(
        self,
        path: Path,
        least: int,
        most: int = logging.CRITICAL,
        largest_bytes: int = LARGEST_FILE_BYTES,
    ) -> None:
        super().__init__(path, encoding="utf-8", delay=True)
        self._path = path
        self._largest_bytes = largest_bytes
        self.setLevel(least)
        self.addFilter(lambda record: record.levelno <= most)

    def emit(self, record: logging.LogRecord) -> None:
        """Append the line, after setting a full file aside."""
        if self._is_full():
            self._set_aside()
        super().emit(record)

    def _is_full(self) -> bool:
        try:
            return self._path.stat().st_size >= self._largest_bytes
        except FileNotFoundError:
            return False

    def _set_aside(self) -> None:
        # another process may do the same at this moment: only the first of them finds it full
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self._is_full():
                self._path.replace(f"{self._path}.1")


class FileLogs(QueueHandler):
    """Hands lines to the writing thread; where that falls behind, lines are dropped and counted."""

    def __init__(self, folder: Path, largest_bytes: int = LARGEST_FILE_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "log.messages").open("ab"):  # at start, not at the first line
            pass
        self._waiting: queue.Queue[logging.LogRecord] = queue.Queue(WAITING_RECORDS)
        super().__init__(self._waiting)
        files = [
            BoundedFile(folder / "log.messages", logging.DEBUG, largest_bytes=largest_bytes),
            BoundedFile(
                folder / "warn.messages", logging.WARNING, logging.ERROR - 1, largest_bytes
            ),
            BoundedFile(folder / "errors.messages", logging.ERROR, largest_bytes=largest_bytes),
        ]
        self._files = files
        self._writer = QueueListener(self._waiting, *files, respect_handler_level=True)
        self._writer.start()
        self._ended = False
        self.dropped = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        """Queue the record, or drop it; never waits."""
        try:
            self._waiting.put_nowait(record)
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Write what is queued, and end the thread."""
        if not self._ended:
            self._ended = True
            self._writer.stop()
            for file in self._files:
                file.close()
        super().close()
