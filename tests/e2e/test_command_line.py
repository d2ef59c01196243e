"""The commands that a shop uses on its own files, against a real stack."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

from tests.e2e.stack import Stack, until

LOJA = Path(__file__).parent / "files" / "loja.csv"
ROWS = 120
# line of the file: what its rejection has to name
SPOILT = {18: "a combinar", 65: "cliente", 102: "2025-001052"}


def good_rows() -> list[dict[str, str]]:
    with LOJA.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened, delimiter=";"))
    assert len(rows) == ROWS
    return [row for line, row in enumerate(rows, 2) if line not in SPOILT]


def amount(text: str) -> Decimal:
    return Decimal(text.replace(".", "").replace(",", "."))


def test_a_shops_file_is_taken_but_for_its_spoilt_rows(stack: Stack) -> None:
    looked = stack.command("import", str(LOJA), "--dry-run", "--json")
    assert looked.returncode == 0, looked.stderr
    report = json.loads(looked.stdout)["import"]
    assert (report["rows"], report["accepted"], report["rejected"]) == (ROWS, ROWS - 3, 3)
    reasons = {one["line"]: one["reason"] for one in report["rejections"]}
    assert reasons.keys() == SPOILT.keys()
    assert all(SPOILT[line] in reason for line, reason in reasons.items()), reasons
    assert report["sha256"] == hashlib.sha256(LOJA.read_bytes()).hexdigest()
    assert stack.phase() == "IDLE"

    ran = stack.command("import", str(LOJA), "--json")
    assert ran.returncode == 0, ran.stderr
    ended = json.loads(ran.stdout)
    assert ended["import"]["rejections"] == report["rejections"]
    run = ended["run"]
    assert (run["phase"], run["quantity"], ended["audit"]["passed"]) == ("DONE", ROWS - 3, True)
    assert run["totalProcessedVIP"] + run["totalProcessedNormal"] == ROWS - 3
    stack.assert_audited()
    stored = Counter(
        (order["externalId"], order["cliente"], order["valor"].to_decimal(), order["quantidade"])
        for order in stack.database.orders.find({"status": "processado"})
    )
    assert stored == Counter(
        (row["numero_pedido"], row["Nome Cliente"], amount(row["Valor Total"]), int(row["Qtd"]))
        for row in good_rows()
    )


def test_an_export_is_whole_and_its_receipt_right(stack: Stack, tmp_path: Path) -> None:
    run_id = stack.start(700)
    stack.await_phase("DONE")
    receipt = until(lambda: stack.get(f"/pedidos/runs/{run_id}")["receipt"])
    file = tmp_path / "orders.csv"
    ran = stack.command("export", run_id, "--out", str(file), "--json")
    assert ran.returncode == 0, ran.stderr
    content = file.read_bytes()
    told = json.loads(ran.stdout)
    assert told == json.loads((tmp_path / "orders.csv.receipt.json").read_text("utf-8"))
    assert (told["runId"], told["rows"], told["bytes"]) == (run_id, 700, len(content))
    assert told["sha256"] == hashlib.sha256(content).hexdigest()
    assert told["receipt"]["receipt"]["balanced"] is True
    assert told["receipt"]["receipt"] == receipt
    rows = list(csv.DictReader(content.decode().splitlines()))
    ids = {str(order["_id"]) for order in stack.database.orders.find({}, {"_id": 1})}
    assert {row["id"] for row in rows} == ids
    assert len(rows) == len(ids) == 700
    assert {row["status"] for row in rows} == {"processado"}

    again = stack.command("export", run_id, "--out", str(file))
    assert again.returncode == 2, again.stderr
    assert file.read_bytes() == content
