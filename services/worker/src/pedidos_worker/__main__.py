"""Start a worker: `python -m pedidos_worker`."""

from __future__ import annotations

from collections.abc import Sequence

from pedidos_common.execution.registry import JobFunction
from pedidos_common.runtime.connections import Connections
from pedidos_common.runtime.event_loop import run
from pedidos_common.runtime.giving_up import give_up
from pedidos_common.runtime.job_service import run_job_service
from pedidos_common.runtime.load_settings import load
from pedidos_common.runtime.metrics import new_registry
from pedidos_worker.handlers import HandlerNotUsable
from pedidos_worker.metrics import WorkerMetrics
from pedidos_worker.settings import WorkerSettings
from pedidos_worker.wiring import functions_of, handler_of, service_of


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    settings = load(WorkerSettings)
    try:
        handler = handler_of(settings)
    except HandlerNotUsable as error:
        give_up(f": {error}")

    registry = new_registry()
    metrics = WorkerMetrics(registry)

    def functions(connections: Connections) -> Sequence[JobFunction]:
        return functions_of(settings, handler, connections, metrics)

    run(run_job_service(service_of(settings), settings, functions, registry))


if __name__ == "__main__":
    main()
