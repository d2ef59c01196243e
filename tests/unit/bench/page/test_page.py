"""The page of all results."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bench.page import __main__ as page
from bench.page.tables import told, worded
from bench.paired.figures import rows_of, summary_of
from bench.results import Result, result_of, save
from tests.unit.bench.paired.rounds import QUANTITY, a_round


class Tags(HTMLParser):
    """Every tag's name and attributes; what is left open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def pipeline_result() -> Result:
    rounds = [a_round(), a_round()]
    settings = {"quantity": QUANTITY, "prebuilt": False}
    rows = list(rows_of(rounds))
    summary = summary_of(rounds, 2.0)
    return result_of(
        "pipeline", "python -m bench.paired", settings, rows, summary, {"mongod": "6.0"}
    )


@pytest.fixture(scope="module")
def result() -> Result:
    return pipeline_result()


@pytest.fixture(scope="module")
def text(result: Result) -> str:
    """A page without problems; drawing takes its time, so the tests share it."""
    problems: list[str] = []
    page_text = page.page_of([result], problems)
    assert problems == []
    return page_text


def test_the_page_stands_alone_and_tells_where_each_figure_is_from(text: str) -> None:
    tags = Tags(text)
    assert tags.open == []
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in tags.seen}
    addresses = [
        v for _, attrs in tags.seen for n, v in attrs.items() if n in {"href", "src", "xlink:href"}
    ]
    assert all(address and address.startswith("#") for address in addresses)
    captions = re.findall(r"<figcaption>.*?</figcaption>", text, re.DOTALL)
    assert len(captions) == 4
    assert all("python -m bench.paired" in c and "mongod 6.0" in c for c in captions)


def test_ids_are_unique_and_every_reference_meets_one(text: str) -> None:
    ids = Counter(attrs["id"] for _, attrs in Tags(text).seen if "id" in attrs)
    wanted = set(re.findall(r'(?:url\(|href=")#([^")]+)', text))
    assert [name for name, times in ids.items() if times > 1] == []
    assert wanted <= ids.keys()


def test_plots_take_the_pages_colour_of_text_and_have_an_alternative_text(text: str) -> None:
    images = [attrs for tag, attrs in Tags(text).seen if tag == "svg"]
    assert len(images) == 4
    assert all(image["role"] == "img" and image["aria-label"] for image in images)
    assert "currentColor" in text
    assert "#000000" not in text
    assert "#010203" not in text


def test_the_same_results_give_the_same_page(result: Result, text: str) -> None:
    assert page.page_of([result], []) == text


def test_a_section_without_plots_has_its_tables_and_texts_are_escaped() -> None:
    rows = [{"who": "<b>", "took_ms": 3.14159, "cpu_seconds_per_100k": None}]
    other = replace(pipeline_result(), section="some-other", rows=rows, summary={})

    text = page.page_of([other], [])

    assert "&lt;b&gt;" in text
    assert "<td>3.14</td>" in text
    assert "CPU s per 100k" in text
    assert "<svg" not in text


def test_a_section_whose_plots_fail_keeps_its_tables_and_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(replace(pipeline_result(), rows=[{"kind": "round"}]), tmp_path)

    assert page.main(["--results", str(tmp_path)]) == 1

    assert "NOT DRAWN: pipeline: " in capsys.readouterr().out
    assert "could not be drawn" in (tmp_path / page.PAGE).read_text(encoding="utf-8")


def test_sections_come_in_the_pages_order_and_others_after_them(tmp_path: Path) -> None:
    for section in ("zebra", "capacity", "apple", "pipeline"):
        save(replace(pipeline_result(), section=section), tmp_path)

    found = [result.section for result in page.results_in(tmp_path)]
    assert found == ["pipeline", "capacity", "apple", "zebra"]


def test_values_are_told_for_people() -> None:
    assert told({"median": 1.256, "min": 1.2, "max": 1.31}) == "1.26 (1.2 to 1.31)"
    assert told({"quantity": 1_000_000, "prebuilt": False}) == "quantity: 1,000,000, prebuilt: no"
    assert told(None) == "\N{EN DASH}"
    assert told(12_345.6) == "12,346"
    assert worded("client_difference_cpu_seconds_per_100k") == "client difference CPU s per 100k"
