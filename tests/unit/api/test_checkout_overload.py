"""What becomes of checkouts that come in past a queue's limits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx

from pedidos_checkout.domain.checkouts import Kind, Mode
from pedidos_checkout.domain.shop import Product
from pedidos_checkout.domain.steps import Step, job_id
from pedidos_checkout.ports import ProviderPaused
from pedidos_checkout.steps.functions import StepPorts, step_functions
from pedidos_common.domain.jobs import Band, JobStatus, NewJob, Retry, Succeeded
from pedidos_common.domain.queues import DEFAULTS, INVENTORY, PAYMENT_PROCESSING, QueueTable
from pedidos_common.execution.executor import Executor, Observe
from pedidos_common.execution.follow_ups import Follow
from pedidos_common.execution.leases import HeldLeases
from pedidos_common.execution.registry import table as known
from pedidos_common.execution.scope_gate import ScopeGate
from pedidos_common.testing.eventually import eventually
from tests.unit.api.test_checkout import CART, PATH, keyed, small_shop
from tests.unit.api.world import World
from tests.unit.checkout.played_provider import PlayedProvider, Post

AT_ONCE_SECONDS = 5.0  # half of what a synchronous checkout may take


async def doing_some_itself(
    world: World, provider: PlayedProvider, *, slots: int = 4, **limits: Any
) -> Any:
    """An application that does checkouts itself past its first queue's limits."""
    shop = world.shop
    await shop.catalogue.add([(Product("SKU-1", "cup", Decimal("12.30")), 1_000)], [])
    ports = StepPorts(
        shop.checkouts,
        world.ledger,
        shop.payments,
        shop.stock,
        shop.orders,
        provider,
        Post(),
        Post(),
    )
    functions = known(step_functions(ports))

    async def is_open(_scope: str) -> bool:
        return True

    def executor_of(observe: Observe, follow: Follow) -> Executor:
        held, gate = HeldLeases(60.0), ScopeGate(is_open)
        return Executor(
            world.ledger, functions, held, gate, "api", 1_000, observe=observe, follow=follow
        )

    policy = replace(DEFAULTS[PAYMENT_PROCESSING], **{"sync_above": -1, **limits})
    world.deps = replace(
        world.deps,
        checkout=replace(shop, executor_of=executor_of),
        table=QueueTable({**DEFAULTS, PAYMENT_PROCESSING: policy}),
    )
    return world.app(payment_url="http://provider", sync_slots=slots)


def before(provider: PlayedProvider, do: Callable[[], Awaitable[None]]) -> None:
    """Do something whenever the provider is asked to authorise, before it does."""
    authorise = provider.authorise

    async def doing_first(*asked: Any) -> Any:
        await do()
        return await authorise(*asked)

    setattr(provider, "authorise", doing_first)  # noqa: B010 - it has other parameters


async def put_off(world: World, count: int) -> None:
    """Jobs of the first queue whose provider is paused."""
    names = [f"co_{n}:payment" for n in range(count)]
    band = Band.CRITICAL
    await world.ledger.create([NewJob(n, "f", PAYMENT_PROCESSING, band, {}) for n in names])
    for name in names:
        job = await world.claimed(name)
        await world.ledger.settle(job, Retry("its provider is paused", 60.0))


async def test_a_burst_finds_as_many_slots_as_there_are_and_the_others_are_queued(
    world: World,
) -> None:
    provider, now, most = PlayedProvider(), 0, 0

    async def count() -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.05)
        now -= 1

    before(provider, count)
    accept = world.shop.checkouts.accept

    async def accept_slowly(checkout: Any) -> Any:
        await asyncio.sleep(0.005)
        return await accept(checkout)

    world.shop.checkouts.accept = accept_slowly  # type: ignore[method-assign]
    async with world.client_of(await doing_some_itself(world, provider)) as client:
        answers = await asyncio.gather(*(client.post(PATH, json=CART) for _ in range(30)))
        assert sorted(answer.status_code for answer in answers) == [200] * 4 + [202] * 26
        assert most == 4
        assert (await client.post(PATH, json=CART)).status_code == 200, "slots are given back"


async def test_nothing_is_done_here_while_a_queue_on_the_way_is_paused(world: World) -> None:
    await world.queue_state.write_queue(INVENTORY, "paused")
    provider = PlayedProvider()
    async with world.client_of(await doing_some_itself(world, provider)) as client:
        assert (await client.post(PATH, json=CART)).status_code == 202
    assert not provider.payments


