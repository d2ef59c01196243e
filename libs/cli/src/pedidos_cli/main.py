"""The console script `pedidos`."""

from __future__ import annotations

import json
import os
import sys
from importlib import metadata
from typing import Annotated, Any

import typer

from pedidos_cli.commands import (
    audit,
    checkout,
    checkout_checks,
    dead,
    demo,
    doctor,
    erase,
    export,
    keys,
    logs,
    look,
    queue,
    queues,
    sandbox,
    start,
    up,
)
from pedidos_cli.errors import CliError, ExitStatus
from pedidos_cli.text import harmless, harmless_json

APP = typer.Typer(
    name="pedidos",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    *(up.up, demo.demo, start.run, start.import_, start.watch, look.status, look.runs),
    *(logs.logs, queue.pause, queue.resume, queue.cancel, queue.reset, dead.dead),
    *(export.export, erase.erase, audit.audit, doctor.doctor),
):
    APP.command(command.__name__.rstrip("_"))(command)
for check in (checkout_checks.audit, checkout_checks.reconcile):
    checkout.CHECKOUT.command()(check)
APP.add_typer(keys.KEYS, name="keys")
APP.add_typer(queues.QUEUES, name="queues")
APP.add_typer(sandbox.SANDBOX, name="sandbox")
APP.add_typer(checkout.CHECKOUT, name="checkout")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"pedidos {metadata.version('pedidos-cli')}")
        raise typer.Exit


@APP.callback()
def options_of_all(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Orders by the million: a local stack, its runs, their reports and their audit."""


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line; every failure ends in a message and a status, never a traceback.

    Raises:
        SystemExit: always; see `ExitStatus`.
    """
    given = sys.argv[1:] if arguments is None else arguments
    try:
        sys.exit(APP(given, prog_name="pedidos", standalone_mode=False) or ExitStatus.OK)
    except CliError as error:
        sys.exit(_complain(error, as_json="--json" in given))
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(ExitStatus.INTERRUPTED)
    except Exception as error:
        if os.environ.get("PEDIDOS_DEBUG") and not _is_usage(error):
            raise
        sys.exit(_failed(error, as_json="--json" in given))


def _is_usage(error: Any) -> bool:
    # What the parser raises about wrong arguments has no base class that is public.
    return hasattr(error, "format_message") and hasattr(error, "show")


def _failed(error: Any, *, as_json: bool) -> ExitStatus:
    if _is_usage(error):
        error.show()
        wrong = CliError(error.format_message(), ExitStatus.USAGE)
        return _print_error(wrong) if as_json else wrong.status
    unexpected = CliError(
        f"Something went wrong that should not: {type(error).__name__}: {error}. "
        "PEDIDOS_DEBUG=1 shows where"
    )
    return _complain(unexpected, as_json=as_json)


def _complain(error: CliError, *, as_json: bool) -> ExitStatus:
    if as_json:
        _print_error(error)
    print(harmless(error.message), file=sys.stderr)
    return error.status


def _print_error(error: CliError) -> ExitStatus:
    said = {"message": error.message, "exitStatus": int(error.status), **error.details}
    print(harmless_json(json.dumps({"error": said}, ensure_ascii=False, default=str)))
    return error.status


if __name__ == "__main__":
    main()
