"""`make mutants`: take one guard away at a time, and show which test goes red.

Each mutant is a change of a few characters in a copy of the tree; the tests named with it run
there and must fail. One that they let pass is a finding, and so is one whose text has moved.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import Mutant

REPOSITORY = Path(__file__).parents[2]
PARTS = ("libs", "services", "tests", "pyproject.toml")
SECONDS_EACH = 300
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant; `killers` has the first test that went red of each group."""

    mutant: Mutant
    killers: tuple[str | None, ...]
    seconds: float

    @property
    def survived(self) -> bool:
        """Whether a group of tests, that must notice it, did not."""
        return None in self.killers

    @property
    def fate(self) -> str:
        """What became of it, for people."""
        by = " and ".join(killer for killer in self.killers if killer)
        if not self.survived:
            return f"killed by {by}"
        blind = [group for group, k in zip(self.mutant.groups, self.killers, strict=True) if not k]
        return f"SURVIVED {' and '.join(', '.join(group) for group in blind)}"


def main(arguments: list[str] | None = None) -> int:
    """Try the mutants; 1 when one survives."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these mutants")
    wanted = set(parser.parse_args(arguments).names)
    chosen = [mutant for mutant in MUTANTS if not wanted or mutant.name in wanted]
    if unknown := wanted - {mutant.name for mutant in MUTANTS}:
        parser.error(f"no such mutant: {', '.join(sorted(unknown))}")
    survivors = 0
    for verdict in _tried(chosen):
        survivors += verdict.survived
        print(f"{verdict.mutant.name:36} {verdict.seconds:5.1f} s  {verdict.fate}", flush=True)
    print(f"{len(chosen)} guards taken away, {len(chosen) - survivors} noticed")
    return 1 if survivors else 0


def _tried(mutants: list[Mutant]) -> Iterator[Verdict]:
    with tempfile.TemporaryDirectory(prefix="pedidos-mutants-") as folder:
        tree = Path(folder)
        for part in PARTS:
            _copy(REPOSITORY / part, tree / part)
        for mutant in mutants:
            yield _try(mutant, tree)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    else:
        shutil.copy(source, target)


def _try(mutant: Mutant, tree: Path) -> Verdict:
    file = tree / mutant.path
    whole = file.read_text("utf-8")
    if whole.count(mutant.before) != 1:
        raise SystemExit(
            f"{mutant.name}: its text stands {whole.count(mutant.before)} times in {mutant.path}, "
            "not once: write it anew in tests/mutants/catalogue.py"
        )
    started = time.monotonic()
    try:
        file.write_text(whole.replace(mutant.before, mutant.after), "utf-8")
        killers = tuple(_killer(mutant, group, tree) for group in mutant.groups)
    finally:
        file.write_text(whole, "utf-8")
    return Verdict(mutant, killers, time.monotonic() - started)


def _killer(mutant: Mutant, group: tuple[str, ...], tree: Path) -> str | None:
    try:
        ended = _run(group, tree)
    except subprocess.TimeoutExpired:
        return f"{group[0]}, which came to no end in {SECONDS_EACH} s"
    failed = FAILED.search(ended.stdout)
    if ended.returncode not in {0, 1} or (ended.returncode == 1 and failed is None):
        raise SystemExit(f"{mutant.name}: its tests did not run:\n{ended.stdout[-3000:]}")
    return failed.group(1) if failed else None


def _run(group: tuple[str, ...], tree: Path) -> subprocess.CompletedProcess[str]:
    sources = [
        str(path) for path in sorted([*tree.glob("libs/*/src"), *tree.glob("services/*/src")])
    ]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([*sources, str(tree)])}
    environ["PYTHONDONTWRITEBYTECODE"] = "1"
    environ["MUTANTS"] = "1"  # that something breaks is enough: its smallest example is not sought
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n0", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, "--tb=no", "-m", "not slow", *group],
        cwd=tree,
        env=environ,
        capture_output=True,
        text=True,
        timeout=SECONDS_EACH,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main())
