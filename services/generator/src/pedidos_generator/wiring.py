"""Where a generator's parts meet: the only module that picks adapters."""

from __future__ import annotations

from collections.abc import Sequence

from pedidos_common.adapters.mongo.encoding import BsonOrderEncoder
from pedidos_common.adapters.mongo.imports import MongoImportStore
from pedidos_common.adapters.mongo.orders import MongoOrderStore
from pedidos_common.domain.generation import amount_table
from pedidos_common.domain.queues import GENERATION, QueueTable
from pedidos_common.execution.registry import JobFunction
from pedidos_common.runtime.connections import Connections
from pedidos_common.runtime.job_service import Service
from pedidos_generator.generate import generate_chunk
from pedidos_generator.import_rows import import_chunk
from pedidos_generator.names import customer_names
from pedidos_generator.settings import GeneratorSettings


def service_of(settings: GeneratorSettings, table: QueueTable) -> Service:
    """A generator serves the queue of chunks, by that table."""
    return Service("generator", (GENERATION,), settings.generation_concurrency, table)


def functions_of(connections: Connections) -> Sequence[JobFunction]:
    """The job functions of a generator; the tables of names and amounts are made here, once."""
    store = MongoOrderStore(connections.database)
    imports = MongoImportStore(connections.database)
    encoder = BsonOrderEncoder(customer_names(), amount_table())
    return (generate_chunk(store, encoder), import_chunk(store, imports, encoder))
