"""Stand-ins for the services of a stack: they answer /readyz and end when told to."""

from __future__ import annotations

from pathlib import Path

_PROGRAM = """
import http.server, os, signal, sys, threading

if os.environ.get("FAKE_CRASH") == "{role}":
    sys.exit("SETTING_X must be a whole number")


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def stop(*_):
    print("{role} stopped", flush=True)
    os._exit(0)


signal.signal(signal.SIGTERM, stop)
port = int(os.environ["PORT" if "{role}" == "orchestrator" else "METRICS_PORT"])
batch = os.environ.get("ORDERS_BATCH_SIZE")
print("{role} started with", os.environ["MONGO_URI"], batch, flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


def write_fake_services(folder: Path) -> Path:
    """Packages that shadow the real ones when `folder` is first on PYTHONPATH."""
    for role in ("orchestrator", "generator", "worker"):
        package = folder / f"pedidos_{role}"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(_PROGRAM.replace("{role}", role))
    return folder
