"""A run's document: the one place that knows its fields (see docs/data-model.md)."""

from __future__ import annotations

from uuid import UUID

from pedidos_common.adapters.mongo.client import Document
from pedidos_common.adapters.mongo.reading import known_fields
from pedidos_common.domain.runs import AbortRequest, Phase, PhaseChange, Plan, Run, Source

FLAT_FIELDS = (
    "generationTimeMs",
    "enqueueVipTimeMs",
    "enqueueNormalTimeMs",
    "processingTimeVIPMs",
    "processingTimeNormalMs",
    "startVIP",
    "endVIP",
    "startNormal",
    "endNormal",
    "totalProcessedVIP",
    "totalProcessedNormal",
    "totalFailedVIP",
    "totalFailedNormal",
    "totalTimeMs",
)
KEPT_FIELDS = (*FLAT_FIELDS, "jobsExpired", "ordersExpired")


def document_of(run: Run) -> Document:
    """The first document of a run; the store stamps its times and its first phase."""
    return {
        "_id": run.scope,
        "runId": run.scope,
        "phase": run.phase,
        "active": True,
        "plan": _plan_document(run.plan),
        "settings": dict(run.settings),
        "phases": [],
        "abort": None,
        "error": None,
        "epoch": 0,
        "resumes": 0,
        "live": {},
        "trace": run.trace,
    }


def _plan_document(plan: Plan) -> Document:
    return {
        "quantity": plan.quantity,
        "chunkSize": plan.chunk_size,
        "batchSize": plan.batch_size,
        "normalGroupSize": plan.normal_group_size,
        "seed": plan.seed,
        "generatorVersion": plan.generator_version,
        "source": plan.source,
        "importId": plan.import_id,
        "chunks": plan.chunks,
    }


def _plan_of(document: Document) -> Plan:
    return Plan(
        quantity=document["quantity"],
        chunk_size=document["chunkSize"],
        batch_size=document["batchSize"],
        normal_group_size=document["normalGroupSize"],
        seed=document["seed"],
        generator_version=document["generatorVersion"],
        source=Source(document["source"]),
        import_id=document["importId"],
    )


def run_of(document: Document) -> Run:
    """The run that a document holds."""
    abort = document.get("abort")
    return Run(
        id=UUID(document["_id"]),
        plan=_plan_of(document["plan"]),
        phase=Phase(document["phase"]),
        created_at=document["createdAt"],
        history=tuple(PhaseChange(Phase(p["phase"]), p["at"]) for p in document["phases"]),
        settings=document["settings"],
        live=document.get("live") or {},
        abort=AbortRequest(**known_fields(AbortRequest, abort)) if abort else None,
        error=document.get("error"),
        resumes=document.get("resumes", 0),
        receipt=document.get("receipt"),
        cancelled=document.get("cancelled"),
        updated_at=document.get("updatedAt"),
        trace=document.get("trace"),
        figures={name: document[name] for name in KEPT_FIELDS if name in document},
        hidden=bool(document.get("hidden")),
    )
