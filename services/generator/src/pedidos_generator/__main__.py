"""Start a generator: `python -m pedidos_generator`."""

from __future__ import annotations

from pedidos_common.runtime.event_loop import run
from pedidos_common.runtime.job_service import run_job_service
from pedidos_common.runtime.load_settings import load
from pedidos_common.runtime.queue_file import queues_of
from pedidos_generator.settings import GeneratorSettings
from pedidos_generator.wiring import functions_of, service_of


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    settings = load(GeneratorSettings)
    service = service_of(settings, queues_of(settings.queues_file))
    run(run_job_service(service, settings, functions_of))


if __name__ == "__main__":
    main()
