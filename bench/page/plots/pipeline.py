"""Plots of the pipeline beside the bare loop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.page.plots import cost_bars
from bench.paired.bare_loop import STAGES
from bench.promises import PROCESS_PEAK_MIB, RATIO
from bench.results import Result

WIDTH, HEIGHT = cost_bars.WIDTH, cost_bars.HEIGHT
ABOVE: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "columnspacing": 1.2}
ROLES = ("mongod", "generator", "worker", "bare loop", "orchestrator", "redis")
COLOURS = {**cost_bars.COLOURS, "bare loop": "#9c5fd6"}
CPU_CAPTION = (
    "CPU seconds per 100,000 orders by stage and process, pipeline and bare loop: medians of the "
    "rounds. Workers take VIP batches while generators still write, so “generate” has some of "
    "that work."
)
MEMORY_CAPTION = (
    f"Resident memory of every process during the last round. The limit of a process is "
    f"{PROCESS_PEAK_MIB:.0f} MiB; mongod is not shown, its cache is a setting."
)
Rows = Sequence[Mapping[str, Any]]


def figures(result: Result) -> Iterator[tuple[str, Figure]]:
    """Seconds in pairs, the ratio by round, CPU by process, and memory over time."""
    rounds = [row for row in result.rows if row["kind"] == "round"]
    yield _seconds(rounds, result)
    yield _ratios(rounds)
    yield _cpu([row for row in result.rows if row["kind"] == "cpu"], len(rounds))
    memory = [row for row in result.rows if row["kind"] == "memory"]
    if memory:
        yield _memory(memory)


def _axes(height: float = HEIGHT) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.add_subplot()


def _seconds(rounds: Rows, result: Result) -> tuple[str, Figure]:
    figure, axes = _axes()
    for name, offset, colour in (
        ("pipeline", -0.2, COLOURS["generator"]),
        ("bare", 0.2, COLOURS["bare loop"]),
    ):
        seconds = [row[f"{name}_seconds"] for row in rounds]
        at = [row["round"] + offset for row in rounds]
        label = "bare loop" if name == "bare" else name
        bars = axes.bar(at, seconds, 0.36, label=label, color=colour)
        axes.bar_label(bars, fmt="%.1f", padding=2, fontsize=8)
    axes.set(xlabel="round", ylabel="seconds from start to end")
    axes.set_xticks([row["round"] for row in rounds])
    axes.legend(ncols=2, **ABOVE)
    quantity = result.settings["quantity"]
    return f"Seconds for {quantity:,} orders, pipeline and bare loop, round by round", figure


def _ratios(rounds: Rows) -> tuple[str, Figure]:
    figure, axes = _axes()
    ratios = [row["ratio"] for row in rounds]
    middle = median(ratios)
    for first, marker in (("pipeline", "o"), ("bare loop", "s")):
        of = [row for row in rounds if row["first"] == first]
        axes.plot(
            [row["round"] for row in of],
            [row["ratio"] for row in of],
            marker,
            markersize=8,
            color=COLOURS["generator" if first == "pipeline" else "bare loop"],
            label=f"{first} went first",
        )
    axes.axhline(RATIO, color=COLOURS["redis"], linestyle="--", label=f"limit {RATIO}")
    axes.axhline(middle, color=COLOURS["mongod"], linestyle=":", label=f"median {middle:.2f}")
    axes.set(xlabel="round", ylabel="pipeline / bare loop")
    axes.set_xticks([row["round"] for row in rounds])
    axes.set_ylim(min(1.0, *ratios) - 0.05, max(*ratios, RATIO) + 0.05)
    axes.legend(ncols=4, **ABOVE)
    reach = f"{min(ratios):.2f} to {max(ratios):.2f}"
    return f"Ratio of each pair: median {middle:.2f}, {reach}; the limit is {RATIO}", figure


def cpu_by_role(rows: Rows, rounds: int) -> dict[tuple[str, str], dict[str, float]]:
    """CPU seconds per 100,000 orders by (loop, stage) and role, medians of the rounds."""
    sums: dict[tuple[str, str], dict[str, dict[int, float]]] = {}
    for row in rows:
        role = next((role for role in ROLES if row["process"].startswith(role)), None)
        if role is None:
            continue
        by_round = sums.setdefault((row["loop"], row["stage"]), {}).setdefault(role, {})
        so_far = by_round.get(row["round"], 0.0)
        by_round[row["round"]] = so_far + row["cpu_seconds_per_100k"]
    return {
        place: {
            role: median([*of.values(), *[0.0] * (rounds - len(of))]) for role, of in roles.items()
        }
        for place, roles in sums.items()
    }


def _cpu(rows: Rows, rounds: int) -> tuple[str, Figure]:
    figure, axes = _axes(3.8)
    found = cpu_by_role(rows, rounds)
    loops = ("bare loop", "pipeline")
    bars: dict[str, dict[str, float]] = {}
    for stage in reversed(STAGES):
        for loop in loops:
            bars[f"{loop}: {stage}"] = found.get((loop, stage), {})
    for loop in loops:
        whole = [found.get((loop, stage), {}) for stage in STAGES]
        bars[f"{loop}: all"] = {role: sum(one.get(role, 0.0) for one in whole) for role in ROLES}
    left = [0.0] * len(bars)
    for role in ROLES:
        widths = [used.get(role, 0.0) for used in bars.values()]
        if any(widths):
            axes.barh(list(bars), widths, left=left, color=COLOURS[role], label=role)
            left = [start + width for start, width in zip(left, widths, strict=True)]
    for at, whole_width in enumerate(left):
        axes.annotate(
            f"{whole_width:.2f}",
            (whole_width, at),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    axes.set(xlabel="CPU seconds per 100,000 orders")
    axes.margins(x=0.1)
    axes.legend(ncols=6, **ABOVE)
    return CPU_CAPTION, figure


def _memory(rows: Rows) -> tuple[str, Figure]:
    figure, axes = _axes()
    shown = [row for row in rows if row["process"] != "mongod"]
    for process in dict.fromkeys(row["process"] for row in shown):
        of = [row for row in shown if row["process"] == process]
        role = process.split()[0]
        axes.plot(
            [row["at_seconds"] for row in of],
            [row["resident_mib"] for row in of],
            color=COLOURS.get(role, COLOURS["mongod"]),
            linestyle="-" if process.split()[-1] in {role, "0"} else "--",
            label=process,
        )
    axes.axhline(PROCESS_PEAK_MIB, color=COLOURS["redis"], linestyle=":", label="limit")
    axes.set(xlabel="seconds since the start of the run", ylabel="resident memory, MiB")
    axes.set_ylim(bottom=0)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return MEMORY_CAPTION, figure
