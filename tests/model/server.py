"""As much of a MongoDB collection as the adapters' own queries and updates need, without a server.

It carries out what an adapter asks for, so that what the adapter does *not* ask for is missed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Document = dict[str, Any]
LOWEST = datetime(1, 1, 1, tzinfo=UTC)


def value_at(document: Mapping[str, Any], path: str) -> Any:
    """What stands at a dotted path; None where nothing does."""
    found: Any = document
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


# -- queries

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "$in": lambda found, wanted: found in wanted,
    "$nin": lambda found, wanted: found not in wanted,
    "$lt": lambda found, wanted: found < wanted,
    "$lte": lambda found, wanted: found <= wanted,
    "$gt": lambda found, wanted: found > wanted,
    "$gte": lambda found, wanted: found >= wanted,
}


def matches(query: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    """Whether the query finds the document."""
    return all(_holds(name, wanted, document) for name, wanted in query.items())


def _holds(name: str, wanted: Any, document: Mapping[str, Any]) -> bool:
    if name == "$expr":
        return bool(evaluated(wanted, document))
    if name == "$or":
        return any(matches(query, document) for query in wanted)
    found = value_at(document, name)
    if isinstance(wanted, Mapping):
        return all(COMPARE[op](found, operand) for op, operand in wanted.items())
    return bool(found == wanted)


# -- expressions


def _plus(first: Any, second: Any, sign: int) -> Any:
    if isinstance(first, datetime):
        return first + sign * timedelta(milliseconds=second)
    return first + sign * second


def _below(first: Any, second: Any) -> bool:
    """What is absent stands below everything."""
    return bool((LOWEST if first is None else first) < (LOWEST if second is None else second))


OPERATORS: dict[str, Callable[..., Any]] = {
    "$add": lambda first, second: _plus(first, second, 1),
    "$subtract": lambda first, second: _plus(first, second, -1),
    "$lt": _below,
    "$gt": lambda first, second: _below(second, first),
    "$lte": lambda first, second: not _below(second, first),
    "$ifNull": lambda first, second: second if first is None else first,
    "$cond": lambda condition, first, second: first if condition else second,
    "$toDate": lambda stamp: stamp.as_datetime(),
}


def evaluated(expression: Any, document: Mapping[str, Any]) -> Any:
    """The value of an aggregation expression."""
    if expression == "$$NOW":
        return NOW
    if isinstance(expression, str) and expression.startswith("$"):
        return value_at(document, expression[1:])
    if not isinstance(expression, Mapping):
        return expression
    operator, operands = next(iter(expression.items()))
    if operator == "$literal":
        return operands
    if not operator.startswith("$"):
        return {name: evaluated(part, document) for name, part in expression.items()}
    parts = operands if isinstance(operands, list) else [operands]
    return OPERATORS[operator](*(evaluated(part, document) for part in parts))


# -- updates


def updated(change: Any, document: Document) -> Document:
    """The document after an update, or a pipeline of `$set`."""
    after = deepcopy(document)
    if isinstance(change, list):
        for stage in change:
            after |= {name: evaluated(part, after) for name, part in stage["$set"].items()}
        return after
    after |= change.get("$set", {})
    for name, by in change.get("$inc", {}).items():
        after[name] = after.get(name, 0) + by
    for name, least in change.get("$max", {}).items():
        after[name] = max(after.get(name, least), least)
    for name in change.get("$currentDate", {}):
        after[name] = NOW
    for name in change.get("$unset", {}):
        after.pop(name, None)
    return after


class Found:
    """A cursor."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._documents = [deepcopy(document) for document in documents]

    def sort(self, *_by: object) -> Found:
        return self

    def limit(self, _most: int) -> Found:
        return self

    async def __aiter__(self) -> AsyncIterator[Document]:
        for document in self._documents:
            yield document


class Collection:
    """Documents by id. `former` is what the first search sees instead: the past."""

    database = SimpleNamespace(
        client=SimpleNamespace(topology_description=SimpleNamespace(topology_type_name="Single"))
    )

    def __init__(
        self, documents: Iterable[Document] = (), former: Sequence[Document] | None = None
    ) -> None:
        self.documents = {document["_id"]: document for document in documents}
        self._former = former
        self.modified = 0

    def _matching(self, query: Mapping[str, Any]) -> list[Document]:
        return [document for document in self.documents.values() if matches(query, document)]

    def find(self, query: Mapping[str, Any], *_fields: object, **_options: object) -> Found:
        if self._former is not None:
            seen, self._former = self._former, None
            return Found(document for document in seen if matches(query, document))
        return Found(self._matching(query))

    async def find_one_and_update(
        self, query: Mapping[str, Any], change: Any, **_options: object
    ) -> Document | None:
        done = await self.update_many(query, change, most=1)
        return self.documents[done.ids[0]] if done.ids else None

    async def update_one(self, query: Mapping[str, Any], change: Any) -> Any:
        return await self.update_many(query, change, most=1)

    async def update_many(self, query: Mapping[str, Any], change: Any, most: int = 1_000) -> Any:
        ids = [document["_id"] for document in self._matching(query)][:most]
        for key in ids:
            self.documents[key] = updated(change, self.documents[key])
        self.modified += len(ids)
        return SimpleNamespace(ids=ids, matched_count=len(ids), modified_count=len(ids))

    async def bulk_write(self, changes: Iterable[Any], **_options: object) -> None:
        for change in changes:
            await self.update_one(change._filter, change._doc)

    async def aggregate(self, pipeline: Sequence[Mapping[str, Any]]) -> Found:
        """A match, and a count by an expression."""
        groups: dict[Any, int] = {}
        for document in self._matching(pipeline[0]["$match"]):
            key = evaluated(pipeline[1]["$group"]["_id"], document)
            groups[key] = groups.get(key, 0) + 1
        return Found({"_id": key, "n": count} for key, count in groups.items())
