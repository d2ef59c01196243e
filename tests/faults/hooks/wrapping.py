"""Hooks: how a test changes the adapters of real service processes, and the product nowhere.

A hook is a function in this folder that takes the process's role (`worker`, `generator` or
`orchestrator`) and calls `wrap`. A stack whose environment is `hooked(a_hook, …)` runs it in
every service process, before the product's first line.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial, wraps
from inspect import iscoroutinefunction
from pathlib import Path
from types import FunctionType
from typing import Any

VARIABLE = "TEST_HOOKS"
FOLDER = Path(__file__).parent

Hook = Callable[[str], None]
Around = Callable[..., Any]


def hooked(*hooks: Hook, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a stack's environment must hold for its services to run these hooks.

    `environ` is the rest of it; hooks and a PYTHONPATH that it has already stay.
    """
    given = dict(environ or {})
    named = [f"{hook.__module__}:{hook.__name__}" for hook in hooks]
    return given | {
        VARIABLE: ",".join(filter(None, [given.get(VARIABLE), *named])),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(FOLDER), given.get("PYTHONPATH")])),
    }


def wrap(owner: type, name: str, around: Around) -> None:
    """Put `around` about a method, for every instance there is or will be.

    `around(call, *args, **kwargs)` gets the method bound to its instance, and decides whether and
    when to call it. It must be of the method's kind: a coroutine function about one (`guarded`
    ones are), a plain function about a plain one or an iterator.

    Raises:
        TypeError: when the class has no such method, or it is of another kind.
    """
    method = getattr(owner, name, None)
    if not isinstance(method, FunctionType):
        raise TypeError(f"{owner.__name__} has no method {name}: name one that it has")
    if iscoroutinefunction(method) != iscoroutinefunction(around):
        raise TypeError(f"{owner.__name__}.{name} and what goes around it must both be async")
    setattr(owner, name, _wrapped(method, around))


def _wrapped(method: Callable[..., Any], around: Around) -> Callable[..., Any]:
    @wraps(method)
    def plain(self: object, *args: Any, **kwargs: Any) -> Any:
        return around(partial(method, self), *args, **kwargs)

    @wraps(method)
    async def awaited(self: object, *args: Any, **kwargs: Any) -> Any:
        return await around(partial(method, self), *args, **kwargs)

    return awaited if iscoroutinefunction(method) else plain
