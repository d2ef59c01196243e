"""Bad input and bad days that no other page of these tests has, on real processes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.e2e.stack import Stack, assert_stops_cleanly, running_stack

ABSENT = "01934f1e-7c00-8a1b-8c3d-4e0000000000"
LARGEST_PEAK_MB = 300.0
LARGEST_GROWTH_MB = 64.0
MB = 1_000_000


# --- what nobody has ------------------------------------------------------------------------------

IDS = [
    ABSENT,
    ABSENT.upper(),
    ABSENT.replace("-", ""),
    "0",
    "null",
    "no such thing",
    "{'$gt': ''}",
    "..%2f..%2fetc",
    "é\u202e\x00\n",
    "x" * 3_000,
]
ROUTES = [
    ("GET", "/pedidos/runs/{}"),
    ("GET", "/pedidos/runs/{}/receipt"),
    ("GET", "/pedidos/runs/{}/export"),
    ("GET", f"/pedidos/runs/{{}}/compare/{ABSENT}"),
    ("POST", "/pedidos/runs/{}/resume"),
    ("GET", "/pedidos/orders/{}"),
    ("GET", "/pedidos/queue/jobs/{}"),
    ("GET", "/pedidos/imports/{}"),
]


@pytest.mark.parametrize(("method", "route"), ROUTES)
def test_ids_that_nothing_has_are_not_found(stack: Stack, method: str, route: str) -> None:
    for text in IDS:
        answer = stack.http.request(method, route.format(quote(text, safe="%")))
        assert answer.status_code == 404, (text, answer.text)
        assert answer.headers["content-type"].startswith("application/problem+json")
        problem = answer.json()
        assert (problem["status"], problem["title"]) == (404, "Not Found")
        assert len(answer.content) < 1_500, "what was sent is not sent back whole"


def test_redrive_of_ids_that_nothing_has_is_refused(stack: Stack) -> None:
    for wanted in ({"orderIds": [ABSENT]}, {"jobIds": [f"{ABSENT}:vip:0", "nonsense"]}):
        answer = stack.http.post("/pedidos/dead/redrive", json=wanted)
        assert answer.status_code == 404, answer.text
    malformed = stack.http.post("/pedidos/dead/redrive", json={"orderIds": ["nonsense"]})
    assert malformed.status_code == 422, malformed.text
    assert malformed.headers["content-type"].startswith("application/problem+json")


@pytest.mark.parametrize("quantity", ["0", "-5", "1500001", "99999999999999999999", "many"])
def test_bad_quantity_on_the_command_line(stack: Stack, quantity: str) -> None:
    ran = stack.command("run", f"--quantity={quantity}")
    assert ran.returncode == 2, ran.stderr
    assert "quantity" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert stack.phase() == "IDLE"


# --- files ----------------------------------------------------------------------------------------


def upload(stack: Stack, body: bytes | Iterator[bytes], **params: str) -> httpx.Response:
    headers = {"content-type": params.pop("content_type", "text/csv")}
    return stack.http.post(
        "/pedidos/import", content=body, params=params, headers=headers, timeout=300
    )


REFUSED = [
    (b"", {}, 422, "empty"),
    (b"PK\x03\x04abc", {}, 422, "zip archive or a spreadsheet"),
    (b"\x1f\x8babc", {}, 422, "gzip"),
    (b"quando,quanto\n1,2\n", {}, 422, "no column for cliente and valor"),
    (b"cliente,quando\nAna,2\n", {}, 422, "no column for valor"),
    (b"cliente,valor\nAna,abc\nEva,-1\n", {}, 422, "no row of the file was accepted"),
    (b"cliente,valor\nAna,1\n", {"encoding": "klingon"}, 422, "encoding 'klingon' is not read"),
    (b"cliente,valor\nAna,1\n", {"content_type": "image/png"}, 415, "text/csv"),
    (b"cliente,valor\nAna,1\n", {"format": "xlsx"}, 422, "format"),
    (b'{"cliente": "Ana"}\n', {"format": "ndjson"}, 422, "valor"),
]


@pytest.mark.parametrize(("body", "params", "status", "said"), REFUSED)
def test_file_that_is_refused_says_why(
    stack: Stack, body: bytes, params: dict[str, str], status: int, said: str
) -> None:
    answer = upload(stack, body, **params)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert said in answer.json()["detail"]
    assert stack.phase() == "IDLE"
    assert stack.database.import_rows.count_documents({}) == 0


NAMES = ["João da Silva", "Łucja Ć.", "Zoë\nQuebrada"]


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_text_in_any_encoding_is_read(stack: Stack, codec: str) -> None:
    text = "cliente;valor\r\n" + "".join(f'"{name}";"1.234,50"\r\n' for name in NAMES)
    told = {"encoding": codec} if codec == "utf-16-le" else {}
    answer = upload(stack, text.encode(codec), **told)
    assert answer.status_code == 202, answer.text
    assert answer.json()["import"]["accepted"] == len(NAMES)
    stack.await_phase("DONE")
    orders = list(stack.database.orders.find({}))
    assert {order["cliente"] for order in orders} == set(NAMES)
    assert {str(order["valor"]) for order in orders} == {"1234.50"}


def test_bytes_of_another_encoding_spoil_their_rows_alone(stack: Stack) -> None:
    body = b"cliente,valor\nAna,1.00\n" + "João,2.00\n".encode("latin-1") + b"Eva,3.00\n"
    answer = upload(stack, body)
    assert answer.status_code == 202, answer.text
    assert [one["line"] for one in answer.json()["import"]["rejections"]] == [3]
    stack.await_phase("DONE")
    assert stack.database.orders.count_documents({"status": "processado"}) == 2


def peaks_mb(stack: Stack) -> dict[str, float]:
    """The most memory that each Python process ever had, by its log's name."""
    found = {}
    for role in ("orchestrator", "generator", "worker"):
        for one in stack.processes(role):
            status = Path(f"/proc/{one['pid']}/status").read_text("utf-8")
            kilobytes = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
            assert kilobytes
            found[f"{role}-{one['index']}"] = int(kilobytes[1]) / 1_000
    return found


