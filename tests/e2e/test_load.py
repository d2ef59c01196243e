"""The compose profile `load`: its program, on a stack."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.e2e.stack import Stack

PROGRAM = Path(__file__).parents[2] / "deploy" / "compose" / "load.py"
LONGEST_SECONDS = 60


def load(api: str, runs: int, quantity: int) -> subprocess.CompletedProcess[str]:
    told = {"API": api.rstrip("/"), "LOAD_RUNS": str(runs), "LOAD_QUANTITY": str(quantity)}
    environ = {name: value for name, value in os.environ.items() if name != "API_KEY"}
    return subprocess.run(
        [sys.executable, str(PROGRAM)],
        env={**environ, **told},
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )


def test_it_takes_its_runs_and_says_how_each_went(stack: Stack) -> None:
    done = load(str(stack.http.base_url), runs=2, quantity=500)
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = done.stdout.splitlines()
    assert first.startswith("run 1 of 2: DONE after ")
    assert "500 processed, 0 failed" in second


def test_it_says_what_the_api_refused(stack: Stack) -> None:
    done = load(str(stack.http.base_url), runs=1, quantity=10**12)
    assert done.returncode == 2
    assert "refused with 422" in done.stdout
