"""Runs through the API, one after another, and how each went: the compose profile `load`.

API, API_KEY, LOAD_RUNS and LOAD_QUANTITY say where, with which key, how many runs, of how many
orders. Exit status 1 where a run did not end DONE, 2 where the API refused.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

POLL_SECONDS = 0.5
REQUEST_SECONDS = 10.0
LONGEST_RUN_SECONDS = 3_600.0
OVER = {"DONE", "ABORTED", "ERROR"}


def main(environ: Mapping[str, str] = os.environ) -> int:
    """Take the runs; the exit status."""
    runs, quantity = int(environ.get("LOAD_RUNS", "3")), int(environ.get("LOAD_QUANTITY", "100000"))
    ends = []
    for number in range(1, runs + 1):
        try:
            run_id = _ask(environ, f"/pedidos/generate?quantity={quantity}", "POST")["runId"]
            status = _until_over(environ, run_id)
        except urllib.error.HTTPError as refused:
            _say(f"run {number}: refused with {refused.code}: {refused.read(500).decode()}")
            return 2
        ends.append(status["phase"])
        _say(f"run {number} of {runs}: {_in_words(status)}")
    return 0 if all(end == "DONE" for end in ends) else 1


def _until_over(environ: Mapping[str, str], run_id: str) -> Mapping[str, Any]:
    give_up = time.monotonic() + LONGEST_RUN_SECONDS
    while time.monotonic() < give_up:
        status = _ask(environ, "/pedidos")
        if status["lastRunId"] == run_id and status["phase"] in OVER:
            return status
        time.sleep(POLL_SECONDS)
    raise TimeoutError(f"run {run_id} was not over after {LONGEST_RUN_SECONDS:.0f} s")


def _ask(environ: Mapping[str, str], path: str, method: str = "GET") -> Mapping[str, Any]:
    request = urllib.request.Request(  # noqa: S310 - the address is the operator's own
        f"{environ.get('API', 'http://127.0.0.1:3000')}{path}", method=method
    )
    if key := environ.get("API_KEY"):
        request.add_header("x-api-key", key)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=REQUEST_SECONDS) as answer:
        found: Mapping[str, Any] = json.load(answer)
        return found


def _in_words(status: Mapping[str, Any]) -> str:
    processing = status["processing"]
    failed = sum(processing[priority]["failed"] for priority in ("vip", "normal"))
    return (
        f"{status['phase']} after {(status['totalTimeMs'] or 0) / 1000:.1f} s, "
        f"{status['progress']['processedTotal']} processed, {failed} failed, "
        f"{status['throughput']['overall'] or 0:.0f} orders/s"
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
