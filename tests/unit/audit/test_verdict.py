"""What an audit says, on a screen and as JSON."""

from __future__ import annotations

import json
from io import StringIO

from rich.console import Console

from pedidos_cli.audit import AuditVerdict, Check

GOOD = Check("one", "All there", "3", "3", passed=True)
BAD = Check("two", "In order [by clock]", "yes", "no", passed=False)


def rendered(verdict: AuditVerdict) -> str:
    console = Console(file=StringIO(), width=120)
    verdict.render(console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_one_wrong_check_fails_the_audit() -> None:
    assert AuditVerdict("r", "DONE", (GOOD,)).passed
    verdict = AuditVerdict("r", "DONE", (GOOD, BAD))
    assert not verdict.passed
    assert verdict.failed == ("two",)


def test_table_numbers_every_check_and_ends_in_the_verdict() -> None:
    lines = rendered(AuditVerdict("r", "DONE", (GOOD, BAD)))
    assert "In order [by clock]" in lines
    assert "WRONG" in lines
    assert lines.rstrip().endswith("Audit FAILED: 1 of 2 checks are wrong.")
    assert "Audit passed: 1 of 1 checks." in rendered(AuditVerdict("r", "DONE", (GOOD,)))


def test_json_holds_every_check() -> None:
    verdict = json.loads(json.dumps(AuditVerdict("r", "DONE", (GOOD, BAD)).to_json()))
    assert (verdict["runId"], verdict["passed"]) == ("r", False)
    assert [check["number"] for check in verdict["checks"]] == [1, 2]
    assert verdict["checks"][1]["key"] == "two"
