"""The console script `pedidos`."""

from __future__ import annotations

import json
import os
import sys

import typer

from pedidos_cli.commands import (
    audit,
    dead,
    demo,
    doctor,
    erase,
    export,
    logs,
    look,
    queue,
    start,
    up,
)
from pedidos_cli.errors import CliError, ExitStatus
from pedidos_cli.text import harmless, harmless_json

APP = typer.Typer(
    name="pedidos",
    help="Orders by the million: a local stack, its runs, their reports and their audit.",
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


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line; every failure ends in a message and a status, never a traceback.

    Raises:
        SystemExit: always; see `ExitStatus`.
    """
    given = sys.argv[1:] if arguments is None else arguments
    try:
        APP(given, prog_name="pedidos")
    except CliError as error:
        sys.exit(_complain(error, as_json="--json" in given))
    except KeyboardInterrupt:
        sys.exit(ExitStatus.INTERRUPTED)
    except Exception as error:
        if os.environ.get("PEDIDOS_DEBUG"):
            raise
        unexpected = CliError(
            f"Something went wrong that should not: {type(error).__name__}: {error}. "
            "PEDIDOS_DEBUG=1 shows where"
        )
        sys.exit(_complain(unexpected, as_json="--json" in given))


def _complain(error: CliError, *, as_json: bool) -> ExitStatus:
    if as_json:
        said = {"message": error.message, "exitStatus": int(error.status), **error.details}
        print(harmless_json(json.dumps({"error": said}, ensure_ascii=False, default=str)))
    print(harmless(error.message), file=sys.stderr)
    return error.status


if __name__ == "__main__":
    main()
