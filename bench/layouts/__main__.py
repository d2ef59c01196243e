"""What each id form, index, write concern and guard costs, and what each index's query gains.

    make bench-layouts            (or .venv/bin/python -m bench.layouts [--orders n] [--rounds n])
    .venv/bin/python -m bench.layouts --markdown     the tables of the last measurement

Two processes insert chunks of 10,000 orders and then update batches of 1,000, as the pipeline
does, under each layout in turn, and all of that several times. Documents are put together before
a clock runs. The database `pedidos_bench` is dropped before each and at the end.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from bench.layouts.catalogue import LAYOUTS
from bench.layouts.figures import layout_rows, markdown, summary_of
from bench.layouts.queries import measure_queries
from bench.layouts.shares import DATABASE
from bench.layouts.work import Processes, measure, processes
from bench.results import load, result_of, save
from bench.running.stack import server_pair

SECTION = "layouts"
Servers = Mapping[bool, str]


def main(arguments: list[str] | None = None) -> int:
    """Measure, or print the tables; 1 where a part failed (what was measured is kept)."""
    options = _options(arguments)
    if options.markdown:
        return _print_markdown()
    started = time.monotonic()
    rounds: list[dict[str, Any]] = []
    asked: list[Mapping[str, Any]] = []
    failure = None
    with _servers(options.mongo_uri) as servers, processes() as both:
        try:
            # a list keeps what it got before its source fails
            rounds.extend(_rounds(servers, both, options.orders, options.rounds))
            asked.extend(_queries(servers, both, options.query_orders))
        except Exception as error:  # noqa: BLE001 - what was measured before is kept
            traceback.print_exc()
            failure = f"{type(error).__name__}: {error}"
        version = _leave(servers)
    rows = [*layout_rows(rounds), *asked, *rounds]
    settings = {k: v for k, v in vars(options).items() if k in {"orders", "rounds", "query_orders"}}
    settings["seconds"] = round(time.monotonic() - started)
    summary = {**summary_of(rows), **({"failed": failure} if failure else {})}
    result = result_of(SECTION, "make bench-layouts", settings, rows, summary, {"mongod": version})
    print("\n".join(markdown(rows, options.query_orders)))
    print(f"Written to {save(result)} after {settings['seconds']} s")
    if failure:
        print(f"FAILED before the end: {failure}", file=sys.stderr)
    return 1 if failure else 0


@contextmanager
def _servers(mongo_uri: str | None) -> Iterator[Servers]:
    """MongoDB's address by whether it is a replica set: own ones, or the one that is given."""
    if mongo_uri is not None:
        with MongoClient[dict[str, Any]](mongo_uri) as client:
            yield {"setName" in client.admin.command("hello"): mongo_uri}
        return
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pedidos-layouts-")))
        own = {}
        for replica_set in (False, True):
            pair = server_pair(folder / f"replica-set-{replica_set}", replica_set=replica_set)
            own[replica_set] = stack.enter_context(pair).mongo_uri
        yield own


def _rounds(
    servers: Servers, both: Processes, orders: int, rounds: int
) -> Iterator[dict[str, Any]]:
    """Each layout in each round, so that the machine's noise hits all alike.

    Whoever comes first in one round comes last in the next.
    """
    clients: dict[bool, Any] = {kind: MongoClient(uri) for kind, uri in servers.items()}
    layouts = [one for one in LAYOUTS if one.replica_set in servers or one.group != "write concern"]
    for number in range(1, rounds + 1):
        for layout in layouts if number % 2 else reversed(layouts):
            kind = layout.replica_set if layout.replica_set in servers else min(servers)
            figures = asdict(measure(clients[kind], servers[kind], layout, orders, both))
            print(
                f"Round {number} of {rounds}: {layout.name}: "
                f"{figures['inserts_per_second']:,} inserts/s, "
                f"{figures['updates_per_second']:,} updates/s",
                flush=True,
            )
            yield {"kind": "round", "round": number, "layout": layout.name, **figures}


def _queries(servers: Servers, both: Processes, orders: int) -> Iterator[Mapping[str, Any]]:
    kind = min(servers)
    print(f"Queries over {orders:,} orders, without each index and with it ...", flush=True)
    with MongoClient[dict[str, Any]](servers[kind], uuidRepresentation="standard") as client:
        yield from measure_queries(client, servers[kind], orders, both)


def _leave(servers: Servers) -> str:
    """Drop what the bench wrote; MongoDB's version."""
    version = ""
    for uri in servers.values():
        with MongoClient[dict[str, Any]](uri) as client:
            client.drop_database(DATABASE)
            version = str(client.server_info()["version"])
    return version


def _print_markdown() -> int:
    result = load(SECTION)
    if result is None:
        print(f"There is no bench/results/{SECTION}.json: run make bench-layouts.", file=sys.stderr)
        return 1
    print("\n".join(markdown(result.rows, result.settings["query_orders"])))
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.layouts", description=__doc__)
    parser.add_argument("--mongo-uri", help="a server to use in place of own ones")
    parser.add_argument("--orders", type=int, default=200_000, help="orders a layout and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--query-orders", type=int, default=1_000_000, help="orders to query")
    parser.add_argument("--markdown", action="store_true", help="print the last tables, no more")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
