"""Orders in the form of each layout."""

from __future__ import annotations

from random import Random
from uuid import UUID

import bson
import pytest
from bson import ObjectId
from bson.codec_options import CodecOptions

from bench.layouts.catalogue import LAYOUTS, IdForm, Layout
from bench.layouts.forms import external_id, in_form
from bench.layouts.shares import CREATED, RUN
from bench.running.same_orders import OrderSource
from pedidos_common.domain.generation import GENERATOR_VERSION
from pedidos_common.domain.ids import OrderRange

CODEC: CodecOptions[dict[str, object]] = CodecOptions(
    uuid_representation=bson.binary.UuidRepresentation.STANDARD
)


def test_external_ids_are_different_ones_that_do_not_rise() -> None:
    ids = [external_id(n) for n in range(1, 5_001)]
    assert len(set(ids)) == 5_000
    assert ids != sorted(ids)


@pytest.fixture(scope="module")
def encoded() -> bytes:
    """The order in place 5 as the product writes it."""
    _, documents = OrderSource(7, GENERATOR_VERSION).build(OrderRange(RUN, 5, 5), CREATED)
    return bytes(documents[0].raw)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_only_the_id_and_the_external_id_differ(layout: Layout, encoded: bytes) -> None:
    ours = bson.decode(encoded, CODEC)
    order = bson.decode(in_form(encoded, 5, layout, Random(1)).raw, CODEC)
    kinds = {IdForm.OBJECT_ID: ObjectId, IdForm.RANDOM_UUID: str, IdForm.RUN_SEQUENCE: UUID}
    assert isinstance(order.pop("_id"), kinds[layout.ids])
    assert (order.pop("uuid", None) is not None) == (layout.ids is IdForm.OBJECT_ID)
    assert order.pop("externalId", None) == (external_id(5) if layout.external else None)
    del ours["_id"]
    assert order == ours
