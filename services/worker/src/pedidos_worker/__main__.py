"""Start a worker: `python -m pedidos_worker`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pedidos_common.execution.registry import JobFunction
from pedidos_common.runtime.connections import Connections
from pedidos_common.runtime.event_loop import run
from pedidos_common.runtime.giving_up import give_up
from pedidos_common.runtime.job_service import run_job_service
from pedidos_common.runtime.load_settings import load
from pedidos_common.runtime.metrics import new_registry
from pedidos_common.runtime.queue_file import queues_of
from pedidos_worker.handlers import HandlerNotUsable
from pedidos_worker.metrics import WorkerMetrics
from pedidos_worker.served_queues import UnknownQueue, served_queues, told_queues
from pedidos_worker.settings import WorkerSettings
from pedidos_worker.wiring import checkout_functions_of, functions_of, handler_of, service_of


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    told = told_queues(sys.argv[1:])
    settings = load(WorkerSettings)
    queues = _queues(told, settings.worker_queues)
    service = service_of(settings, queues, queues_of(settings.queues_file))
    try:
        handler = handler_of(settings)
    except HandlerNotUsable as error:
        give_up(f": {error}")

    registry = new_registry()
    metrics = WorkerMetrics(registry)

    def functions(connections: Connections) -> Sequence[JobFunction]:
        steps = checkout_functions_of(settings, connections, registry, service.table)
        return [*functions_of(settings, handler, connections, metrics), *steps]

    run(run_job_service(service, settings, functions, registry))


def _queues(told: str | None, setting: str | None) -> Sequence[str]:
    try:
        return served_queues(setting if told is None else told)
    except UnknownQueue as error:
        where = "WORKER_QUEUES" if told is None else "--queues"
        give_up(f", {where} is wrong: {error}")


if __name__ == "__main__":
    main()