async def test_what_is_paused_meanwhile_is_left_to_its_workers(world: World) -> None:
    provider = PlayedProvider()
    before(provider, lambda: world.queue_state.write_queue(INVENTORY, "paused"))
    began = time.monotonic()
    async with world.client_of(await doing_some_itself(world, provider)) as client:
        answer = await client.post(PATH, json=CART)
    assert (answer.status_code, time.monotonic() - began < AT_ONCE_SECONDS) == (202, True)
    stock = await world.ledger.get(job_id(answer.json()["data"]["jobId"], Step.STOCK))
    assert stock is not None
    assert stock.status is JobStatus.QUEUED
    await eventually(lambda: stock.id in [bell.job_id for bell in world.transport.heard])


async def test_whose_provider_is_paused_is_told_at_once_that_it_goes_on_later(world: World) -> None:
    provider = PlayedProvider()

    async def paused() -> None:
        raise ProviderPaused("payment", 60.0)

    before(provider, paused)
    began = time.monotonic()
    async with world.client_of(await doing_some_itself(world, provider)) as client:
        answer = await client.post(PATH, json=CART)
    assert (answer.status_code, time.monotonic() - began < AT_ONCE_SECONDS) == (202, True)


async def test_what_is_put_off_counts_up_to_where_is_refused(world: World) -> None:
    """Else a provider that is down for an hour is a promise without bounds."""
    await put_off(world, 4)
    async with world.client_of(small_shop(world, sync_above=None, refuse_above=3)) as full:
        answer = await full.post(PATH, json=CART)
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/overloaded")


async def test_what_is_put_off_is_no_reason_to_do_others_here(world: World) -> None:
    await put_off(world, 4)
    provider = PlayedProvider()
    app = await doing_some_itself(world, provider, sync_above=3, refuse_above=10)
    async with world.client_of(app) as client:
        assert (await client.post(PATH, json=CART)).status_code == 202
    assert not provider.payments


async def left_by_a_dead_process(world: World, client: httpx.AsyncClient) -> str:
    """A checkout under the key `k` that was to be done where it came in."""
    answer = await client.post(PATH, json=CART, headers=keyed("k"))
    checkout_id = str(answer.json()["data"]["jobId"])
    first = job_id(checkout_id, Step.PAYMENT)
    await eventually(lambda: first in [bell.job_id for bell in world.transport.heard])
    known_by_key = world.shop.checkouts.by_key
    found = await known_by_key(Kind.CHECKOUT, "k")
    assert found is not None
    store: Any = world.shop.checkouts
    store._checkouts[checkout_id] = replace(found, mode=Mode.SYNC, reply=None)
    return checkout_id


async def test_whom_a_dead_process_did_not_answer_is_told_how_it_ended(world: World) -> None:
    await world.shop.catalogue.add([(Product("SKU-1", "cup", Decimal("12.30")), 10)], [])
    async with world.client_of(world.app(payment_url="http://provider")) as client:
        checkout_id = await left_by_a_dead_process(world, client)
        refusal = Succeeded({"refused": "card_declined", "error": "the card was declined"})
        job = await world.claimed(job_id(checkout_id, Step.PAYMENT))
        await world.ledger.settle(job, refusal)
        began = time.monotonic()
        answer = await client.post(PATH, json=CART, headers=keyed("k"))
        assert (answer.status_code, answer.json()["success"]) == (200, False)
        assert time.monotonic() - began < AT_ONCE_SECONDS
        again = await client.post(PATH, json=CART, headers=keyed("k"))
    assert again.text == answer.text
    kept = await world.shop.checkouts.get(checkout_id)
    assert kept is not None
    assert kept.reply is not None


async def test_whom_a_dead_process_did_not_answer_waits_once(world: World) -> None:
    await world.shop.catalogue.add([(Product("SKU-1", "cup", Decimal("12.30")), 10)], [])
    app = world.app(payment_url="http://provider", sync_seconds=0.3)
    async with world.client_of(app) as client:
        checkout_id = await left_by_a_dead_process(world, client)
        answer = await client.post(PATH, json=CART, headers=keyed("k"))
        assert answer.status_code == 202
    kept = await world.shop.checkouts.get(checkout_id)
    assert kept is not None
    assert kept.reply is not None
