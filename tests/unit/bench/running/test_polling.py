"""The status is asked by a process of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench.running.polling import Reply, p99_ms, status_replies


class StatusPage(BaseHTTPRequestHandler):
    """Answers as often as `answers` says, then only refuses."""

    protocol_version = "HTTP/1.1"
    answers = 2

    def do_GET(self) -> None:
        type(self).answers -= 1
        body = b'{"lastRunId": "run", "phase": "DONE", "counts": {}}'
        self.send_response(200 if self.answers >= 0 else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: the test's output is for failures."""


@pytest.fixture
def api() -> Iterator[str]:
    StatusPage.answers = 2
    with ThreadingHTTPServer(("127.0.0.1", 0), StatusPage) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_answers_come_with_their_times_until_the_api_refuses(api: str) -> None:
    with status_replies(api) as status:
        first, second = status.next(), status.next()

        assert (first.run_id, first.phase) == ("run", "DONE")
        assert first.asked_at < first.answered_at < second.answered_at
        assert second.asked_at - first.asked_at >= 0.05
        with pytest.raises(RuntimeError, match="/pedidos: ValueError: answered 503"):
            status.next()


def test_the_p99_leaves_out_the_slowest_hundredth() -> None:
    took = [0.001] * 99 + [0.5]

    assert p99_ms([Reply(10.0, 10.0 + one, None, "IDLE") for one in took]) == 500.0
    assert p99_ms([Reply(10.0, 10.0 + one, None, "IDLE") for one in [*took, 0.002]]) == 2.0
