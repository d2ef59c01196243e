"""Rounds of plain arq and of the pipeline as rows, and how many times faster the one is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from rich.table import Table

from bench.arq.rounds import ArqFigures, Tuning
from bench.promises import ARQ_FACTOR
from bench.running.single_runs import WELL, RunFigures
from bench.running.stack import ROLES

PIPELINE, PLAIN = "pipeline", "plain arq, {} writes"


def arq_row(tuning: Tuning, taken: Sequence[ArqFigures]) -> dict[str, Any]:
    """Medians over the rounds of one tuning."""
    quantity = taken[0].quantity
    return {
        "what": PLAIN.format(tuning.concern),
        "quantity": quantity,
        "rounds": len(taken),
        "seconds": median(one.seconds for one in taken),
        "orders_per_second": round(median(one.orders_per_second for one in taken)),
        "client_cpu_seconds_per_100k": _per_100k(
            [one.client_cpu_seconds for one in taken], quantity
        ),
        "mongod_cpu_seconds_per_100k": _per_100k(
            [one.mongod_cpu_seconds for one in taken], quantity
        ),
        **{key: value for key, value in asdict(tuning).items() if key != "concern"},
        "ended": "every order processado",
    }


def pipeline_row(taken: Sequence[RunFigures]) -> dict[str, Any]:
    """Medians over the rounds, from the request to DONE."""
    quantity = taken[0].quantity
    clients = [role for role in ROLES if role != "mongod"]
    return {
        "what": PIPELINE,
        "quantity": quantity,
        "rounds": len(taken),
        "seconds": median(run.seconds for run in taken),
        "orders_per_second": round(median(quantity / run.seconds for run in taken)),
        "client_cpu_seconds_per_100k": round(median(run.per_100k(*clients) for run in taken), 2),
        "mongod_cpu_seconds_per_100k": round(median(run.per_100k("mongod") for run in taken), 2),
        "ended": WELL if all(run.well for run in taken) else "A RUN DID NOT END WELL",
    }


def _per_100k(seconds: Sequence[float], quantity: int) -> float:
    return round(median(seconds) * 100_000 / quantity, 2)


def summary_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How many times the orders/s of each arq row the pipeline takes; empty where a side lacks."""
    speeds = {row["what"]: row["orders_per_second"] for row in rows}
    if len(speeds) < 3 or rows[-1]["ended"] != WELL:
        return {}
    return {
        "factor": round(speeds[PIPELINE] / speeds[PLAIN.format("default")], 1),
        "factor_durable": round(speeds[PIPELINE] / speeds[PLAIN.format("durable")], 1),
        "promised_factor": ARQ_FACTOR,
    }


def table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """One line a row."""
    made = Table(title="One job an order in plain arq, and the pipeline", title_justify="left")
    heads = {
        "what": "",
        "quantity": "orders",
        "rounds": "rounds",
        "seconds": "seconds",
        "orders_per_second": "orders/s",
        "client_cpu_seconds_per_100k": "CPU s per 100k without mongod",
        "mongod_cpu_seconds_per_100k": "mongod",
        "max_jobs": "jobs at once",
        "poll_delay_seconds": "poll delay, s",
        "ended": "ended",
    }
    for head in heads.values():
        made.add_column(head, justify="right")
    for row in rows:
        made.add_row(*(str(row.get(key, "")) for key in heads))
    return made
