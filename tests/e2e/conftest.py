"""Two stacks for a whole test process: one as it comes, one with a handler to be switched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.traces.receiver import Received, receiving
from tests.e2e import handlers
from tests.e2e.stack import Stack, assert_stops_cleanly, running_stack

Switch = Callable[..., None]


@pytest.fixture(scope="session")
def span_receiver() -> Received:
    """What the spans of the plain stack come to."""
    return Received()


@pytest.fixture(scope="session")
def plain_stack(
    tmp_path_factory: pytest.TempPathFactory, span_receiver: Received
) -> Iterator[Stack]:
    """A stack with the built-in handler that traces, shared; use `stack`."""
    folder = tmp_path_factory.mktemp("stack")
    with (
        receiving(span_receiver) as endpoint,
        running_stack(folder, traced_to(endpoint)) as started,
    ):
        yield started
        assert_stops_cleanly(started)


def traced_to(endpoint: str) -> dict[str, str]:
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "NO_PROXY": "127.0.0.1"}


@pytest.fixture(scope="session")
def handler_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the switchable handler looks."""
    path = tmp_path_factory.mktemp("handler") / "mode.json"
    handlers.switch(path)
    return path


@pytest.fixture(scope="session")
def switchable_stack(
    tmp_path_factory: pytest.TempPathFactory, handler_file: Path
) -> Iterator[Stack]:
    """A stack with the switchable handler, shared; use `shop` and `switch`."""
    environ = {
        "ORDER_HANDLER": handlers.SPEC,
        # ten at a time: a batch of a slow handler takes ten times as long as one order
        "ORDER_HANDLER_CONCURRENCY": "10",
        handlers.VARIABLE: str(handler_file),
    }
    with running_stack(tmp_path_factory.mktemp("shop"), environ) as started:
        yield started


@pytest.fixture
def stack(plain_stack: Stack) -> Stack:
    """The stack with the built-in handler, empty and idle."""
    plain_stack.await_ready()
    plain_stack.reset()
    return plain_stack


@pytest.fixture
def switch(handler_file: Path) -> Switch:
    """Changes the handler's mode and slowness; see `handlers.switch`."""
    return lambda mode="plain", seconds=0.0: handlers.switch(handler_file, mode, seconds)


@pytest.fixture
def shop(switchable_stack: Stack, switch: Switch) -> Stack:
    """The stack with the switchable handler in mode `plain`, empty and idle."""
    switch()
    switchable_stack.await_ready()
    switchable_stack.reset()
    return switchable_stack
