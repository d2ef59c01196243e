"""Changes a service process from outside: Python loads this where its folder leads PYTHONPATH.

`hooked` makes that environment. Whatever `sitecustomize` there is besides is loaded first.
"""

from __future__ import annotations

import os
import sys
import traceback
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from itertools import pairwise
from pathlib import Path

SERVICES = frozenset({"pedidos_worker", "pedidos_generator", "pedidos_orchestrator"})
BROKEN_HOOK = 70


def load_other() -> None:
    """Run the `sitecustomize` that this one hides."""
    own = Path(__file__).resolve().parent
    elsewhere = [entry for entry in sys.path if Path(entry or ".").resolve() != own]
    spec = PathFinder.find_spec("sitecustomize", elsewhere)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(module_from_spec(spec))


def service(command: list[str]) -> str | None:
    """`worker` where the command is `python … -m pedidos_worker`; None where it is no service."""
    modules = [name for flag, name in pairwise(command) if flag == "-m"]
    found = modules[0] if modules else ""
    return found.removeprefix("pedidos_") if found in SERVICES else None


def install(role: str, hooks: str) -> None:
    """Call each `module:function` of the list with the role."""
    for hook in filter(None, hooks.split(",")):
        module, _, function = hook.partition(":")
        getattr(import_module(module), function)(role)


def main() -> None:
    """Install the hooks of this process; one that fails ends it, as Python would go on without."""
    load_other()
    role, hooks = service(sys.orig_argv), os.environ.get("TEST_HOOKS")
    if role is None or not hooks:
        return
    try:
        install(role, hooks)
    except BaseException:  # noqa: BLE001 - whatever it is, the process must not run unchanged
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(BROKEN_HOOK)


if __name__ == "sitecustomize":
    main()
