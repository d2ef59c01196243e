"""Start the sandbox: `python -m pedidos_sandbox`."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import NoReturn

from pedidos_sandbox.app import create_app
from pedidos_sandbox.mailbox import Door, serve_mail
from pedidos_sandbox.posting import posting
from pedidos_sandbox.sandbox import Sandbox
from pedidos_sandbox.serving import Server
from pedidos_sandbox.settings import EXIT_CANT_START, SandboxSettings, load

try:
    from uvloop import run
except ImportError:  # it is not to be had everywhere
    from asyncio import run  # type: ignore[assignment]

log = logging.getLogger("pedidos_sandbox")
# a ledger is no garbage; by Python's 700 it is looked through again and again
YOUNG_OBJECTS = 20_000


def _give_up(why: str) -> NoReturn:
    sys.stderr.write(f"Can't start: {why}\n")
    raise SystemExit(EXIT_CANT_START)


def _listening(host: str, port: int, setting: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=512)
    except OSError as wrong:
        _give_up(
            f"can't listen on {host}:{port} ({wrong.strerror or wrong}); set {setting} to another "
            "port, 0 for any free one"
        )


def _tell_ports(settings: SandboxSettings, ports: dict[str, int]) -> None:
    """Write the ports into the file that was named, whole or not at all."""
    path = settings.port_file
    if path is None:
        return
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        draft.write_text(json.dumps(ports))
        draft.replace(path)
    except OSError as wrong:
        _give_up(f"SANDBOX_PORT_FILE={path} can't be written ({wrong.strerror})")


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def _serve(
    settings: SandboxSettings, http_socket: socket.socket, smtp_socket: socket.socket
) -> None:
    stop = _stop_on_signals()
    async with posting() as post:
        sandbox = Sandbox(settings, post)
        door = Door(sandbox.mailbox, sandbox.faults, settings.api_key.get_secret_value())
        smtp = await serve_mail(door, smtp_socket)
        server = Server(create_app(sandbox))
        serving = asyncio.create_task(server.serve([http_socket]), name="http")
        telling = asyncio.create_task(sandbox.webhooks.run(), name="webhooks")
        ports = {"http": http_socket.getsockname()[1], "smtp": smtp_socket.getsockname()[1]}
        _tell_ports(settings, ports)
        log.info("sandbox_started http=%(http)d smtp=%(smtp)d", ports)
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        smtp.close()
        telling.cancel()
        stopped.cancel()
        with suppress(asyncio.CancelledError):
            await serving


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    logging.basicConfig(
        level=logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stdout,
    )
    log.setLevel(logging.INFO)
    settings = load()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 20)
    http_socket = _listening(settings.host, settings.port, "SANDBOX_PORT")
    smtp_socket = _listening(settings.host, settings.smtp_port, "SANDBOX_SMTP_PORT")
    run(_serve(settings, http_socket, smtp_socket))


if __name__ == "__main__":
    main()
