"""Asking for reconciliations, and reading what they found."""

from __future__ import annotations

from pedidos_checkout.domain.reconciliation import Difference, Found, Repair, Report
from pedidos_common.ports import Bell
from pedidos_common.testing.clock import START
from tests.unit.api.world import Client, World

PAYING = "http://pay.test"


async def test_a_comparison_is_asked_for(world: World) -> None:
    async with world.client_of(world.app(payment_url=PAYING)) as client:
        answers = [await client.post("/api/reconciliations") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    (job_id,) = {answer.json()["id"] for answer in answers}
    job = await world.job(job_id)
    assert (job.function, job.queue) == ("reconcile-payments", "payment-processing")
    assert await world.transport.missing([Bell(job.id, job.queue, job.band, job.ring)]) == []


async def test_without_a_provider_there_is_nothing_to_compare_with(client: Client) -> None:
    answer = await client.post("/api/reconciliations")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not-configured")
    assert "PAYMENT_URL" in answer.json()["detail"]
    assert answer.json()["setting"] == "PAYMENT_URL"


async def test_reports_are_read_newest_first(world: World, client: Client) -> None:
    found = Found(Difference.STOCK_SUM, "tea", "it does not add up", Repair.NONE)
    for minute in (30, 45):
        await world.shop.reconciliations.keep(
            Report(
                f"reconcile:20260301T10{minute}",
                START,
                {"products": 2},
                {"stock_sum": 1},
                {"none": 1},
                (found,),
                complete=True,
            )
        )
    answer = (await client.get("/api/reconciliations", params={"limit": 1})).json()
    assert answer["cursor"] == "reconcile:20260301T1045"
    assert answer["items"] == [
        {
            "id": "reconcile:20260301T1045",
            "startedAt": "2025-01-02T03:04:05.000Z",
            "finishedAt": "2025-01-02T03:04:05.000Z",
            "complete": True,
            "seen": {"products": 2},
            "counts": {"stock_sum": 1},
            "repairs": {"none": 1},
            "differences": [
                {
                    "kind": "stock_sum",
                    "about": "tea",
                    "detail": "it does not add up",
                    "repair": "none",
                }
            ],
        }
    ]
    rest = await client.get("/api/reconciliations", params={"cursor": answer["cursor"]})
    assert [one["id"] for one in rest.json()["items"]] == ["reconcile:20260301T1030"]
    refused = await client.get("/api/reconciliations", params={"cursor": "x"})
    assert refused.status_code == 422
