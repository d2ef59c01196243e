"""What a write promises before it is acknowledged."""

from __future__ import annotations

from pedidos_common.adapters.mongo.client import connect, durable


async def test_writes_are_by_the_majority_and_in_the_journal() -> None:
    client = connect("mongodb://127.0.0.1:1", "test")
    try:
        concern = durable(client, "pedidos").write_concern.document
        assert (concern["w"], concern["j"]) == ("majority", True)
        assert durable(client, "pedidos")["jobs"].write_concern.document == concern
    finally:
        await client.close()


async def test_calls_that_wait_for_a_connection_do_not_pile_up() -> None:
    client = connect("mongodb://127.0.0.1:1", "test")
    try:
        assert client.options.pool_options.wait_queue_timeout == 5.0
    finally:
        await client.close()
