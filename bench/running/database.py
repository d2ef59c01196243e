"""The pipeline's database on a bench's server."""

from __future__ import annotations

from typing import Any

from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from pymongo import MongoClient
from pymongo.database import Database

PIPELINE_DATABASE = "pedidos"
CODEC: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True, uuid_representation=UuidRepresentation.STANDARD
)


def pipeline_database(client: MongoClient[dict[str, Any]]) -> Database[dict[str, Any]]:
    """Read as the services do: times with their zone, ids as UUIDs."""
    return client.get_database(PIPELINE_DATABASE, codec_options=CODEC)


def dropped(client: MongoClient[dict[str, Any]], *databases: str) -> None:
    """Drop them and write all out: what comes next pays for nothing that was left dirty."""
    for name in databases:
        client.drop_database(name)
    client.admin.command("fsync")
