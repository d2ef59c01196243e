"""The file that changes queues' policies (`QUEUES_FILE`), read once at start."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from pedidos_common.domain.errors import PedidosError
from pedidos_common.domain.queues import QueuePolicy, QueueTable, Rate
from pedidos_common.runtime.giving_up import give_up
from pedidos_common.runtime.load_settings import reason_of

LARGEST_FILE_BYTES = 256 * 1024
RATE_FORM = re.compile(r"([1-9]\d{0,6})/([1-9]\d{0,4})s")
LONGEST_VALUE_SHOWN = 80


class WrongQueues(PedidosError):
    """A file of queues that can't be read, or says what can't be."""


def _rate(text: object) -> object:
    if text == "none" or isinstance(text, Rate):
        return text
    found = RATE_FORM.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError('like "1000/60s" (jobs a number of whole seconds), or "none"')
    return Rate(int(found[1]), float(found[2]))


Off = Literal["none"]
Seconds = Annotated[float, Field(ge=0.01, le=86_400.0)]
Count = Annotated[int, Field(ge=0, le=100_000_000)]


class _Table(BaseModel):
    """A table of the file; what it does not say stays as it is, so no default here is in force."""

    model_config = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True)

    def said(self) -> dict[str, Any]:
        """What it says; `none` turns something off."""
        named = {name: getattr(self, name) for name in self.model_fields_set}
        return {name: None if value == "none" else value for name, value in named.items()}


class _Scale(_Table):
    least: Annotated[int, Field(ge=0, le=1_000)] = 0
    most: Annotated[int, Field(ge=1, le=1_000)] = 1
    grow_above: Count = 0
    shrink_below: Count = 0
    grow_by: Annotated[int, Field(ge=1, le=100)] = 1


class _Queue(_Table):
    concurrency: Annotated[int, Field(ge=1, le=1_000)] | Off = "none"
    rate: Annotated[Rate | Off, BeforeValidator(_rate)] = "none"
    attempts: Annotated[int, Field(ge=1, le=100)] = 1
    backoff_seconds: Seconds = 1.0
    longest_backoff_seconds: Seconds = 1.0
    vip_ahead_seconds: Annotated[float, Field(ge=0.0, le=3_600.0)] = 0.0
    sync_above: Count | Off = "none"
    refuse_above: Count | Off = "none"
    keep_completed: Annotated[int, Field(ge=0, le=10_000)] = 0
    keep_failed: Annotated[int, Field(ge=0, le=10_000)] = 0
    worked_within_seconds: Seconds = 1.0
    scale: _Scale = Field(default_factory=_Scale)


RETRY_FIELDS = {
    "attempts": "max_attempts",
    "backoff_seconds": "base_seconds",
    "longest_backoff_seconds": "cap_seconds",
}


def queues_of(path: Path | None) -> QueueTable:
    """The queues' policies, as the file changes them; exits with status 2 where it is wrong."""
    try:
        return read_queues(path) if path is not None else QueueTable()
    except WrongQueues as error:
        give_up(f", a setting is wrong:\n  QUEUES_FILE={error}")


def read_queues(path: Path) -> QueueTable:
    """The queues' policies, as that file changes them.

    Raises:
        WrongQueues: what is wrong in which file, queue and field, and what is allowed.
    """
    known = QueueTable()
    content = _content(path)
    others = sorted(set(content) - {"queues"})
    problems = [f"{name}: there is no such table, only [queues.<name>]" for name in others]
    changes = content.get("queues", {})
    if not isinstance(changes, Mapping):
        raise WrongQueues(f"{path}: queues must be tables, like [queues.orders]")
    policies = dict(known.policies)
    for name, change in changes.items():
        try:
            policies[name] = _changed(known, name, change)
        except WrongQueues as error:
            problems.append(str(error))
    if problems:
        raise WrongQueues("\n  ".join(f"{path}: {problem}" for problem in problems))
    return QueueTable(policies)


def _content(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE_BYTES + 1)
        if len(content) > LARGEST_FILE_BYTES:
            raise WrongQueues(f"{path} is larger than {LARGEST_FILE_BYTES} bytes")
        return tomllib.loads(content.decode())
    except OSError as error:
        raise WrongQueues(f"{path} can't be read: {error.strerror or error}") from None
    except ValueError as error:  # no TOML, or no UTF-8
        raise WrongQueues(f"{path} is no TOML: {error}") from None


def _changed(known: QueueTable, name: str, change: object) -> QueuePolicy:
    if name not in known:
        names = ", ".join(known.names)
        raise WrongQueues(f"[queues.{name}]: there is no such queue; there are {names}")
    try:
        said = _Queue.model_validate(change).said()
    except ValidationError as wrong:
        raise WrongQueues("; ".join(_lines(name, wrong))) from None
    policy = known[name]
    scale = replace(policy.scale, **said.pop("scale", _Scale()).said())
    retry = {RETRY_FIELDS[field]: said.pop(field) for field in RETRY_FIELDS if field in said}
    changed = replace(policy, scale=scale, retry=replace(policy.retry, **retry), **said)
    _check_together(changed)
    return changed


def _lines(queue: str, wrong: ValidationError) -> Iterator[str]:
    told: set[str] = set()
    for error in wrong.errors():
        field = _field_of(error)
        if field not in told:  # of several kinds that a value may have, each complains
            told.add(field)
            yield f"[queues.{queue}] {field}: {_why(error)}"


def _field_of(error: ErrorDetails) -> str:
    names = [str(part) for part in error["loc"]]
    return ".".join(names[: 2 if names[:1] == ["scale"] else 1]) or "it"


def _why(error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        return "there is no such field"
    if error["type"] == "model_type":
        return "must be a table"
    return f"{reason_of(error)}, not {repr(error['input'])[:LONGEST_VALUE_SHOWN]}"


def _check_together(policy: QueuePolicy) -> None:
    scale, name = policy.scale, f"[queues.{policy.name}]"
    if scale.least > scale.most:
        raise WrongQueues(f"{name} scale.least={scale.least}: must be at most scale.most")
    if scale.shrink_below > scale.grow_above:
        raise WrongQueues(f"{name} scale.shrink_below: must be at most scale.grow_above")
    if policy.retry.base_seconds > policy.retry.cap_seconds:
        raise WrongQueues(f"{name} backoff_seconds: must be at most longest_backoff_seconds")
    limits = policy.sync_above, policy.refuse_above
    if None not in limits and limits[0] > limits[1]:  # type: ignore[operator]
        raise WrongQueues(f"{name} sync_above={limits[0]}: must be at most refuse_above")
