"""`keys new`: a key for the API, told once, and its line for the file of keys."""

from __future__ import annotations

import secrets
from typing import Annotated

import typer

from pedidos_cli.errors import CliError, ExitStatus
from pedidos_cli.options import AsJson
from pedidos_cli.output import Output
from pedidos_common.domain.api_keys import MARK, NAME, SINGLE_KEY, Scope, key_of

RANDOM_BYTES = 32

KEYS = typer.Typer(help="Keys of the API, for API_KEYS_FILE.", no_args_is_help=True)


@KEYS.command()
def new(
    name: Annotated[str, typer.Option(help="Whose key it is: in logs, and to take it back.")],
    scope: Annotated[Scope, typer.Option(help="read looks; operate changes things too.")],
    as_json: AsJson = False,
) -> None:
    """Make a key: it is told once, here; the file of keys gets its hash alone."""
    if not NAME.fullmatch(name):
        raise CliError(
            f"{name!r} is no name for a key: it has up to 40 letters, digits, dots, hyphens and "
            "underscores, and begins with a letter or digit",
            ExitStatus.USAGE,
        )
    if name == SINGLE_KEY:
        raise CliError(
            f"{SINGLE_KEY} is the name of the key in that variable: take another", ExitStatus.USAGE
        )
    secret = MARK + secrets.token_urlsafe(RANDOM_BYTES)
    line = key_of(name, scope, secret.encode()).line
    out = Output(as_json=as_json)
    if out.as_json:
        out.document({"key": secret, "line": line})
    out.say(f"The key, told only now (clients send it as x-api-key, or set API_KEY):\n{secret}")
    out.say(f"\nIts line for the file that API_KEYS_FILE names on the orchestrators:\n{line}")
    out.say(
        "\nThe key is taken a second after its line is there, refused a second after it is gone."
    )
