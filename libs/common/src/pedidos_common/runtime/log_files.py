"""Log files in `LOG_DIR`, written by a thread of their own; several processes may share them."""

from __future__ import annotations

import fcntl
import logging
import queue
import sys
import threading
from contextlib import suppress
from logging.handlers import QueueHandler, WatchedFileHandler
from pathlib import Path

import structlog

from pedidos_common.domain.texts import describe

log = structlog.get_logger(__name__)

CLOSE_SECONDS = 5.0
WAITING_RECORDS = 10_000
LARGEST_FILE_BYTES = 50 * 1024 * 1024


class BoundedFile(WatchedFileHandler):
    """A log file that is set aside as `<name>.1` when full, so at most two of its size exist.

    It outlives a full disk and a folder that is removed: `lost` counts the lines that it cost.
    """

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
        self._failing = False
        self.lost = 0
        self.setLevel(least)
        self.addFilter(lambda record: record.levelno <= most)

    def emit(self, record: logging.LogRecord) -> None:
        """Append the line, after setting a full file aside; a line that can't be is counted."""
        lost_before = self.lost
        try:
            self._append(record)
        except (OSError, ValueError):
            self.handleError(record)
        self._failing = self.lost > lost_before

    def _append(self, record: logging.LogRecord) -> None:
        if self._is_full():
            self._set_aside()
        try:
            super().emit(record)
        except FileNotFoundError:  # the folder is gone
            self._path.parent.mkdir(parents=True, exist_ok=True)
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002 - as inherited
        """Count a line that can't be written; the first of a streak is told on the other ways."""
        self.lost += 1
        self._forget_stream()
        if not self._failing:
            self._failing = True
            error = sys.exc_info()[1]
            log.warning(
                "log_file_not_written",
                path=str(self._path),
                reason=describe(error) if error is not None else None,
                message=f"{self._path} can't be written: its lines are dropped and counted until "
                "it can. Make room, let this process write there, or unset LOG_DIR.",
            )

    def _forget_stream(self) -> None:
        """What it holds is counted as lost, so it must not be written later."""
        stream, self.stream = self.stream, None
        if stream is not None:
            with suppress(OSError, ValueError):
                stream.close()

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
        self._waiting: queue.Queue[logging.LogRecord | None] = queue.Queue(WAITING_RECORDS)
        super().__init__(self._waiting)
        self._files = [
            BoundedFile(folder / "log.messages", logging.DEBUG, largest_bytes=largest_bytes),
            BoundedFile(
                folder / "warn.messages", logging.WARNING, logging.ERROR - 1, largest_bytes
            ),
            BoundedFile(folder / "errors.messages", logging.ERROR, largest_bytes=largest_bytes),
        ]
        self._ended = False
        self._not_queued = 0
        # a daemon: a disk that hangs must not hold up the end of the process
        self._writer = threading.Thread(target=self._write, name="log files", daemon=True)
        self._writer.start()

    @property
    def dropped(self) -> int:
        """Lines that are missing in a file."""
        return self._not_queued + sum(file.lost for file in self._files)

    def enqueue(self, record: logging.LogRecord) -> None:
        """Queue the record, or drop it; never waits."""
        try:
            self._waiting.put_nowait(record)
        except queue.Full:
            self._not_queued += 1

    def _write(self) -> None:
        while (record := self._waiting.get()) is not None:
            for file in self._files:
                if record.levelno >= file.level:
                    file.handle(record)

    def close(self) -> None:
        """Write what is queued and end the thread; what takes too long is dropped and counted."""
        if not self._ended:
            self._ended = True
            self._end_writer()
        super().close()

    def _end_writer(self) -> None:
        with suppress(queue.Full):
            self._waiting.put(None, timeout=CLOSE_SECONDS)
        self._writer.join(CLOSE_SECONDS)
        if self._writer.is_alive():
            # its file is locked by a write that hangs: closing would hang too
            self._not_queued += self._waiting.qsize()
            return
        for file in self._files:
            with suppress(OSError):
                file.close()
