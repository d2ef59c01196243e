"""An order's document in the form of a layout."""

from __future__ import annotations

import struct
from random import Random
from uuid import UUID

from bson import ObjectId

from bench.layouts.catalogue import IdForm, Layout
from pedidos_common.adapters.mongo.encoding import EncodedDocument, string_field

# behind a document's length: the element `_id`, a binary of 16 bytes
_BODY_FROM = 4 + len(b"\x05_id\x00") + 5 + 16


def external_id(sequence: int) -> str:
    """The external id of an order; they come in no order, which costs an index most."""
    return f"loja-{sequence * 2_654_435_761 % (1 << 40):013d}"


def in_form(raw: bytes, sequence: int, layout: Layout, draw: Random) -> EncodedDocument:
    """The order's document with the layout's form of id."""
    body = raw[_BODY_FROM:-1]
    head = raw[4:_BODY_FROM]
    if layout.ids is IdForm.RANDOM_UUID:
        head = string_field("_id", _uuid(draw))
    elif layout.ids is IdForm.OBJECT_ID:
        head = b"\x07_id\x00" + ObjectId().binary + string_field("uuid", _uuid(draw))
    if layout.external:
        body += string_field("externalId", external_id(sequence))
    return EncodedDocument(struct.pack("<i", 5 + len(head) + len(body)) + head + body + b"\x00")


def _uuid(draw: Random) -> str:
    return str(UUID(int=draw.getrandbits(128), version=4))
