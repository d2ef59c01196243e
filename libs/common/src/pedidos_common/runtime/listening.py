"""Ports that a process listens on."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from pathlib import Path

from pedidos_common.runtime.giving_up import give_up


def listening_socket(host: str, port: int, setting: str) -> socket.socket:
    """A bound socket for `host:port` (0 is any free port).

    Where that is impossible, says so on standard error, names `setting` (the environment
    variable), and exits with status 2.
    """
    try:
        return socket.create_server((host, port), family=_family(host), backlog=512)
    except OSError as error:
        give_up(f": {_reason(error, host, port, setting)}")


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _reason(error: OSError, host: str, port: int, setting: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use; end what uses it, or set {setting} to another"
    if error.errno == errno.EACCES:
        return f"port {port} needs rights that this process lacks; set {setting} to one above 1023"
    return f"can't listen on {host}:{port} ({error.strerror or error}); check HOST and {setting}"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on, or is asked for by, that host.

    `host` is an address without brackets, or a name; of names, only `localhost` is loopback.
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def port_of(listening: socket.socket) -> int:
    """The port that a listening socket got."""
    return int(listening.getsockname()[1])


def write_port_file(path: Path | None, port: int) -> None:
    """Write the port into the file, whole or not at all; nothing for None.

    Where that is impossible, says so, names `PORT_FILE`, and exits with status 2.
    """
    if path is None:
        return
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        draft.write_text(f"{port}\n")
        draft.replace(path)
    except OSError as error:
        give_up(f": PORT_FILE={path} can't be written ({error.strerror})")
