"""What an audit says, on a screen and as JSON."""

from __future__ import annotations

import json
from io import StringIO

from rich.console import Console

from pedidos_cli.audit import AuditVerdict, Check

GOOD = Check("one", "All there", "3", "3", passed=True)
GONE = GOOD.unchecked("removed by retention")
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


def test_what_is_not_checkable_is_no_pass_and_no_fault() -> None:
    verdict = AuditVerdict("r", "DONE", (GOOD, GONE))
    assert (verdict.passed, verdict.failed, verdict.unchecked) == (True, (), ("one",))
    assert "Audit passed: 1 checks passed, 1 not checkable." in rendered(verdict)
    assert verdict.to_json()["checks"][1]["passed"] is None


def test_an_audit_in_which_nothing_can_be_checked_does_not_pass() -> None:
    verdict = AuditVerdict("r", "DONE", (GONE,))
    assert not verdict.passed
    assert "Nothing to audit of run r: removed by retention: not checkable." in rendered(verdict)


def test_a_wrong_check_fails_whatever_else_is_gone() -> None:
    verdict = AuditVerdict("r", "DONE", (GOOD, BAD, GONE))
    assert not verdict.passed
    assert "FAILED: 1 of 3 checks are wrong, 1 not checkable." in rendered(verdict)