def wide_csv(size_bytes: int) -> Iterator[bytes]:
    """About so many bytes, 400 a row, in pieces; every 1,000th row is spoilt."""
    yield b"cliente,valor,notas\n"
    note = "x" * 376
    for start in range(0, size_bytes // 400, 250):
        rows = (
            f"c{number % 5_000:05d},{'?' if number % 1_000 == 500 else '12.34'},{note}\n"
            for number in range(start, start + 250)
        )
        yield "".join(rows).encode()


@pytest.mark.parametrize(
    "megabytes",
    [5, pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(600)])],
)
def test_large_file_is_taken_in_bounded_memory(stack: Stack, megabytes: int) -> None:
    before = peaks_mb(stack)
    answer = upload(stack, wide_csv(megabytes * MB))
    assert answer.status_code == 202, answer.text
    report = answer.json()["import"]
    rows = -(-megabytes * MB // 400 // 250) * 250
    assert (report["rows"], report["rejected"]) == (rows, rows // 1_000 + (rows % 1_000 > 500))
    stack.await_phase("DONE", seconds=300)
    stack.assert_audited(answer.json()["runId"])
    assert stack.database.orders.count_documents({"status": "processado"}) == report["accepted"]
    after = peaks_mb(stack)
    assert max(after.values()) < LARGEST_PEAK_MB, after
    grown = {name: after[name] - before[name] for name in after}
    assert grown["orchestrator-0"] < LARGEST_GROWTH_MB, grown


# --- a replica set --------------------------------------------------------------------------------


def test_run_on_a_replica_set(tmp_path: Path) -> None:
    with running_stack(tmp_path / "stack", {}, options=["--replica-set"]) as stack:
        assert stack.database.client.admin.command("hello")["setName"]
        run_id = stack.start(20_000, seed=9)
        stack.await_phase("DONE")
        stack.assert_audited(run_id)
        assert_stops_cleanly(stack)
