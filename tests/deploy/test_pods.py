"""What the pods of each overlay promise to the cluster: safe, seen, bounded, and let end."""

from __future__ import annotations

import asyncio
import json
import re
from statistics import median

import pytest
from prometheus_client import CollectorRegistry

from pedidos_common.execution.process import Duties
from pedidos_common.runtime import job_service
from pedidos_common.runtime.status_server import StatusServer
from pedidos_orchestrator import __main__ as orchestrator
from pedidos_orchestrator import server
from pedidos_orchestrator.api import probes
from tests.deploy.manifests import (
    OVERLAYS,
    ROOT,
    SERVICES,
    container,
    environment,
    label,
    named,
    of_kind,
    pod,
    port_number,
    rendered,
    secrets_of,
    selects,
    workloads,
)

PROBES = {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
CLOSING_SECONDS = 10.0  # connections, log lines, the status server
both = pytest.mark.parametrize("overlay", OVERLAYS)
each_service = pytest.mark.parametrize("service", SERVICES)


@both
def test_pods_are_restricted(overlay: str) -> None:
    for workload in workloads(overlay):
        spec, held = pod(workload), container(workload)["securityContext"]
        outer = spec["securityContext"]
        assert outer["runAsNonRoot"] is True, label(workload)
        assert outer["runAsUser"] > 0
        assert outer["seccompProfile"] == {"type": "RuntimeDefault"}
        assert held["allowPrivilegeEscalation"] is False
        assert held["readOnlyRootFilesystem"] is True
        assert held["capabilities"] == {"drop": ["ALL"]}
        assert spec["automountServiceAccountToken"] is False


@both
def test_namespace_refuses_other_pods(overlay: str) -> None:
    (namespace,) = of_kind(overlay, "Namespace")
    enforced = namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
    assert enforced == "restricted"
    others = [resource for resource in rendered(overlay) if resource is not namespace]
    assert {r["metadata"]["namespace"] for r in others} == {namespace["metadata"]["name"]}


@both
def test_services_names_do_not_become_settings(overlay: str) -> None:
    """A Service called redis would set REDIS_PORT=tcp://… in every pod."""
    for workload in workloads(overlay):
        assert pod(workload)["enableServiceLinks"] is False, label(workload)


@both
@each_service
def test_probes_ask_what_the_service_answers(overlay: str, service: str) -> None:
    workload = named(overlay, "Deployment", f"pedidos-{service}")
    variables = environment(overlay, service)
    listens = int(variables["PORT" if service == "orchestrator" else "METRICS_PORT"])
    for probe, path in PROBES.items():
        asked = container(workload)[probe]["httpGet"]
        assert port_number(workload, asked["port"]) == listens
        assert asked["path"] == path


def test_orchestrator_has_the_paths_of_its_probes() -> None:
    paths = {route.path for route in probes.router.routes}  # type: ignore[attr-defined]
    assert {*PROBES.values(), "/metrics"} <= paths


async def test_job_services_have_the_paths_of_their_probes() -> None:
    server = StatusServer(CollectorRegistry(), {})
    port = await server.start("127.0.0.1", 0)
    answers = [await answer_of(port, path) for path in (*PROBES.values(), "/metrics", "/other")]
    await server.close()
    assert [answer.split()[1] for answer in answers] == ["200", "200", "200", "200", "404"]


async def answer_of(port: int, path: str) -> str:
    """The first line of the answer."""
    async with asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        line = await reader.readline()
        writer.close()
        await writer.wait_closed()
    return line.decode()


@both
@each_service
def test_a_pod_may_take_longer_to_end_than_it_needs(overlay: str, service: str) -> None:
    workload = named(overlay, "Deployment", f"pedidos-{service}")
    hook = container(workload).get("lifecycle", {}).get("preStop", {}).get("sleep", {})
    if service == "orchestrator":
        needs = server.SHUTDOWN_SECONDS + orchestrator.LEAVE_SECONDS
        needs += orchestrator.STRAGGLERS_SECONDS + hook["seconds"]
    else:
        needs = Duties("", "", "", 1, [], 1).drain_seconds + job_service.STRAGGLERS_SECONDS
    assert pod(workload)["terminationGracePeriodSeconds"] > needs + CLOSING_SECONDS


@both
def test_images_are_pinned(overlay: str) -> None:
    for workload in workloads(overlay):
        image = container(workload)["image"]
        assert re.search(r"(:v?\d+\.\d+\.\d+[\w.-]*|@sha256:[0-9a-f]{64})$", image), image


def measured(service: str) -> tuple[float, float]:
    """Cores while it was busy (median) and MiB (peak) of a process in `make bench`."""
    rows = json.loads((ROOT / "bench/results/pipeline.json").read_text())["rows"]
    rounds = {row["round"]: row for row in rows if row["kind"] == "round"}
    processes = [r for r in rows if r["kind"] == "process" and r["process"].startswith(service)]
    busy = "generating_seconds" if service == "generator" else "own_clock_seconds"
    cores = [p["cpu_seconds_per_100k"] * 10 / rounds[p["round"]][busy] for p in processes]
    return median(cores), max(p["peak_mib"] for p in processes)


@each_service
def test_requests_are_what_the_bench_measured(service: str) -> None:
    cores, peak = measured(service)
    resources = container(named("prod", "Deployment", f"pedidos-{service}"))["resources"]
    requested = int(resources["requests"]["cpu"].removesuffix("m")) / 1000
    memory, limit = (mebibytes(resources[of]["memory"]) for of in ("requests", "limits"))

    assert cores <= requested <= 2.5 * cores
    assert peak <= memory <= 2 * peak
    assert limit >= 2 * peak
    assert "cpu" not in resources["limits"]
    sizes = [f"{size:.0f} MiB" for size in (peak, memory, limit)]
    row = " | ".join([service, f"{cores:.2f}", f"{requested:g}", *sizes])
    assert f"| {row} |" in (ROOT / "docs" / "deploy.md").read_text()


def mebibytes(quantity: str) -> int:
    return int(quantity.removesuffix("Mi"))


@both
@each_service
def test_nodes_can_be_drained_and_pods_are_spread(overlay: str, service: str) -> None:
    workload = named(overlay, "Deployment", f"pedidos-{service}")
    labels = workload["spec"]["template"]["metadata"]["labels"]
    budget = named(overlay, "PodDisruptionBudget", f"pedidos-{service}")["spec"]
    assert selects(budget["selector"], labels)
    assert budget["maxUnavailable"] in {1, "25%"}
    spread = pod(workload)["topologySpreadConstraints"]
    assert {s["topologyKey"] for s in spread} == {
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    }
    assert all(selects(s["labelSelector"], labels) for s in spread)


@both
def test_services_lead_to_ports_that_are_there(overlay: str) -> None:
    for service in of_kind(overlay, "Service"):
        (workload,) = (
            w
            for w in workloads(overlay)
            if service["spec"]["selector"].items()
            <= w["spec"]["template"]["metadata"]["labels"].items()
        )
        for port in service["spec"]["ports"]:
            assert port_number(workload, port["targetPort"]), label(service)


@both
def test_secrets_come_by_reference_and_as_files(overlay: str) -> None:
    made = {r["metadata"]["name"] for r in of_kind(overlay, "Secret")}
    for service in SERVICES:
        workload = named(overlay, "Deployment", f"pedidos-{service}")
        needed = {s["name"] for s in secrets_of(workload) if not s.get("optional")}
        folder = environment(overlay, service)["SECRETS_DIR"]
        assert folder in {mount["mountPath"] for mount in container(workload)["volumeMounts"]}
        if overlay == "dev":
            assert needed <= made, "dev needs nothing that it does not bring"
        else:
            assert not made, "no secret stands in a file of ours"
            assert needed == {"pedidos-servers"}


def test_keys_of_the_api_come_as_a_file_that_changes_under_its_pod() -> None:
    workload = named("prod", "Deployment", "pedidos-orchestrator")
    (mounted,) = (m for m in container(workload)["volumeMounts"] if m["name"] == "api-keys")
    (held,) = (v for v in pod(workload)["volumes"] if v["name"] == "api-keys")
    assert environment("prod", "orchestrator")["API_KEYS_FILE"] == f"{mounted['mountPath']}/keys"
    assert "subPath" not in mounted, "such a mount is never brought up to date"
    assert held["secret"]["secretName"] == "pedidos-api-keys"
    assert not held["secret"].get("optional"), "without keys it would not start, and say so late"


@both
@each_service
def test_certificates_are_files_where_the_document_says(overlay: str, service: str) -> None:
    workload = named(overlay, "Deployment", f"pedidos-{service}")
    (held,) = (v for v in pod(workload)["volumes"] if v["name"] == "tls")
    (mounted,) = (m for m in container(workload)["volumeMounts"] if m["name"] == "tls")
    assert held["secret"]["optional"] is True
    text = (ROOT / "docs" / "deploy.md").read_text()
    assert f"{mounted['mountPath']}/ca.pem" in text
    assert f"`{held['secret']['secretName']}`" in text


@both
def test_nothing_is_reached_but_what_a_policy_lists(overlay: str) -> None:
    policies = of_kind(overlay, "NetworkPolicy")
    deny = named(overlay, "NetworkPolicy", "default-deny")["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for policy in policies:
        for direction in ("ingress", "egress"):
            for rule in policy["spec"].get(direction, []):
                assert rule.get("ports"), f"{label(policy)} allows every port"
    for name in ("mongo", "redis") if overlay == "dev" else ():
        assert "allow-services-to-servers" in policies_for(overlay, name, "ingress")


@both
@each_service
def test_policies_let_a_service_reach_its_servers(overlay: str, service: str) -> None:
    assert {"allow-dns", "allow-servers"} <= policies_for(overlay, f"pedidos-{service}", "egress")
    assert "allow-scrapes" in policies_for(overlay, f"pedidos-{service}", "ingress")


@both
@pytest.mark.parametrize("service", ["worker", "orchestrator"])
def test_who_does_checkouts_reaches_its_providers_and_sends_mail(
    overlay: str, service: str
) -> None:
    assert "allow-providers" in policies_for(overlay, f"pedidos-{service}", "egress")
    (rule,) = named(overlay, "NetworkPolicy", "allow-providers")["spec"]["egress"]
    assert {port["port"] for port in rule["ports"]} == {443, 465, 587}
    assert any("10.0.0.0/8" in to["ipBlock"]["except"] for to in rule["to"])


def policies_for(overlay: str, name: str, direction: str) -> set[str]:
    """The policies that allow the pods of that name something."""
    (workload,) = (w for w in workloads(overlay) if w["metadata"]["name"] == name)
    labels = workload["spec"]["template"]["metadata"]["labels"]
    return {
        policy["metadata"]["name"]
        for policy in of_kind(overlay, "NetworkPolicy")
        if policy["spec"].get(direction) and selects(policy["spec"]["podSelector"], labels)
    }
