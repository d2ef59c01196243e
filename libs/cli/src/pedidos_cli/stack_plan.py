"""What a stack consists of: which processes, with which addresses and ports."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from pedidos_cli import sandbox, services
from pedidos_cli.data_folder import DataFolder
from pedidos_cli.embedded import binaries, servers
from pedidos_cli.errors import CliError, ExitStatus
from pedidos_cli.former_stack import former_ports
from pedidos_cli.free_ports import free_port, is_free
from pedidos_cli.processes import Launch, ProcessSpec
from pedidos_cli.services import ServiceSettings
from pedidos_cli.stores import mongo, redis

SERVER_ROLES = frozenset({"mongod", "redis"})
# services end what they do first, and ask these meanwhile
ASKED_ROLES = SERVER_ROLES | {sandbox.ROLE}
SERVER_STOP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class StackOptions:
    """What was asked for; addresses left out are embedded servers, port 0 is any free one.

    A stack in `passing` ends by itself: commands prefer any other one to it. With `sandbox` the
    payment provider, the SMS provider and a mailbox are played by one more process.
    """

    port: int = 3000
    generators: int = 1
    workers: int = 2
    mongo_uri: str | None = None
    redis_url: str | None = None
    replica_set: bool = False
    database: str = "pedidos"
    passing: bool = False
    sandbox: bool = False

    def packages(self) -> tuple[str, ...]:
        """What has to be installed for it."""
        return (*services.ALL, sandbox.ROLE) if self.sandbox else services.ALL


@dataclass(frozen=True, slots=True)
class Stores:
    """Where MongoDB and Redis will answer, and the servers to start for it (none if given)."""

    mongo_uri: str
    redis_url: str
    embedded: tuple[ProcessSpec, ...]
    described: tuple[str, str]


def plan_stores(options: StackOptions, folder: DataFolder, api_port: int) -> Stores:
    """Addresses as given, else servers of our own: on the folder's former ports if they are free.

    Raises:
        CliError: when an address makes no sense, or no program of a server runs here.
    """
    mongo_uri, redis_url = options.mongo_uri, options.redis_url
    mongo_text, redis_text = "MongoDB as given", "Redis as given"
    specs: list[ProcessSpec] = []
    mongo_port, redis_port = former_ports(folder.before)
    taken = [api_port]
    if mongo_uri:
        mongo.check_address(mongo_uri)
    else:
        taken.append(free_port(taken, mongo_port))
        mongod = _mongod(options, folder, taken[-1])
        mongo_uri = mongod.address
        mongo_text = f"MongoDB {mongod.binary.version} {mongod.binary.origin}"
        specs.append(_server_spec("mongod", mongod, folder))
    if redis_url:
        redis.check_address(redis_url)
    else:
        server = _redis(folder, free_port(taken, redis_port))
        redis_url = server.address
        redis_text = f"{_product(server)} {server.binary.version} {server.binary.origin}"
        specs.append(_server_spec("redis", server, folder))
    return Stores(mongo_uri, redis_url, tuple(specs), (mongo_text, redis_text))


def _product(server: servers.Server) -> str:
    return "Valkey" if "valkey" in server.binary.path.name else "Redis"


def _mongod(options: StackOptions, folder: DataFolder, port: int) -> servers.Server:
    binary = binaries.find("mongod", binaries.candidates("mongod"))
    data = folder.made("mongo")
    return servers.mongod(binary, data, port, replica_set=options.replica_set)


def _redis(folder: DataFolder, port: int) -> servers.Server:
    binary = binaries.find("redis-server", binaries.candidates("redis-server"))
    return servers.redis_server(binary, folder.made("redis"), port)


def _server_spec(role: str, server: servers.Server, folder: DataFolder) -> ProcessSpec:
    launch = Launch(server.command, dict(os.environ), server.answers)
    log = folder.log(role, 0)
    return ProcessSpec(role, 0, log, lambda: launch, SERVER_STOP_SECONDS, server.nice)


def plan_services(
    options: StackOptions,
    folder: DataFolder,
    environ: Mapping[str, str],
    stores: Stores,
    api_port: int,
) -> list[ProcessSpec]:
    """The orchestrator, and as many generators and workers as asked for."""
    settings = _settings(options, environ, stores)
    counts = {"generator": options.generators, "worker": options.workers}
    return [
        services.orchestrator(settings, api_port, folder.log("orchestrator", 0)),
        *(
            services.pod(role, index, settings, folder.log(role, index))
            for role, count in counts.items()
            for index in range(count)
        ),
    ]


def plan_worker(
    options: StackOptions,
    folder: DataFolder,
    environ: Mapping[str, str],
    stores: Stores,
    index: int,
    queue: str | None = None,
) -> ProcessSpec:
    """One more worker; with a `queue` one that serves only that."""
    settings, role = _settings(options, environ, stores), worker_role(queue)
    return services.pod(role, index, settings, folder.log(role, index), queue)


def worker_role(queue: str | None = None) -> str:
    """What workers are called, or those that serve only one queue."""
    return f"worker-{queue}" if queue else "worker"


def _settings(options: StackOptions, environ: Mapping[str, str], stores: Stores) -> ServiceSettings:
    # The password of some other Redis would be refused by our own.
    without = frozenset() if options.redis_url else frozenset({"REDIS_PASSWORD"})
    return ServiceSettings(environ, stores.mongo_uri, stores.redis_url, options.database, without)


def claim_port(wanted: int) -> int:
    """The port asked for if it is free; any free one for 0.

    Raises:
        CliError: naming the port that is in use, and the option.
    """
    if wanted == 0:
        return free_port()
    if not is_free(wanted):
        raise CliError(
            f"Port {wanted} is in use by another program. Stop it, or choose another port "
            "with --port (0 takes any free one)",
            ExitStatus.USAGE,
        )
    return wanted
