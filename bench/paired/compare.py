"""`make bench-compare`: a result of this machine beside the committed one.

    .venv/bin/python -m bench.paired.compare [FILE] [--against REVISION]

Runs nothing: `make bench && make bench-compare` measures first. What is compared are the ratio and
the CPU seconds per 100,000 orders, which noise moves least; each figure has a spread over its
rounds, and is worse where each of the two medians lies outside of the other's spread. Ends with 1
where one is worse, with 2 where there is nothing to compare.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from bench.command_line import wide_console
from bench.page.tables import worded
from bench.paired.report import told
from bench.results import FOLDER, Result, parsed

GIT_SECONDS = 30.0
# The kernel counts CPU in hundredths of a second: less than this is no difference.
LEAST_DIFFERENCE = 0.005
FEW_ROUNDS = 3
MIN_WIDTH = 130
Spread = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure in both results; the lower the better."""

    name: str
    before: Spread
    now: Spread
    judged: bool

    @property
    def verdict(self) -> str:
        """`worse` or `better` where the difference is beyond both spreads, else `same`."""
        if self._beyond(self.now, self.before):
            return "worse"
        return "better" if self._beyond(self.before, self.now) else "same"

    @staticmethod
    def _beyond(larger: Spread, smaller: Spread) -> bool:
        return (
            larger["median"] > smaller["max"] + LEAST_DIFFERENCE
            and larger["min"] > smaller["median"] + LEAST_DIFFERENCE
        )


def compared(before: Result, now: Result) -> Iterator[Comparison]:
    """Every figure of both summaries that has a spread.

    The bare loop's own figures and times on the clock tell of the machine: they are not judged.
    """
    for name, figure in now.summary.items():
        other = before.summary.get(name)
        if isinstance(figure, Mapping) and isinstance(other, Mapping):
            yield Comparison(name, other, figure, _is_judged(name))


def _is_judged(name: str) -> bool:
    costs = name.endswith("cpu_seconds_per_100k") and not name.startswith("bare_")
    return costs or name == "ratio"


def differences(before: Result, now: Result) -> Iterator[str]:
    """What makes a comparison of the two doubtful."""
    for when, result in (("former", before), ("present", now)):
        rounds = result.summary.get("rounds", FEW_ROUNDS)
        if rounds < FEW_ROUNDS:
            yield f"the {when} result has {rounds} rounds, whose spread says little"
    for what, one, other in (
        ("machine", before.machine, now.machine),
        ("settings", before.settings, now.settings),
        ("versions", before.versions, now.versions),
    ):
        for name in sorted({*one, *other}):
            if one.get(name) != other.get(name):
                yield f"{what}: {name} was {one.get(name)}, is {other.get(name)}"


def main(arguments: list[str] | None = None) -> int:
    """Print the comparison; 1 where a figure is worse, 2 where there is nothing to compare."""
    options = _options(arguments)
    console = wide_console(MIN_WIDTH)
    try:
        now = parsed(options.file.read_text(encoding="utf-8"))
        before = committed(now.section, options.against)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        console.print(f"Nothing to compare: {error}")
        console.print("`make bench` measures the present; the former is what git has.")
        return 2
    found = list(compared(before, now))
    console.print(_table(found, before, now, options.against))
    for line in differences(before, now):
        console.print(f"Beware: {line}", highlight=False)
    worse = [worded(one.name) for one in found if one.judged and one.verdict == "worse"]
    if worse:
        console.print(f"WORSE, beyond both spreads: {', '.join(worse)}")
    elif not any(one.judged for one in found):
        console.print("Nothing to compare: the results have no ratio or CPU figure in common.")
        return 2
    else:
        console.print("No ratio and no CPU figure got worse beyond the spreads of their rounds.")
    return 1 if worse else 0


def committed(section: str, revision: str) -> Result:
    """The section's result as git has it.

    Raises:
        ValueError: when git does not have it, or it is none.
        subprocess.SubprocessError: when git does not answer in time.
    """
    # `./` is from where git stands, and that is the folder of `bench`.
    command = ["git", "show", f"{revision}:./results/{section}.json"]
    shown = subprocess.run(
        command,
        cwd=FOLDER.parent,
        capture_output=True,
        text=True,
        timeout=GIT_SECONDS,
        check=False,
    )
    if shown.returncode:
        raise ValueError(f"git has no such result: {shown.stderr.strip()}")
    return parsed(shown.stdout)


def _table(found: list[Comparison], before: Result, now: Result, revision: str) -> Table:
    table = Table(title=f"{now.section}: medians (least to largest)", title_justify="left")
    table.add_column("", no_wrap=True)
    for name in (f"{revision}, {before.at[:16]}", f"now, {now.at[:16]}", "change", ""):
        table.add_column(name, justify="right")
    for one in found:
        digits = 3 if "cpu_seconds" in one.name else 2
        was, now_is = one.before["median"], one.now["median"]
        change = f"{100 * (now_is / was - 1):+.1f}%" if was > 0 else "?"
        verdict = one.verdict if one.judged else f"({one.verdict})"
        table.add_row(
            worded(one.name), told(one.before, digits), told(one.now, digits), change, verdict
        )
    return table


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.paired.compare", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=FOLDER / "pipeline.json")
    parser.add_argument("--against", default="HEAD", help="git revision of the other result")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
