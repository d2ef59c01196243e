"""A small run as the data model describes it, written by hand: 100 orders, 2 chunks, all well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from bson import Decimal128, Timestamp
from pymongo.database import Database

RUN = UUID("01935555-5555-8555-8555-550000000000")
RUN_ID = str(RUN)
START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
CHUNK, BATCH, VIP = 50, 10, 10
CHUNKS = 2
QUANTITY = CHUNK * CHUNKS
TIERS = ("BRONZE", "PRATA", "OURO")
WORDING = {"VIP": "enviado com prioridade", "NORMAL": "processado sem prioridade"}
SETTLED_AT = {"VIP": START + timedelta(seconds=10), "NORMAL": START + timedelta(seconds=20)}

Documents = Database[dict[str, Any]]


def order_id(sequence: int) -> UUID:
    """The id of the run's order with this sequence."""
    return UUID(int=RUN.int | sequence)


def write(database: Documents) -> None:
    """Write the whole run: DONE, 20 VIP and 80 NORMAL orders processed, nothing wrong."""
    clustered = {"key": {"_id": 1}, "unique": True}
    database.create_collection("orders", clusteredIndex=clustered)
    database.orders.insert_many(list(_orders()))
    database.jobs.insert_many([*_chunks(), *_batches("VIP"), *_batches("NORMAL")])
    database.process_runs.insert_one(_run())


def settle_badly(database: Documents, sequence: int, batch: str) -> None:
    """Make an order one that failed for good, in the orders, its batch's result and the run."""
    failed = {"status": "falhou", "error": "no stock", "failedAt": SETTLED_AT["NORMAL"]}
    gone = {"processedAt": "", "observacoes": ""}
    database.orders.update_one({"_id": order_id(sequence)}, {"$set": failed, "$unset": gone})
    counted = {"result.processed": -1, "result.failed": 1}
    database.jobs.update_one({"_id": f"{RUN_ID}:{batch}"}, {"$inc": counted})
    totals = {"totalProcessedNormal": -1, "totalFailedNormal": 1}
    totals |= {"receipt.processed": -1, "receipt.failed": 1}
    database.process_runs.update_one({"_id": RUN_ID}, {"$inc": totals})


def _orders() -> Iterator[dict[str, Any]]:
    for sequence in range(1, QUANTITY + 1):
        priority = "VIP" if (sequence - 1) % CHUNK < VIP else "NORMAL"
        yield {
            "_id": order_id(sequence),
            "cliente": f"customer {sequence % 7}",
            "valor": Decimal128(Decimal(sequence).scaleb(-2)),
            "tier": "DIAMANTE" if priority == "VIP" else TIERS[sequence % 3],
            "priority": priority,
            "observacoes": WORDING[priority],
            "status": "processado",
            "createdAt": START,
            "processedAt": SETTLED_AT[priority],
            "attempts": 1,
        }


def _chunks() -> Iterator[dict[str, Any]]:
    for index in range(CHUNKS):
        payload = {"runId": RUN_ID, "index": index, "first": index * CHUNK + 1}
        result = {"vip": VIP, "normal": CHUNK - VIP, "duplicates": 0}
        yield _job(f"chunk:{index:06}", "generation", 1, payload, result)


def _batches(priority: str) -> Iterator[dict[str, Any]]:
    for chunk in range(CHUNKS):
        low, high = (0, VIP) if priority == "VIP" else (VIP, CHUNK)
        for index, start in enumerate(range(low, high, BATCH)):
            first = chunk * CHUNK + start + 1
            payload = {"runId": RUN_ID, "chunk": chunk, "index": index, "priority": priority}
            payload |= {"first": first, "last": first + BATCH - 1}
            result = {"processed": BATCH, "failed": 0, "handler": "builtin"}
            seconds = 5 if priority == "VIP" else 15
            name = f"{priority.lower()}:{chunk:06}:{index:05}"
            yield _job(name, "orders", seconds, payload, result)


def _job(
    name: str, queue: str, seconds: int, payload: dict[str, Any], result: dict[str, Any]
) -> dict[str, Any]:
    created, settled = START + timedelta(seconds=seconds), START + timedelta(seconds=seconds + 5)
    return {
        "_id": f"{RUN_ID}:{name}",
        "queue": queue,
        "scope": RUN_ID,
        "payload": payload,
        "status": "succeeded",
        "deliveries": 1,
        "createdAt": created,
        "createdSeq": Timestamp(int(created.timestamp()), 1),
        "firstClaimedAt": created + timedelta(milliseconds=50),
        "settledAt": settled,
        "settledSeq": Timestamp(int(settled.timestamp()) - 1, 9),
        "result": result,
    }


def _run() -> dict[str, Any]:
    phases = ("GENERATING", "ENQUEUE_VIP", "WAITING_VIP_DRAIN", "ENQUEUE_NORMAL")
    history = [*phases, "WAITING_NORMAL_DRAIN", "DONE"]
    at: Callable[[int], datetime] = lambda step: START + timedelta(seconds=4 * step)  # noqa: E731
    return {
        "_id": RUN_ID,
        "phase": "DONE",
        "active": False,
        "plan": {"quantity": QUANTITY, "chunkSize": CHUNK, "batchSize": BATCH, "importId": None},
        "phases": [{"phase": phase, "at": at(step)} for step, phase in enumerate(history)],
        "createdAt": START,
        "totalProcessedVIP": VIP * CHUNKS,
        "totalProcessedNormal": QUANTITY - VIP * CHUNKS,
        "totalFailedVIP": 0,
        "totalFailedNormal": 0,
        "startVIP": START + timedelta(seconds=5, milliseconds=50),
        "endVIP": START + timedelta(seconds=10),
        "startNormal": START + timedelta(seconds=15, milliseconds=50),
        "endNormal": START + timedelta(seconds=20),
        "live": {"generated": QUANTITY},
        "receipt": {
            "accepted": QUANTITY,
            "generated": QUANTITY,
            "processed": QUANTITY,
            "failed": 0,
            "pending": 0,
            "deletedByCancel": 0,
            "balanced": True,
            "resumes": 0,
        },
    }
