"""The audit as the other commands use it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pedidos_cli.errors import CliError, ExitStatus
from pedidos_cli.target import Target

if TYPE_CHECKING:
    from pedidos_cli.audit import AuditVerdict
    from pedidos_cli.audit.verdict import Verdict


async def audit(target: Target, run_id: str | None) -> AuditVerdict:
    """The audit of a run, by default the newest, on the stack's own MongoDB and API.

    Raises:
        CliError: when it is not known where the MongoDB is, or it can't be asked.
    """
    return await asyncio.to_thread(_audit, target, _mongo_of(target), run_id)


async def audit_of_checkouts(target: Target, sandbox: str | None) -> Verdict:
    """The audit of all checkouts on the stack's own MongoDB, beside the sandbox's books if known.

    Raises:
        CliError: when it is not known where the MongoDB is, or one of them can't be asked.
    """
    return await asyncio.to_thread(_audit_checkouts, target, _mongo_of(target), sandbox)


def _mongo_of(target: Target) -> str:
    if not target.mongo_uri:
        raise CliError(
            "The audit reads MongoDB, and its address is not known. "
            "Give it with --mongo-uri or MONGO_URI",
            ExitStatus.USAGE,
        )
    return target.mongo_uri


def _audit_checkouts(target: Target, mongo_uri: str, sandbox: str | None) -> Verdict:
    import httpx
    from pymongo.errors import PyMongoError

    from pedidos_cli.audit.checkouts import audit_checkouts
    from pedidos_cli.stores.mongo import check_address

    check_address(mongo_uri)
    try:
        return audit_checkouts(mongo_uri, target.database, sandbox)
    except PyMongoError as error:
        raise _unread(target, error) from None
    except httpx.HTTPError as error:
        raise CliError(
            f"The audit could not read the sandbox's books at {sandbox}: "
            f"{type(error).__name__}: {error}. Is it running, and is the address right?"
        ) from None


def _unread(target: Target, error: Exception) -> CliError:
    return CliError(
        f"The audit could not read MongoDB (database {target.database}): "
        f"{str(error).partition(', Timeout')[0]}. Is it running, and is the address right?"
    )


def _audit(target: Target, mongo_uri: str, run_id: str | None) -> AuditVerdict:
    # The drivers are loaded only by commands that need them.
    import httpx
    from pymongo.errors import PyMongoError

    from pedidos_cli.audit import AuditImpossible, audit_run
    from pedidos_cli.stores.mongo import check_address

    check_address(mongo_uri)
    try:
        return audit_run(mongo_uri, target.database, run_id, target.api or None, target.api_key)
    except AuditImpossible as refused:
        raise CliError(str(refused), ExitStatus.USAGE) from None
    except PyMongoError as error:
        raise _unread(target, error) from None
    except httpx.HTTPError as error:
        raise CliError(
            f"The audit could not compare with the API at {target.api}: "
            f"{type(error).__name__}: {error}. Try again"
        ) from None
