"""`make bench-page`: all results of the bench as one page, `bench/results/index.html`.

    .venv/bin/python -m bench.page [--results FOLDER]

Self-contained: styles and plots are in the file, nothing comes from the network. Beside each
figure stand the command that gives it, its date, the machine and the versions.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import cast

from matplotlib.figure import Figure

from bench.page.svg import inline_svg, styled
from bench.page.tables import tables_of, told
from bench.results import FOLDER, Result, load

PAGE = "index.html"
CSS = Path(__file__).with_name("page.css")
# The sections in the page's order, with their headings; others that have a result follow. A
# section's plots are in `bench/page/plots/<section>.py`, where there are any.
SECTIONS = {
    "pipeline": "The pipeline beside a bare driver loop",
    "scaling": "From 10 thousand to 10 million orders",
    "memory_over_time": "Memory while the large runs went on",
    "batch_sizes": "Orders a job",
    "workers": "Numbers of processes",
    "one_job_an_order": "A job for each order, beside batches",
    "arq": "Beside a plain arq worker, one job an order",
    "latency": "Latency",
    "layouts": "Storage layouts, indexes and write concerns",
    "capacity": "Capacity: the model and what was measured",
    "load": "Checkouts that arrive by the clock, alone and beside runs",
    "load_classes": "VIPs and others when more checkouts come than can be done",
    "load_capacity": "What a checkout costs",
    "observability": "What metrics and traces cost",
}
Plots = Callable[[Result], Iterator[tuple[str, Figure]]]


def main(arguments: list[str] | None = None) -> int:
    """Write the page; 1 where there is no result, or a section could not be drawn."""
    options = _options(arguments)
    results = list(results_in(options.results))
    if not results:
        print(f"No results in {options.results}: `make bench` measures the first.")
        return 1
    problems: list[str] = []
    path = options.results / PAGE
    path.write_text(page_of(results, problems), encoding="utf-8")
    print(f"Written: {path} ({', '.join(result.section for result in results)})")
    for problem in problems:
        print(f"NOT DRAWN: {problem}")
    return 1 if problems else 0


def results_in(folder: Path) -> Iterator[Result]:
    """All results of a folder, in the page's order."""
    there = {path.stem for path in folder.glob("*.json")}
    for section in (*SECTIONS, *sorted(there - SECTIONS.keys())):
        if section in there and (result := load(section, folder)):
            yield result


def page_of(results: list[Result], problems: list[str]) -> str:
    """The whole page; what could not be drawn is said in it and added to `problems`."""
    links = "".join(
        f'<li><a href="#{escape(one.section)}">{escape(heading(one.section))}</a></li>'
        for one in results
    )
    sections = "\n".join(_section(result, problems) for result in results)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Pedidos: measured</title>
<style>
{CSS.read_text(encoding="utf-8")}</style>
</head>
<body>
<header>
<h1>Pedidos: measured</h1>
<p>Figures in brackets are the least and the largest of the rounds. “per 100k” is per 100,000
orders.</p>
<nav aria-label="Sections"><ul>{links}</ul></nav>
</header>
<main>
{sections}
</main>
</body>
</html>
"""


def heading(section: str) -> str:
    """A section's heading; one that the page does not know has its name."""
    return SECTIONS.get(section, section.replace("-", " "))


def _section(result: Result, problems: list[str]) -> str:
    name = escape(result.section)
    parts = [f'<section id="{name}" aria-labelledby="{name}-heading">']
    parts.append(f'<h2 id="{name}-heading">{escape(heading(result.section))}</h2>')
    parts.append(_origin(result, "p"))
    if result.settings:
        parts.append(f'<p class="origin">Settings: {escape(told(result.settings))}</p>')
    tables = list(tables_of(result))
    parts += [*tables[:1], *_drawn(result, problems), *tables[1:], "</section>"]
    return "\n".join(parts)


def _drawn(result: Result, problems: list[str]) -> Iterator[str]:
    """A section whose plots fail keeps its tables, and the page its other sections."""
    try:
        with styled():
            for number, (caption, figure) in enumerate(_plots(result)(result)):
                svg = inline_svg(figure, f"{result.section}-{number}", caption)
                yield (
                    f"<figure>\n{svg}\n<figcaption>{escape(caption)}<br>"
                    f"{_origin(result, 'span')}</figcaption>\n</figure>"
                )
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        problem = f"{result.section}: {type(error).__name__}: {error}"
        problems.append(problem)
        yield f'<p class="problem">Its plots could not be drawn: {escape(problem)}</p>'


def _plots(result: Result) -> Plots:
    module = f"bench.page.plots.{result.section}"
    if not result.section.isidentifier() or importlib.util.find_spec(module) is None:
        return lambda _: iter(())
    return cast("Plots", importlib.import_module(module).figures)


def _origin(result: Result, element: str) -> str:
    """Command, date, machine and versions."""
    versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    told_of = f"{result.at}; {_machine(result.machine)}; {versions}"
    return (
        f'<{element} class="origin"><code>{escape(result.command)}</code>; '
        f"{escape(told_of)}</{element}>"
    )


def _machine(machine: Mapping[str, object]) -> str:
    return f"{machine['system']}, {machine['cores']} cores, {machine['memory_gib']} GiB of memory"


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.page", description=__doc__)
    parser.add_argument("--results", type=Path, default=FOLDER, help="folder of the results")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
