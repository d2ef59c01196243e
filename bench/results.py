"""Results of benches as files: one JSON a section, with the machine and the versions it ran on.

`bench/results/<section>.json` holds what one command measured. The page and the comparison read
these files and nothing else.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

FOLDER = Path(__file__).parent / "results"
PACKAGES = ("pymongo", "redis", "arq", "fastapi")


@dataclass(frozen=True, slots=True)
class Result:
    """What one section of the bench measured.

    `rows` are flat, one for each thing that was measured; units stand in their names
    (`cpu_seconds_per_100k`). `summary` are the few figures that a promise or a comparison is about.
    """

    section: str
    command: str
    at: str
    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    settings: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]
    summary: Mapping[str, Any] = field(default_factory=dict)


def result_of(
    section: str,
    command: str,
    settings: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    summary: Mapping[str, Any],
    servers: Mapping[str, str],
) -> Result:
    """A result of now and here; `servers` are the servers' versions by name."""
    return Result(
        section=section,
        command=command,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=machine(),
        versions={
            "python": platform.python_version(),
            **servers,
            **{name: version(name) for name in PACKAGES},
        },
        settings=settings,
        rows=rows,
        summary=summary,
    )


def machine() -> dict[str, Any]:
    """What the figures depend on, without anything that names the machine."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / (1 << 30)),
    }


def save(result: Result, folder: Path = FOLDER) -> Path:
    """Write the section's file, in place of an earlier one; where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.section}.json"
    path.write_text(json.dumps(asdict(result), indent=1) + "\n", encoding="utf-8")
    return path


def load(section: str, folder: Path = FOLDER) -> Result | None:
    """The section's last result; None where it was never measured."""
    path = folder / f"{section}.json"
    return parsed(path.read_text(encoding="utf-8")) if path.exists() else None


def parsed(text: str) -> Result:
    """The result that a file holds.

    Raises:
        ValueError: when this is no JSON, or not a result's.
    """
    try:
        return Result(**json.loads(text))
    except TypeError as error:
        raise ValueError(f"no result of a bench: {error}") from None
