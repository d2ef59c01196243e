"""Both overlays fit the schemas of Kubernetes 1.30 to 1.37, and of the kinds operators add."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]
import pytest
from kubernetes_validate import utils

from tests.deploy.manifests import OVERLAYS, Resource, label, rendered

VERSIONS = tuple(f"1.{minor}" for minor in range(30, 38))
SCHEMAS = Path(__file__).parent / "schemas"
ADDED = ("keda.sh/", "monitoring.coreos.com/")


@pytest.fixture(scope="module", autouse=True)
def _schemas_read_once() -> None:
    """The library reads its megabyte of definitions anew for each resource."""
    if not hasattr(utils.schema_contents, "cache_info"):
        utils.schema_contents = lru_cache(utils.schema_contents)


def is_added(resource: Resource) -> bool:
    """Whether its kind comes with an operator."""
    return bool(resource["apiVersion"].startswith(ADDED))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_built_in_kinds_fit_strictly(overlay: str, version: str) -> None:
    for resource in rendered(overlay):
        if is_added(resource):
            continue
        try:
            judged_by = kubernetes_validate.validate(resource, version, strict=True)
        except kubernetes_validate.ValidationError as wrong:
            pytest.fail(f"{label(resource)} at {list(wrong.path)}: {wrong.message}")
        assert judged_by == version, "no schemas of that version"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kinds_of_operators_fit(overlay: str) -> None:
    for resource in filter(is_added, rendered(overlay)):
        jsonschema.validate(resource, schema_of(resource))


def test_dev_needs_no_operator() -> None:
    assert not [label(resource) for resource in filter(is_added, rendered("dev"))]


def schema_of(resource: Resource) -> Any:
    """The part of that kind's schema that the manifests use."""
    return json.loads((SCHEMAS / f"{resource['kind'].lower()}.json").read_text())
