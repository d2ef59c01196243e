"""A release reads payloads of every version before its own."""

from __future__ import annotations

import pytest

from pedidos_common.domain.payloads import Payload, Upgrade, newest_version, upgraded
from pedidos_common.domain.run_jobs import UPGRADES, payload_version


def with_currency(payload: Payload) -> Payload:
    return {**payload, "currency": "BRL"}


def with_range(payload: Payload) -> Payload:
    rest = {name: value for name, value in payload.items() if name != "count"}
    return {**rest, "last": payload["first"] + payload["count"] - 1}


STEPS: tuple[Upgrade, ...] = (with_currency, with_range)


@pytest.mark.parametrize(
    ("version", "payload"),
    [
        (1, {"first": 5, "count": 3}),
        (2, {"first": 5, "count": 3, "currency": "BRL"}),
        (3, {"first": 5, "last": 7, "currency": "BRL"}),
    ],
)
def test_a_payload_of_any_version_is_read_in_the_newest_form(
    version: int, payload: Payload
) -> None:
    assert upgraded(payload, version, STEPS) == {"first": 5, "last": 7, "currency": "BRL"}


def test_each_upgrade_makes_one_version_more() -> None:
    assert (newest_version(()), newest_version(STEPS)) == (1, 3)
    assert {payload_version(kind) for kind in UPGRADES} == {1}
