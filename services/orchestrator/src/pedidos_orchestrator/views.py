"""Domain objects as the JSON objects that clients see."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pedidos_common.domain.ids import run_of
from pedidos_common.domain.jobs import Job
from pedidos_common.domain.runs import Phase, Plan, Run
from pedidos_common.ports import ImportReport, OrderRecord, ProcessSeen
from pedidos_orchestrator.projections import status_of
from pedidos_orchestrator.times import iso, iso_to_the_second


def plain(value: Any) -> Any:
    """The value with times as texts, however deep."""
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


def run_view(run: Run) -> dict[str, Any]:
    """A run with its flat figures (O-15), from its record or, while it runs, from its status."""
    return {
        "runId": run.scope,
        "phase": run.phase.value,
        "createdAt": iso(run.created_at),
        "quantity": run.plan.quantity,
        "seed": run.plan.seed,
        "source": run.plan.source.value,
        "importId": run.plan.import_id,
        "plan": _plan_view(run.plan),
        "settings": plain(run.settings),
        "phases": [{"phase": change.phase.value, "at": iso(change.at)} for change in run.history],
        **_figures(run),
        "error": run.error,
        "receipt": plain(run.receipt),
        "cancelled": plain(run.cancelled),
        "resumes": run.resumes,
        "jobsExpired": iso(run.figures.get("jobsExpired")),
        "ordersExpired": iso(run.figures.get("ordersExpired")),
    }


def _plan_view(plan: Plan) -> dict[str, Any]:
    return {
        "quantity": plan.quantity,
        "chunkSize": plan.chunk_size,
        "batchSize": plan.batch_size,
        "normalGroupSize": plan.normal_group_size,
        "seed": plan.seed,
        "generatorVersion": plan.generator_version,
        "chunks": plan.chunks,
    }


def _figures(run: Run) -> dict[str, Any]:
    status = plain(status_of(run, "running"))
    vip, normal = status["processing"]["vip"], status["processing"]["normal"]
    return {
        "generationTimeMs": status["generationTimeMs"],
        "enqueueVipTimeMs": status["enqueueVipTimeMs"],
        "enqueueNormalTimeMs": status["enqueueNormalTimeMs"],
        "processingTimeVIPMs": vip["timeMs"],
        "processingTimeNormalMs": normal["timeMs"],
        "startVIP": vip["start"],
        "endVIP": vip["end"],
        "startNormal": normal["start"],
        "endNormal": normal["end"],
        "totalProcessedVIP": vip["count"],
        "totalProcessedNormal": normal["count"],
        "totalFailedVIP": vip["failed"],
        "totalFailedNormal": normal["failed"],
        "totalTimeMs": status["totalTimeMs"],
        "throughput": status["throughput"],
        **({} if run.active else plain(run.figures)),
    }


def run_started(run: Run) -> dict[str, Any]:
    """What a client that started or resumed a run is told."""
    return {
        "runId": run.scope,
        "quantity": run.plan.quantity,
        "seed": run.plan.seed,
        "phase": run.phase.value,
    }


def phase_of(run: Run | None) -> Phase:
    """The phase that is shown: IDLE where there is no run."""
    return run.phase if run else Phase.IDLE


def order_view(record: OrderRecord) -> dict[str, Any]:
    """An order; its amount as a text, so that no reader makes a float of it."""
    order = record.order
    return {
        "id": str(order.id),
        "runId": str(run_of(order.id)),
        "cliente": order.cliente,
        "valor": f"{order.valor:.2f}",
        "tier": order.tier.value,
        "priority": order.priority.value,
        "status": str(record.status),
        "observacoes": record.observacoes,
        "createdAt": iso(order.created_at),
        "processedAt": iso(record.processed_at),
        "failedAt": iso(record.failed_at),
        "attempts": order.attempts,
        "error": record.error,
        "externalId": order.external_id,
        "orderedAt": iso(record.ordered_at),
        "quantidade": record.quantidade,
    }


def job_view(job: Job) -> dict[str, Any]:
    """A job of the ledger."""
    return {
        "id": job.id,
        "function": job.function,
        "queue": job.queue,
        "band": job.band.name,
        "scope": job.scope,
        "status": job.status.value,
        "deliveries": job.deliveries,
        "lost": job.lost,
        "attempts": job.attempts,
        "createdAt": iso_to_the_second(job.created_at),
        "claimedAt": iso(job.claimed_at),
        "settledAt": iso(job.settled_at),
        "dueAt": iso(job.due_at),
        "worker": job.worker,
        "result": plain(job.result),
        "error": job.error,
        "payload": plain(job.payload),
    }


def process_view(seen: ProcessSeen) -> dict[str, Any]:
    """A live process."""
    report = seen.report
    return {
        "name": report.name,
        "service": report.service,
        "host": report.host,
        "pid": report.pid,
        "queues": list(report.queues),
        "slots": report.slots,
        "busy": report.busy,
        "lastHeartbeat": iso(seen.seen_at),
        "ageSeconds": round(max(0.0, seen.age_seconds), 3),
    }


def import_view(report: ImportReport) -> dict[str, Any]:
    """What became of an upload."""
    return {
        "id": report.id,
        "sha256": report.sha256,
        "sizeBytes": report.size_bytes,
        "rows": report.rows,
        "accepted": report.accepted,
        "rejected": report.rejected,
        "rejections": [{"line": one.line, "reason": one.reason} for one in report.rejections],
        "tiers": dict(report.tiers),
        "tierRule": report.tier_rule,
        "columns": dict(report.columns),
        "ignoredColumns": list(report.ignored_columns),
    }
