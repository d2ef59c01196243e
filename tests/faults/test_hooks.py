"""A hook changes service processes, all of their instances, and no other process."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pedidos_common.adapters.mongo.jobs import MongoJobLedger
from pedidos_common.adapters.mongo.leases import MongoLeaseKeeper
from tests.e2e.stack import REPOSITORY
from tests.faults.hooks import sitecustomize
from tests.faults.hooks.wrapping import hooked, wrap


def says_so(role: str) -> None:
    """A hook that is seen."""
    sys.stdout.write(f"hooked {role} ")


def breaks(role: str) -> None:
    """A hook that does not work."""
    raise LookupError(f"no such thing in {role}")


def python(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([environ["PYTHONPATH"], str(REPOSITORY)])
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, **environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def a_service(folder: Path) -> dict[str, str]:
    """A stand-in for a worker's package, and for a `sitecustomize` that is there already."""
    (folder / "pedidos_worker.py").write_text("print('the worker')")
    (folder / "sitecustomize.py").write_text("print('the other', end=' ')")
    return {"PYTHONPATH": str(folder)}


def test_a_service_is_hooked_and_the_other_sitecustomize_stays(tmp_path: Path) -> None:
    environ = hooked(says_so, environ=a_service(tmp_path))
    assert python(environ, "-m", "pedidos_worker").stdout == "the other hooked worker the worker\n"


def test_another_process_is_left_alone(tmp_path: Path) -> None:
    environ = hooked(says_so, environ=a_service(tmp_path))
    assert python(environ, "-c", "import pedidos_worker").stdout == "the other the worker\n"


def test_a_hook_that_breaks_ends_the_process(tmp_path: Path) -> None:
    ended = python(hooked(breaks, environ=a_service(tmp_path)), "-m", "pedidos_worker")
    assert ended.returncode == sitecustomize.BROKEN_HOOK
    assert "no such thing in worker" in ended.stderr
    assert "the worker" not in ended.stdout


class Base:
    async def write(self, what: str) -> str:
        return f"wrote {what}"

    def beat(self) -> str:
        return "beat"


class Child(Base):
    pass


def test_every_instance_of_the_class_and_no_other_is_wrapped() -> None:
    class Wrapped(Child):
        pass

    async def twice(call: object, what: str) -> str:
        assert callable(call)
        return f"{await call(what)}, {await call(what=what)}"

    there = Wrapped()
    wrap(Wrapped, "write", twice)
    wrap(Wrapped, "beat", lambda call: call().upper())
    assert asyncio.run(there.write("a")) == asyncio.run(Wrapped().write("a")) == "wrote a, wrote a"
    assert there.beat() == "BEAT"
    assert asyncio.run(Child().write("a")) == "wrote a"


@pytest.mark.parametrize(
    ("owner", "name"), [(MongoJobLedger, "clame"), (MongoJobLedger, "__dict__")]
)
def test_a_method_that_is_not_there_is_refused(owner: type, name: str) -> None:
    with pytest.raises(TypeError, match=name):
        wrap(owner, name, lambda call: call())


def test_what_is_not_of_the_methods_kind_is_refused() -> None:
    async def awaited() -> None: ...

    with pytest.raises(TypeError, match="async"):
        wrap(MongoLeaseKeeper, "beat", awaited)
    with pytest.raises(TypeError, match="async"):
        wrap(MongoJobLedger, "claim", lambda call: call())
