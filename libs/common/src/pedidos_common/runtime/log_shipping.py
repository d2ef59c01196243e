"""Log lines on their way to the gathering: bounded, in batches, never holding up work."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque

from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.texts import describe
from pedidos_common.ports import LogGathering, LogLine

log = logging.getLogger(__name__)

WAITING_LINES = 5_000
LINES_PER_BATCH = 500
EVERY_SECONDS = 0.25
LONGEST_BACKOFF_SECONDS = 5.0
LONGEST_LINE = 4_000


class LogShipper(logging.Handler):
    """A log handler that keeps lines until `run` hands them over; the oldest give way.

    `dropped` counts the lines that were lost because the gathering was away or too slow.
    """

    def __init__(self, service: str, waiting_lines: int = WAITING_LINES) -> None:
        super().__init__()
        self._service = service
        self._waiting: deque[LogLine] = deque(maxlen=waiting_lines)
        self.dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line; from any thread, without waiting."""
        if len(self._waiting) == self._waiting.maxlen:
            self.dropped += 1
        level = record.levelname.lower()
        text = shortened(self.format(record))
        self._waiting.append(LogLine(self._service, level, text))

    async def run(self, gathering: LogGathering) -> None:
        """Hand lines over until cancelled, through every failure of the gathering.

        What is `Unavailable` is tried again; a batch that fails otherwise is dropped and counted.
        """
        failures = 0
        while True:
            try:
                while self._waiting:
                    await self._hand_over(gathering)
                failures = 0
                await asyncio.sleep(EVERY_SECONDS)
            except Exception as error:  # noqa: BLE001 - lines must flow again, whatever it was
                failures += 1
                if failures == 1:
                    log.warning("log_shipping_interrupted", extra={"reason": describe(error)})
                await asyncio.sleep(min(0.25 * 2.0 ** min(failures, 10), LONGEST_BACKOFF_SECONDS))

    async def ship_rest(self, gathering: LogGathering) -> None:
        """Hand over what waits now; gives up at the first failure."""
        try:
            for _batch in range(len(self._waiting) // LINES_PER_BATCH + 1):
                await self._hand_over(gathering)
        except Exception as error:  # noqa: BLE001 - a shutdown goes on without its last lines
            log.warning("log_shipping_ended", extra={"reason": describe(error)})

    async def _hand_over(self, gathering: LogGathering) -> None:
        count = min(LINES_PER_BATCH, len(self._waiting))
        batch = [self._waiting.popleft() for _line in range(count)]
        try:
            if batch:
                await gathering.append(batch)
        except Unavailable:
            self._put_back(batch)
            raise
        except Exception:
            # the batch itself may be what fails: put back, it would fail for ever
            self.dropped += len(batch)
            raise

    def _put_back(self, batch: list[LogLine]) -> None:
        room = (self._waiting.maxlen or 0) - len(self._waiting)
        kept = batch[-room:] if room > 0 else []
        self.dropped += len(batch) - len(kept)
        self._waiting.extendleft(reversed(kept))


def shortened(line: str) -> str:
    """The line, or where it is too long the same JSON object with its long texts cut."""
    if len(line) <= LONGEST_LINE:
        return line
    try:
        fields = json.loads(line)
    except ValueError:
        return line[:LONGEST_LINE]
    longest = LONGEST_LINE // (len(fields) + 1)
    cut = {
        name[:40]: value if len(str(value)) <= longest else str(value)[: longest - 50] + "…"
        for name, value in fields.items()
    }
    return json.dumps(cut, ensure_ascii=False)
