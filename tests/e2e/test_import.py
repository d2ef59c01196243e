"""Real orders from a file, through the whole pipeline."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.stack import Stack

Row = dict[str, str]
COLUMNS = ["customer_id", "ordered_at", "quantity", "amount"]


def rows(count: int) -> list[Row]:
    """Made-up purchases of a few dozen customers, some amounts 0.00, some rows equal."""
    return [
        {
            "customer_id": f"{(n * 7919) % 53:05d}",
            "ordered_at": f"1997-{n % 12 + 1:02d}-{n % 28 + 1:02d}",
            "quantity": str(n % 5 + 1),
            "amount": f"{(n * 1237) % 9000 / 100:.2f}",
        }
        for n in range(count)
    ]


def as_csv(content: list[Row], columns: list[str] = COLUMNS) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(content)
    return text.getvalue().encode()


def tiers_by_the_rule(content: list[Row]) -> dict[str, str]:
    """O-14: customers ranked by spend, ties by first appearance."""
    spend: dict[str, Decimal] = defaultdict(Decimal)
    for row in content:
        spend[row["customer_id"]] += Decimal(row["amount"])
    ranked = sorted(spend, key=lambda customer: -spend[customer])
    bounds = ((10, "DIAMANTE"), (25, "OURO"), (50, "PRATA"), (100, "BRONZE"))
    return {
        customer: next(tier for percent, tier in bounds if 100 * place < percent * len(ranked))
        for place, customer in enumerate(ranked)
    }


def upload(stack: Stack, body: bytes, **params: str) -> Any:
    headers = {"content-type": "text/csv"}
    return stack.http.post("/pedidos/import", content=body, params=params, headers=headers)


def test_every_row_becomes_one_order_with_its_tier(stack: Stack) -> None:
    content = rows(3_500)
    answer = upload(stack, as_csv(content), filename="orders.csv")
    assert answer.status_code == 202, answer.text
    report = answer.json()["import"]
    assert (report["accepted"], report["rejected"]) == (3_500, 0)
    stack.await_phase("DONE")
    stack.assert_audited(answer.json()["runId"])
    tiers = tiers_by_the_rule(content)
    expected = Counter((r["customer_id"], r["amount"], tiers[r["customer_id"]]) for r in content)
    fields = ("cliente", "valor", "tier")
    orders = stack.database.orders.find({})
    stored = Counter(tuple(str(order[name]) for name in fields) for order in orders)
    assert stored == expected


def test_spoilt_rows_are_rejected_by_line_and_alone(stack: Stack) -> None:
    lines = as_csv(rows(1_200)).decode().splitlines()
    spoilt = {
        2: "00001,1997-01-01,1",
        50: "00001,1997-01-01,1,abc",
        51: "00001,1997-01-01,1,",
        99: ",1997-01-01,1,10.00",
        200: "00001,1997-13-01,1,10.00",
        201: "00001,yesterday,1,10.00",
        333: "00001,1997-01-01,one,10.00",
        500: "00001,1997-01-01,1,-5.00",
        501: "00001,1997-01-01,1,10.00,extra",
        1_201: "00001,1997-01-01,1,NaN",
    }
    for number, line in spoilt.items():
        lines[number - 1] = line
    answer = upload(stack, "\n".join(lines).encode() + b"\n", filename="orders.csv")
    assert answer.status_code == 202, answer.text
    report = answer.json()["import"]
    assert {one["line"] for one in report["rejections"]} == set(spoilt)
    assert all(one["reason"] for one in report["rejections"])
    assert (report["accepted"], report["rejected"]) == (1_190, 10)
    stack.await_phase("DONE")
    stack.assert_audited()
    assert stack.database.orders.count_documents({"status": "processado"}) == 1_190


def test_external_id_is_taken_once_over_all_files(stack: Stack) -> None:
    columns = ["order_id", *COLUMNS]
    first = [{**row, "order_id": f"A{n}"} for n, row in enumerate(rows(300))]
    again = [{**row, "order_id": f"A{n + 200}"} for n, row in enumerate(rows(300))]
    assert upload(stack, as_csv(first, columns)).status_code == 202
    stack.await_phase("DONE")
    answer = upload(stack, as_csv(again, columns))
    assert answer.status_code == 202, answer.text
    stack.await_phase("DONE")
    stack.assert_audited()
    ids = [order["externalId"] for order in stack.database.orders.find({})]
    assert sorted(ids) == sorted(f"A{n}" for n in range(500))


def test_dry_run_only_reports(stack: Stack) -> None:
    answer = upload(stack, as_csv(rows(100)), dryRun="true")
    assert answer.status_code == 200, answer.text
    assert answer.json()["import"]["accepted"] == 100
    assert stack.phase() == "IDLE"
    assert stack.database.orders.count_documents({}) == 0


@pytest.mark.parametrize(
    "body",
    [b"", b"\n", b"customer_id,ordered_at\n1,1997-01-01\n", as_csv([]), b"\x00\xff\xfe\x00"],
    ids=["empty", "blank", "no amount column", "header only", "no text"],
)
def test_file_without_orders_is_refused(stack: Stack, body: bytes) -> None:
    answer = upload(stack, body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert stack.phase() == "IDLE"


def test_quoted_newlines_and_other_encodings_are_understood(stack: Stack) -> None:
    text = 'cliente,amount\n"João\nda Silva",10.00\n"Ana, a ""Nova""",5.50\n'
    answer = upload(stack, text.encode("latin-1"), encoding="latin-1")
    assert answer.status_code == 202, answer.text
    stack.await_phase("DONE")
    names = {order["cliente"] for order in stack.database.orders.find({})}
    assert names == {"João\nda Silva", 'Ana, a "Nova"'}


def test_ndjson_is_taken_too(stack: Stack) -> None:
    lines = [f'{{"cliente": "c{n}", "valor": "{n}.25"}}' for n in range(120)]
    lines[10] = '{"cliente": "broken"'
    answer = stack.http.post(
        "/pedidos/import?format=ndjson",
        content="\n".join(lines).encode(),
        headers={"content-type": "application/x-ndjson"},
    )
    assert answer.status_code == 202, answer.text
    assert [one["line"] for one in answer.json()["import"]["rejections"]] == [11]
    stack.await_phase("DONE")
    stack.assert_audited()
