"""Rules say what they should, their cases hold, and each alert has its page."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import typer

from deploy.write import RULES
from tests.monitoring.rules import CASES, PAGES, alerts, program, rules

SECTIONS = ("What it means", "What it costs", "How to look", "What to do", "When it clears")
LONGEST = 100


# One thread and little garbage collection: it costs a third less processor time.
THRIFTY = {"GOMAXPROCS": "1", "GOGC": "400"}


def test_every_rule_is_valid() -> None:
    promtool("check", "rules", *sorted(RULES.glob("*.yml")))


@pytest.mark.parametrize("cases", sorted(CASES.glob("*.yml")), ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_only_then(cases: Path) -> None:
    promtool("test", "rules", cases)


def promtool(*arguments: str | Path) -> None:
    """It finds nothing wrong."""
    said = subprocess.run(
        [program("promtool"), *map(str, arguments)],
        env=os.environ | THRIFTY,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr


def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    text = "".join(path.read_text("utf-8") for path in CASES.glob("*.yml"))
    cases = re.split(r"\n +- expr: ", text)
    for name in {rule["alert"] for rule in alerts()}:
        asked = [case for case in cases if re.search(rf"\b{name}\b", case.split("\n")[0])]
        fires = [case for case in asked if re.search(rf'ALERTS\{{alertname="{name}"', case)]
        quiet = [case for case in asked if "exp_samples" not in case]
        assert any('alertstate="firing", severity' in case for case in fires), name
        assert quiet, name


def test_each_window_of_a_budget_has_a_case_in_which_it_fires() -> None:
    text = (CASES / "budget.yml").read_text("utf-8")
    for rule in alerts():
        if "window" in rule["labels"]:
            severity, window = rule["labels"]["severity"], rule["labels"]["window"]
            labels = f'severity="{severity}", window="{window}"'
            assert f'{{alertname="{rule["alert"]}", alertstate="firing", {labels}}}' in text, rule


def test_each_alert_says_what_is_wrong_what_to_do_and_where_to_read_on() -> None:
    for rule in alerts():
        assert rule["labels"]["severity"] in {"critical", "warning"}, rule
        said = rule["annotations"]
        assert said.keys() == {"summary", "description", "runbook_url"}, rule
        assert 0 < len(said["summary"]) < LONGEST, rule
        assert len(said["description"]) > len(said["summary"]), rule
        assert said["runbook_url"].endswith(f"docs/runbooks/{rule['alert']}.md"), rule


def test_each_alert_has_its_page_and_each_page_its_alert() -> None:
    pages = {path.stem for path in PAGES.glob("Pedidos*.md")}
    assert pages == {rule["alert"] for rule in alerts()}


@pytest.mark.parametrize("page", sorted(PAGES.glob("Pedidos*.md")), ids=lambda path: path.stem)
def test_a_page_has_all_parts_and_names_a_command(page: Path) -> None:
    text = page.read_text("utf-8")
    assert text.startswith(f"# {page.stem}\n")
    assert tuple(re.findall(r"^## (.+)$", text, re.MULTILINE)) == SECTIONS
    severities = {rule["labels"]["severity"] for rule in alerts() if rule["alert"] == page.stem}
    assert re.findall(r"^Severity: (.+)$", text, re.MULTILINE) == [" or ".join(sorted(severities))]
    assert commands(text)


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda path: path.stem)
def test_pages_name_commands_and_options_that_exist(page: Path) -> None:
    for words in commands(page.read_text("utf-8")):
        assert_exists(words)


@pytest.mark.parametrize("wrong", ["resume --all", "restart", "keys old", "logs --tail"])
def test_what_does_not_exist_is_noticed(wrong: str) -> None:
    with pytest.raises(AssertionError):
        assert_exists(wrong.split())


def commands(text: str) -> list[list[str]]:
    """What a page tells to do with `pedidos`, in its lines for a shell and in its sentences."""
    told = re.findall(r"^\$ pedidos ([^#\n]+)|`pedidos ([^`]+)`", text, re.MULTILINE)
    return [shlex.split(shell or sentence) for shell, sentence in told]


def assert_exists(words: Sequence[str]) -> None:
    """This command with these options, `keys new` and its like too."""
    from pedidos_cli.main import APP

    command = typer.main.get_command(APP)
    for word in words:
        under = getattr(command, "commands", {})
        if word.startswith("-"):
            options = {name for one in command.params for name in one.opts + one.secondary_opts}
            assert word.partition("=")[0] in options, (words, word)
        elif under:
            assert word in under, (words, word)
            command = under[word]


def test_the_list_of_pages_has_them_all() -> None:
    linked = re.findall(r"\]\((Pedidos\w+)\.md\)", (PAGES / "README.md").read_text("utf-8"))
    assert sorted(linked) == sorted({rule["alert"] for rule in alerts()})


def test_names_of_recorded_series_are_told_from_exported_ones() -> None:
    for rule in rules():
        if "record" in rule:
            assert rule["record"].startswith("pedidos:"), rule
