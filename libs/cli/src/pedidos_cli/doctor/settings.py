"""The settings that services will read from the environment."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from pedidos_cli.doctor.finding import Finding, fail, ok
from pedidos_common.domain.api_keys import WrongKeys

POSITIVE = (
    *("MAX_ORDERS", "GENERATION_CHUNK_SIZE", "NORMAL_ENQUEUE_BATCH_SIZE", "ORDERS_BATCH_SIZE"),
    *("ORDER_MAX_ATTEMPTS", "ORDER_HANDLER_TIMEOUT_MS", "RUN_STALL_TIMEOUT_MS"),
    *("ORDERS_QUEUE_CONCURRENCY", "LOG_PROGRESS_EVERY_MS"),
)
NOT_NEGATIVE = ("ORDER_RETRY_BASE_MS",)
TRUTH = ("LOG_MEMORY", "BACKEND_LOGS", "API_OPEN")
_TRUE_OR_FALSE = {"true", "false", "1", "0", "yes", "no", "on", "off", "t", "f", "y", "n"}
HANDLER_SECONDS = 20.0
KEY_CHARACTERS = 8


def settings(environ: Mapping[str, str]) -> Iterator[Finding]:
    """What is wrong with them; one good line when nothing is."""
    environ = {name: value for name, value in environ.items() if value}  # empty counts as unset
    wrong = [*_numbers(environ), *_truths(environ), *_keys(environ), *_handler(environ)]
    if wrong:
        yield from wrong
        return
    looked_at = (*POSITIVE, *NOT_NEGATIVE, *TRUTH, "API_KEY", "API_KEYS_FILE", "ORDER_HANDLER")
    known = [name for name in looked_at if environ.get(name)]
    yield ok("settings", f"{', '.join(known)} set, and valid" if known else "all at their defaults")


def _numbers(environ: Mapping[str, str]) -> Iterator[Finding]:
    for least, names in ((1, POSITIVE), (0, NOT_NEGATIVE)):
        for name in names:
            value = environ.get(name)
            if value is not None and not (value.strip().isdecimal() and int(value) >= least):
                yield fail(
                    f"setting {name}",
                    f"{value!r} is not a whole number of at least {least}",
                    f"correct or unset {name}; a service does not start with it",
                )


def _truths(environ: Mapping[str, str]) -> Iterator[Finding]:
    for name in TRUTH:
        value = environ.get(name)
        if value is not None and value.strip().lower() not in _TRUE_OR_FALSE:
            yield fail(
                f"setting {name}",
                f"{value!r} is neither true nor false",
                f"correct or unset {name}; a service does not start with it",
            )


def _keys(environ: Mapping[str, str]) -> Iterator[Finding]:
    key = environ.get("API_KEY")
    if key is not None and len(key) < KEY_CHARACTERS:
        yield fail(
            "setting API_KEY",
            f"it has {len(key)} characters, and a key has at least {KEY_CHARACTERS}",
            "take a longer one, or unset it; a service does not start with it",
        )
    file = environ.get("API_KEYS_FILE")
    if file is not None:
        yield from _key_file(Path(file))


def _key_file(file: Path) -> Iterator[Finding]:
    from pedidos_common.runtime.key_file import read_keys

    try:
        read_keys(file)
    except WrongKeys as error:
        remedy = "correct it (`pedidos keys new` prints lines for it); no service starts with it"
        yield fail("setting API_KEYS_FILE", str(error), remedy)


def _handler(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Imports it in a process of its own: whatever it does at import stays there."""
    named = environ.get("ORDER_HANDLER")
    if not named or named == "builtin":
        return
    module, separator, attribute = named.partition(":")
    remedy = "ORDER_HANDLER is package.module:attribute, importable by the workers (PYTHONPATH)"
    if not (separator and module and attribute):
        yield fail("setting ORDER_HANDLER", f"{named!r} names no attribute", remedy)
        return
    code = (
        "import functools, importlib, sys; functools.reduce("
        "getattr, sys.argv[2].split('.'), importlib.import_module(sys.argv[1]))"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, module, attribute],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=HANDLER_SECONDS,
            env=dict(environ),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        yield fail("setting ORDER_HANDLER", f"{named} could not be imported: {error}", remedy)
        return
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no message"]
        yield fail("setting ORDER_HANDLER", f"{named} can't be imported: {said[-1]}", remedy)
