"""The job `orders.generate_chunk`: write the simulated orders of one chunk."""

from __future__ import annotations

from dataclasses import dataclass

from pedidos_common.domain.generation import DrawnOrders, OrderDraw
from pedidos_common.domain.jobs import Job, Outcome, RetryPolicy, Succeeded
from pedidos_common.domain.run_jobs import GENERATE_CHUNK, UPGRADES
from pedidos_common.execution.registry import JobContext, JobFunction
from pedidos_common.ports import OrderStore
from pedidos_generator.chunks import (
    DEADLINE_SECONDS,
    ChunkIncomplete,
    Documents,
    OrderEncoder,
    chunk_of,
    encode,
    write,
)

RETRY = RetryPolicy(max_attempts=6, base_seconds=0.5, cap_seconds=10.0)


@dataclass(frozen=True, slots=True)
class GenerateChunk:
    """Writes chunks; a chunk that is written again is the same to the byte."""

    store: OrderStore
    encoder: OrderEncoder
    draw: OrderDraw

    async def perform(self, job: Job, context: JobContext) -> Outcome:
        """Write one chunk.

        Raises:
            UnknownGeneratorVersion: when this release can't draw the run's orders.
            ChunkIncomplete: when not all of its orders are stored afterwards.
        """
        chunk = chunk_of(job)
        drawn = self._drawn(job)

        def encode_slice(start: int, stop: int) -> Documents:
            part = chunk.part(start, stop)
            return self.encoder.drawn(part, drawn.part(start, stop), chunk.created_at)

        documents = await encode(len(drawn), encode_slice, context)
        encoded = self.encoder.chunk(chunk.orders, drawn.vip, documents)
        stored = await write(self.store, chunk, encoded)
        if stored != len(drawn):
            raise ChunkIncomplete(f"{stored} orders are stored of a chunk of {len(drawn)}")
        return Succeeded({"vip": drawn.vip, "normal": len(drawn) - drawn.vip, "duplicates": 0})

    def _drawn(self, job: Job) -> DrawnOrders:
        payload = job.payload
        return self.draw.draw(
            version=int(payload["generatorVersion"]),
            seed=int(payload["seed"]),
            first=int(payload["first"]),
            last=int(payload["last"]),
        )


def generate_chunk(store: OrderStore, encoder: OrderEncoder) -> JobFunction:
    """The job function."""
    return JobFunction(
        name=GENERATE_CHUNK,
        perform=GenerateChunk(store, encoder, OrderDraw()).perform,
        retry=RETRY,
        deadline_seconds=lambda _job: DEADLINE_SECONDS,
        upgrades=UPGRADES[GENERATE_CHUNK],
    )
