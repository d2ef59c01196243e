"""An import's documents: its report, and rows in short form, since a file has many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pedidos_common.adapters.mongo.client import Document
from pedidos_common.adapters.mongo.reading import known_fields
from pedidos_common.ports import ImportReport, ImportRow, Rejection


def row_document(row: ImportRow) -> Document:
    """The row with one-letter names; what it does not have is left out."""
    document: Document = {"l": row.line, "c": row.cliente, "v": row.valor_cents}
    if row.tier is not None:
        document["t"] = row.tier
    if row.external_id is not None:
        document["x"] = row.external_id
    if row.ordered_at is not None:
        document["o"] = row.ordered_at
    if row.quantidade is not None:
        document["q"] = row.quantidade
    return document


def row_of(document: Mapping[str, Any], tiers: Mapping[str, str]) -> ImportRow:
    """The row; its tier is its own or, from `tiers`, its customer's."""
    return ImportRow(
        line=document["l"],
        cliente=document["c"],
        valor_cents=document["v"],
        tier=document.get("t") or tiers[document["c"]],
        external_id=document.get("x"),
        ordered_at=document.get("o"),
        quantidade=document.get("q"),
    )


def report_document(report: ImportReport) -> Document:
    """The report as a part of the import's document."""
    columns = [{"field": field, "column": name} for field, name in report.columns.items()]
    held = {**asdict(report), "columns": columns, "ignored_columns": list(report.ignored_columns)}
    del held["id"]
    return {"report": {**held, "rejections": [asdict(each) for each in report.rejections]}}


def report_of(document: Mapping[str, Any]) -> ImportReport:
    """The report of a sealed import."""
    held = dict(document["report"])
    held["columns"] = {each["field"]: each["column"] for each in held["columns"]}
    held["rejections"] = [Rejection(**known_fields(Rejection, each)) for each in held["rejections"]]
    return ImportReport(id=document["_id"], **known_fields(ImportReport, held))
