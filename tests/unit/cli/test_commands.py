"""The commands against a stand-in API: what they print, and how they end."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pedidos_cli import follow, redriving, watching
from pedidos_cli.audit import AuditVerdict, Check
from pedidos_cli.commands.demo import demo
from pedidos_cli.stack_notes import StackNote, notes_folder, remember
from pedidos_cli.target import Target
from tests.unit.cli.conftest import Ended
from tests.unit.cli.fake_api import RUN, Asked, FakeApi, events, run, status

Pedidos = Callable[..., Ended]
STARTED = (202, {"runId": RUN, "quantity": 100, "seed": 1, "phase": "GENERATING"})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "POLL_SECONDS", 0.01)


def a_run(api: FakeApi, end: str = "DONE", **changed: Any) -> None:
    """The API takes one run from start to end."""
    api.routes |= {
        "POST /pedidos/generate": STARTED,
        "GET /pedidos/stream": events(status("GENERATING"), status(end)),
        "GET /pedidos": status(end),
        f"GET /pedidos/runs/{RUN}": run(end, **changed),
    }


def test_run_shows_progress_and_ends_in_a_report(api: FakeApi, pedidos: Pedidos) -> None:
    a_run(api)
    ended = pedidos("run", "--quantity", "100", "--seed", "7", "--api", api.url)
    assert ended.status == 0
    assert api.requests("/pedidos/generate")[0].query == {"quantity": "100", "seed": "7"}
    assert "GENERATING: orders come in" in ended.out
    assert "VIP 6/10 (1 failed)" in ended.out
    assert f"Run {RUN}: DONE, 100 orders in 6.0 s" in ended.out
    assert "03:04:06.000" in ended.out
    assert "5.0/s" in ended.out  # 10 VIP orders in 2 s
    assert "Not audited" in ended.out


def test_a_stack_that_was_restarted_meanwhile_is_audited_where_it_is_now(
    api: FakeApi, pedidos: Pedidos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_run(api)
    folder = notes_folder({"XDG_STATE_HOME": str(tmp_path / "state")})
    before = StackNote("/s/stack.json", api.url, "mongodb://before", "redis://r", "db")
    remember(folder, before)

    def started(_asked: Asked) -> Any:
        remember(folder, replace(before, mongo_uri="mongodb://after"))
        return STARTED

    async def audit(target: Target, _run_id: str | None) -> AuditVerdict:
        assert target.mongo_uri == "mongodb://after"
        return AuditVerdict(RUN, "DONE", (Check("k", "title", "1", "1", passed=True),))

    api.routes["POST /pedidos/generate"] = started
    monkeypatch.setattr(watching, "audit", audit)
    ended = pedidos("run", "--quantity", "100")
    assert (ended.status, ended.err) == (0, "")
    assert "Not audited" not in ended.out


def test_run_with_json_prints_one_document_and_nothing_else(api: FakeApi, pedidos: Pedidos) -> None:
    a_run(api)
    ended = pedidos("run", "--quantity", "100", "--api", api.url, "--json")
    assert ended.status == 0
    assert ended.document["ok"] is True
    assert ended.document["phase"] == "DONE"
    assert ended.document["throughput"]["vip"] == pytest.approx(5.0)
    assert ended.err == ""


@pytest.mark.parametrize("end", ["ABORTED", "ERROR"])
def test_a_run_that_ends_badly_is_status_1(api: FakeApi, pedidos: Pedidos, end: str) -> None:
    a_run(api, end, error="no progress for 600000 ms")
    ended = pedidos("run", "--quantity", "100", "--api", api.url)
    assert ended.status == 1
    assert "Reason: no progress" in ended.out


def test_a_second_start_is_told_which_run_is_active(api: FakeApi, pedidos: Pedidos) -> None:
    problem = {"title": "Conflict", "detail": "another run is active", "runId": RUN}
    api.routes["POST /pedidos/generate"] = (409, problem)
    ended = pedidos("run", "--quantity", "1", "--api", api.url)
    assert ended.status == 4
    assert f"Active run: {RUN}" in ended.err
    assert "pedidos watch" in ended.err
    assert "pedidos cancel" in ended.err
    told = pedidos("run", "--quantity", "1", "--api", api.url, "--json")
    assert told.document["error"]["problem"]["runId"] == RUN
    assert told.document["error"]["exitStatus"] == 4


@pytest.mark.parametrize(
    ("slug", "told"),
    [
        ("orders-deleted", "pedidos cancel --no-remove-pending"),
        ("queue-closed", "`pedidos resume`"),
        ("wrong-phase", ""),
    ],
)
def test_a_conflict_without_an_active_run_names_no_cancel(
    api: FakeApi, pedidos: Pedidos, slug: str, told: str
) -> None:
    problem = {"type": f"/problems/{slug}", "detail": "that can't be", "runId": RUN}
    api.routes[f"POST /pedidos/runs/{RUN}/resume"] = (409, problem)
    ended = pedidos("resume", "--run", RUN, "--api", api.url)
    assert ended.status == 4
    assert told in ended.err
    assert "watch" not in ended.err
    assert "end it with" not in ended.err


def test_a_bad_quantity_is_status_2_in_the_words_of_the_api(api: FakeApi, pedidos: Pedidos) -> None:
    problem = {"detail": "quantity must be from 1 to 1500000, but was 0"}
    api.routes["POST /pedidos/generate"] = (422, problem)
    ended = pedidos("run", "--quantity", "0", "--api", api.url)
    assert (ended.status, ended.out) == (2, "")
    assert "quantity must be from 1 to 1500000" in ended.err
    assert pedidos("run", "--quantity", "many", "--api", api.url).status == 2


def test_without_a_stack_the_message_says_how_to_start_one(pedidos: Pedidos) -> None:
    for arguments in (["status"], ["status", "--api", "http://127.0.0.1:9"]):
        ended = pedidos(*arguments)
        assert ended.status == 3
        assert "pedidos up" in ended.err
    assert pedidos("status", "--api", "nonsense").status == 2


def test_the_last_stack_started_is_found(api: FakeApi, pedidos: Pedidos, tmp_path: Path) -> None:
    api.routes["GET /pedidos"] = status("DONE")
    folder = notes_folder({"XDG_STATE_HOME": str(tmp_path / "state")})
    remember(folder, StackNote("/s/stack.json", api.url, "mongodb://m", "redis://r", "db"))
    ended = pedidos("status", "--json")
    assert (ended.status, ended.document["phase"]) == (0, "DONE")


def test_pedidos_api_and_the_key_come_from_the_environment(
    api: FakeApi, pedidos: Pedidos, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.routes["GET /pedidos"] = status("GENERATING")
    monkeypatch.setenv("PEDIDOS_API", f"{api.url}/")
    monkeypatch.setenv("API_KEY", "from-environment")
    assert "GENERATING" in pedidos("status").out
    assert api.asked[-1].headers["x-api-key"] == "from-environment"
    pedidos("status", "--api-key", "given")
    assert api.asked[-1].headers["x-api-key"] == "given"


def test_a_refused_key_is_explained(api: FakeApi, pedidos: Pedidos) -> None:
    api.routes["GET /pedidos"] = (401, {"detail": "x-api-key is missing or wrong."})
    ended = pedidos("status", "--api", api.url)
    assert ended.status == 2
    assert "--api-key or API_KEY" in ended.err


def test_what_is_no_pedidos_api_is_said(api: FakeApi, pedidos: Pedidos) -> None:
    api.routes["GET /pedidos"] = b"<html>"
    ended = pedidos("status", "--api", api.url)
    assert ended.status == 1
    assert "no Pedidos API" in ended.err


def test_watch_prints_a_line_of_json_for_each_state(api: FakeApi, pedidos: Pedidos) -> None:
    a_run(api)
    api.routes["GET /pedidos"] = [status("GENERATING"), status("DONE")]
    ended = pedidos("watch", "--api", api.url, "--json")
    lines = [json.loads(line) for line in ended.out.splitlines()]
    assert [line["phase"] for line in lines] == ["GENERATING", "DONE", "DONE"]
    assert lines[-1]["runId"] == RUN


@pytest.mark.parametrize("state", ["paused", "closed"])
def test_status_without_any_run_says_that_the_queue_does_not_run(
    api: FakeApi, pedidos: Pedidos, state: str
) -> None:
    api.routes["GET /pedidos"] = status("IDLE", lastRunId=None, queueState=state)
    said = pedidos("status", "--api", api.url).out
    assert f"no run yet. The queue is {state}: `pedidos resume`" in said
    api.routes["GET /pedidos"] = status("IDLE", lastRunId=None)
    assert "`pedidos run --quantity N`" in pedidos("status", "--api", api.url).out


def test_watch_without_any_run(api: FakeApi, pedidos: Pedidos) -> None:
    api.routes["GET /pedidos"] = status("IDLE", lastRunId=None)
    ended = pedidos("watch", "--api", api.url)
    assert (ended.status, "No run yet" in ended.out) == (0, True)


def test_import_streams_the_file_and_reports_rejections(
    api: FakeApi, pedidos: Pedidos, tmp_path: Path
) -> None:
    a_run(api)
    report = {
        "id": "i1",
        "rows": 3,
        "accepted": 2,
        "rejected": 1,
        "rejections": [{"line": 3, "reason": "valor 'x' is not an amount"}],
        "tiers": {"DIAMANTE": 1, "BRONZE": 1},
        "tierRule": True,
        "ignoredColumns": ["comment"],
    }
    answer = {"runId": RUN, "quantity": 2, "phase": "GENERATING", "import": report}
    api.routes["POST /pedidos/import"] = (202, answer)
    file = tmp_path / "orders.csv"
    file.write_bytes(b"cliente,valor\n" + b"a,1.00\n" * 100_000)
    ended = pedidos("import", str(file), "--encoding", "latin-1", "--api", api.url)
    assert ended.status == 0
    assert "3 rows: 2 accepted, 1 rejected" in ended.out
    assert "line 3: valor 'x' is not an amount" in ended.out
    request = api.requests("/pedidos/import")[0]
    assert request.body == file.read_bytes()
    assert request.query == {"format": "csv", "filename": "orders.csv", "encoding": "latin-1"}
    assert request.headers["content-type"] == "text/csv"

    api.routes["POST /pedidos/import"] = (200, {"dryRun": True, "import": report})
    dry = pedidos("import", str(file), "--dry-run", "--json", "--api", api.url)
    assert dry.document["dryRun"] is True

    api.routes["POST /pedidos/import"] = (422, {"detail": "no row accepted", "import": report})
    nothing = pedidos("import", str(file), "--api", api.url)
    assert nothing.status == 2
    assert "line 3" in nothing.err


def test_files_that_can_not_be_imported(api: FakeApi, pedidos: Pedidos, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    (tmp_path / "orders.bin").write_text("x")
    for name, said in (
        ("absent.csv", "No such file"),
        ("empty.csv", "empty"),
        ("orders.bin", "--format"),
    ):
        ended = pedidos("import", str(tmp_path / name), "--api", api.url)
        assert ended.status == 2
        assert said in ended.err
    assert api.asked == []


def test_pause_resume_cancel_reset(api: FakeApi, pedidos: Pedidos) -> None:
    api.routes |= {
        "POST /pedidos/queue/pause": {"state": "paused"},
        "POST /pedidos/queue/resume": {"state": "running"},
        "POST /pedidos/cancel": {
            "cancelled": True,
            "runId": RUN,
            "cancelledJobs": 4,
            "deletedPending": 1000,
            "drained": True,
        },
        "POST /pedidos/reset": [
            (409, {"detail": "a run is active", "runId": RUN}),
            {"reset": True, "deletedOrders": 10, "deletedJobs": 2},
        ],
    }
    assert "paused" in pedidos("pause", "--api", api.url).out
    assert "running" in pedidos("resume", "--api", api.url).out
    cancelled = pedidos("cancel", "--no-purge", "--api", api.url)
    assert "1,000 pending orders deleted" in cancelled.out
    assert api.asked[-1].query == {"purge": "false", "removePending": "true", "resetLogs": "false"}
    assert pedidos("reset", "--api", api.url).status == 4
    forced = pedidos("reset", "--force", "--api", api.url, "--json")
    assert forced.document["deletedOrders"] == 10
    assert api.asked[-1].query == {"force": "true", "history": "false"}


def test_resume_of_a_run_follows_it(api: FakeApi, pedidos: Pedidos) -> None:
    a_run(api)
    api.routes[f"POST /pedidos/runs/{RUN}/resume"] = STARTED
    ended = pedidos("resume", "--run", RUN, "--api", api.url)
    assert ended.status == 0
    assert f"Run {RUN} goes on" in ended.out
    assert "DONE, 100 orders" in ended.out


def test_runs_lists_shows_and_compares(api: FakeApi, pedidos: Pedidos) -> None:
    other = RUN[:-1] + "9"
    differences = {"totalTimeMs": {"a": 6000, "b": 3000, "ratio": 0.5}}
    api.routes |= {
        "GET /pedidos/runs": {"items": [run("DONE"), run("ERROR")], "cursor": None},
        f"GET /pedidos/runs/{RUN}": run("DONE"),
        f"GET /pedidos/runs/{RUN}/compare/{other}": {"differences": differences},
    }
    listed = pedidos("runs", "--api", api.url).out
    assert listed.count(RUN) == 2
    shown = pedidos("runs", RUN, "--api", api.url).out
    assert "Time per phase" in shown
    assert f"`pedidos audit --run {RUN}`" in shown
    assert f"`pedidos dead --run {RUN}`" in shown  # one of its orders failed
    assert "0.50" in pedidos("runs", RUN, "--compare", other, "--api", api.url).out
    unknown = pedidos("runs", "nope", "--api", api.url)
    assert unknown.status == 2


def test_comparison_tells_seeds_apart_and_says_nothing_twice(
    api: FakeApi, pedidos: Pedidos
) -> None:
    seeds = {"a": 5707047755492120, "b": 7, "ratio": 0.0}
    differences = {"seed": seeds, "plan.seed": seeds, "plan.chunks": {"a": 5, "b": 6}}
    api.routes[f"GET /pedidos/runs/{RUN}/compare/{RUN}"] = {"differences": differences}
    shown = pedidos("runs", RUN, "--compare", RUN, "--api", api.url).out
    assert "5707047755492120" in shown
    assert "0.00" not in shown
    assert "plan.seed" not in shown
    assert "plan.chunks" in shown


def test_dead_lists_and_redrives(api: FakeApi, pedidos: Pedidos) -> None:
    order = {"id": RUN, "cliente": "[bold]x", "valor": "1.00", "attempts": 5, "error": "[no] stock"}
    job = {"id": f"{RUN}:vip:000001:00002", "function": "f", "deliveries": 3, "error": "lost"}
    api.routes |= {
        "GET /pedidos/dead": {
            "orders": {"items": [order], "cursor": "next"},
            "jobs": {"items": [job], "cursor": None},
        },
        "GET /pedidos/queue/jobs": {"items": [], "cursor": None},
        "POST /pedidos/dead/redrive": (202, {"orders": 1, "jobs": 1, "redriveJobs": []}),
    }
    listed = pedidos("dead", "--api", api.url).out
    assert "[bold]x" in listed
    assert "[no] stock" in listed
    assert "--cursor next" in listed
    sent = pedidos("dead", "--redrive", RUN, "--redrive", job["id"], "--api", api.url)
    assert sent.out == "Sent again: 1 order, 1 job.\n"
    assert json.loads(api.asked[-1].body) == {"orderIds": [RUN], "jobIds": [job["id"]]}
    pedidos("dead", "--redrive", "all", "--api", api.url)
    assert json.loads(api.asked[-1].body) == {"all": True}


def redriven(status: str, processed: int, failed: int) -> dict[str, Any]:
    return {"status": status, "result": {"processed": processed, "failed": failed}}


def test_a_redrive_is_followed_until_every_order_has_ended_again(
    api: FakeApi, pedidos: Pedidos, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redriving, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(redriving, "PLAIN_SECONDS", 0.0)

    def routes() -> dict[str, Any]:
        answer = {"orders": 300, "jobs": 0, "redriveJobs": ["redrive:a", "redrive:b"]}
        second: list[Any] = [redriven("retrying", 40, 0), (503, {}), redriven("succeeded", 90, 10)]
        return {
            "POST /pedidos/dead/redrive": (202, answer),
            "GET /pedidos/queue/status": {"state": "paused"},
            "GET /pedidos/queue/jobs/redrive:a": redriven("succeeded", 200, 0),
            "GET /pedidos/queue/jobs/redrive:b": second,
        }

    api.routes = routes()
    told = pedidos("dead", "--redrive", "all", "--api", api.url)
    assert told.status == 0
    assert (
        "1/2 batches have ended, 200 orders processado, 0 falhou; the queue is paused" in told.out
    )
    assert "Ended: 290 processado, 10 falhou. `pedidos dead` shows why." in told.out
    api.routes = routes()
    document = pedidos("dead", "--redrive", "all", "--api", api.url, "--json").document
    assert (document["orders"], document["processado"], document["falhou"]) == (300, 290, 10)
    api.asked.clear()
    at_once = pedidos("dead", "--redrive", "all", "--no-wait", "--api", api.url)
    assert "They are being tried" in at_once.out
    assert len(api.asked) == 1


def test_what_a_reset_removed_is_not_waited_for(api: FakeApi, pedidos: Pedidos) -> None:
    answer = {"orders": 5, "jobs": 0, "redriveJobs": ["redrive:a"]}
    api.routes["POST /pedidos/dead/redrive"] = (202, answer)
    told = pedidos("dead", "--redrive", "all", "--api", api.url)
    assert "Ended: 0 processado, 0 falhou. 5 orders not followed" in told.out


def test_while_orders_are_tried_again_it_is_not_said_that_nothing_is_dead(
    api: FakeApi, pedidos: Pedidos
) -> None:
    nothing: dict[str, Any] = {"items": [], "cursor": None}
    api.routes |= {
        "GET /pedidos/dead": {"orders": nothing, "jobs": nothing},
        "GET /pedidos/queue/jobs": [{"items": [{"id": "redrive:a"}]}, nothing],
    }
    assert "still being tried" in pedidos("dead", "--api", api.url).out
    assert pedidos("dead", "--api", api.url).out == "Nothing is dead.\n"


EVIL = "\x1b[31mEVIL\x9b2J\x07\rAna"
SHOWN = r"\x1b[31mEVIL\x9b2J\x07\x0dAna"


def test_control_characters_of_a_text_never_reach_the_terminal(
    api: FakeApi, pedidos: Pedidos
) -> None:
    order = {"id": RUN, "cliente": EVIL, "valor": "1.00", "attempts": 5, "error": EVIL}
    api.routes["GET /pedidos/dead"] = {"orders": {"items": [order]}, "jobs": {"items": []}}
    api.routes[f"GET /pedidos/runs/{RUN}"] = run("ERROR", error=EVIL)
    api.routes["GET /pedidos"] = status("ERROR", error=EVIL)
    api.routes["GET /pedidos/logs"] = {"lines": [{"event": EVIL, "level": EVIL}]}
    api.routes["POST /pedidos/queue/pause"] = (409, {"detail": EVIL})
    commands = (("dead",), ("runs", RUN), ("status",), ("logs",), ("pause",))
    for command in commands:
        for flag in ((), ("--json",)):
            ended = pedidos(*command, "--api", api.url, *flag)
            said = ended.out + ended.err
            assert not [c for c in said if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160], (
                command
            )
    assert r"\x1b[31mEVIL\x9b2J" in pedidos("status", "--api", api.url).out
    assert SHOWN in pedidos("pause", "--api", api.url).err


def test_erase_asks_first_and_says_how_much_named_the_customer(
    api: FakeApi, pedidos: Pedidos, monkeypatch: pytest.MonkeyPatch
) -> None:
    erased = {"orders": 1200, "checkouts": 3, "placedOrders": 2}
    api.routes["POST /pedidos/customers/erase"] = erased
    for answer in ("n\n", ""):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        refused = pedidos("erase", "Ana", "--api", api.url)
        assert (refused.status, "Nothing was erased" in refused.err) == (2, True)
    assert pedidos("erase", "Ana", "--api", api.url, "--json").status == 2
    assert api.asked == []
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    told = " ".join(pedidos("erase", "Ana", "--api", api.url).out.split())
    assert "1,200 orders of runs, 3 checkouts, 2 orders placed live named" in told
    ended = pedidos("erase", "Ana Maria", "--yes", "--api", api.url, "--json")
    assert ended.document == erased
    assert json.loads(api.asked[-1].body) == {"cliente": "Ana Maria"}
    api.routes["POST /pedidos/customers/erase"] = (409, {"detail": "an import holds rows"})
    held = pedidos("erase", "Ana", "--yes", "--api", api.url)
    assert (held.status, "an import holds rows" in held.err) == (4, True)


CSV = b'id,observacoes,status\r\n1,"two\nlines",processado\r\n2,plain,falhou\r\n'
NDJSON = b'{"id":"1","status":"processado"}\n{"id":"2","status":"falhou"}\n'


def an_export(api: FakeApi, data: bytes, **counts: int) -> None:
    """The API exports a run whose receipt has these counts."""
    counts = {"processed": 1, "failed": 1, "pending": 0, **counts}
    api.routes |= {
        f"GET /pedidos/runs/{RUN}/export": data,
        f"GET /pedidos/runs/{RUN}/receipt": {"runId": RUN, "phase": "DONE", "receipt": counts},
        "GET /pedidos": status("DONE"),
    }


@pytest.mark.parametrize(("kind", "data"), [("csv", CSV), ("ndjson", NDJSON)])
def test_export_writes_the_file_and_its_receipt(
    api: FakeApi, pedidos: Pedidos, tmp_path: Path, kind: str, data: bytes
) -> None:
    an_export(api, data)
    file = tmp_path / "out"
    ended = pedidos("export", "--format", kind, "--out", str(file), "--api", api.url, "--json")
    assert file.read_bytes() == data
    receipt = json.loads((tmp_path / "out.receipt.json").read_text())
    assert receipt == ended.document
    assert receipt["sha256"] == hashlib.sha256(data).hexdigest()
    assert (receipt["rows"], receipt["bytes"]) == (2, len(data))
    assert receipt["rowsByStatus"] == {"falhou": 1, "processado": 1}
    assert datetime.fromisoformat(receipt["exportedAt"]).tzinfo is not None
    assert receipt["receipt"]["receipt"]["processed"] == 1
    again = pedidos("export", RUN, "--out", str(file), "--api", api.url)
    assert (again.status, "--force" in again.err) == (2, True)
    lost = pedidos("export", "unknown", "--out", str(tmp_path / "b.csv"), "--api", api.url)
    assert lost.status == 2
    assert sorted(path.name for path in tmp_path.glob("*")) == ["out", "out.receipt.json"]


def test_export_that_contradicts_the_runs_receipt_fails(
    api: FakeApi, pedidos: Pedidos, tmp_path: Path
) -> None:
    an_export(api, CSV, pending=3)
    file = tmp_path / "out.csv"
    ended = pedidos("export", "--out", str(file), "--api", api.url)
    assert ended.status == 1
    assert "holds 2 orders (1 falhou, 1 processado)" in ended.err
    assert "says 5: 3 missing" in ended.err
    assert file.exists()
    assert json.loads((tmp_path / "out.csv.receipt.json").read_text())["rows"] == 2


def test_export_that_is_cut_off_fails(api: FakeApi, pedidos: Pedidos, tmp_path: Path) -> None:
    an_export(api, CSV[:-30])
    ended = pedidos("export", "--out", str(tmp_path / "out.csv"), "--api", api.url)
    assert ended.status == 1
    an_export(api, NDJSON[:-9])
    ended = pedidos("export", "--format", "ndjson", "--out", str(tmp_path / "o"), "--api", api.url)
    assert (ended.status, "no whole ndjson export" in ended.err) == (1, True)


def test_an_exported_file_is_verified_by_its_receipt(
    api: FakeApi, pedidos: Pedidos, tmp_path: Path
) -> None:
    an_export(api, CSV)
    file = tmp_path / "out.csv"
    assert pedidos("export", "--out", str(file), "--api", api.url).status == 0
    well = pedidos("export", "--verify", str(file))
    assert (well.status, "2 orders" in well.out) == (0, True)
    assert pedidos("export", "--verify", str(file), "--json").document["ok"] is True
    file.write_bytes(CSV.replace(b"falhou", b"processado"))
    spoilt = pedidos("export", "--verify", str(file))
    assert spoilt.status == 1
    assert "sha256 is" in spoilt.err
    assert "rowsByStatus" in spoilt.err
    (tmp_path / "out.csv.receipt.json").unlink()
    bare = pedidos("export", "--verify", str(file))
    assert (bare.status, "out.csv.receipt.json" in bare.err) == (2, True)


def test_logs_are_readable_and_filtered(api: FakeApi, pedidos: Pedidos) -> None:
    line = {"timestamp": "T1", "level": "error", "service": "worker", "event": "batch_failed"}
    api.routes["GET /pedidos/logs"] = {"lines": [{**line, "run_id": RUN, "left": 3}]}
    ended = pedidos("logs", "--lines", "5", "--level", "error", "--api", api.url)
    assert ended.out == f"T1 error   worker batch_failed run_id={RUN} left=3\n"
    assert api.asked[-1].query == {"lines": "5", "level": "error"}


def test_audit_without_an_address_says_what_is_missing(pedidos: Pedidos) -> None:
    ended = pedidos("audit")
    assert ended.status == 2
    assert "--mongo-uri" in ended.err
    assert "its address is not known" in ended.err


def test_audit_of_a_server_that_is_away(pedidos: Pedidos, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pedidos_cli.audit.audit.SERVER_SELECTION_MS", 50)
    ended = pedidos("audit", "--mongo-uri", "mongodb://127.0.0.1:9")
    assert ended.status == 1
    assert "could not read MongoDB" in ended.err


def test_an_unexpected_error_is_no_traceback(
    api: FakeApi, pedidos: Pedidos, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_request: Asked) -> Any:
        return {"items": 3}

    api.routes["GET /pedidos/runs"] = broken
    ended = pedidos("runs", "--api", api.url)
    assert ended.status == 1
    assert "PEDIDOS_DEBUG=1" in ended.err
    assert "Traceback" not in ended.err


def test_every_command_takes_json(pedidos: Pedidos) -> None:
    listed = pedidos("--help").out
    names = [line.split()[0] for line in listed.partition("Commands:")[2].splitlines() if line]
    assert len(names) == 21
    groups = {
        "checkout": ("seed", "place", "pay", "status", "watch", "orders"),
        "keys": ("new",),
        "queues": ("", "pause", "resume", "drain", "dead", "redrive"),
        "sandbox": ("faults", "ledger", "reset"),
    }
    commands = [(name, part) for name in names for part in groups.get(name, ("",))]
    for command in commands:
        assert "--json" in pedidos(*filter(None, command), "--help").out, command
    assert demo.__doc__
