"""Products and discount codes on MongoDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from pedidos_checkout.adapters.mongo.documents import amount_of, money
from pedidos_checkout.domain.shop import Discount, Product
from pedidos_common.adapters.mongo.client import Collection, Database, Document
from pedidos_common.adapters.mongo.errors import guarded
from pedidos_common.adapters.mongo.inserts import insert_absent
from pedidos_common.ports import Page


class MongoCatalogue:
    """`ports.Catalogue` on the collections `products`, `discounts` and `stock`."""

    def __init__(self, database: Database) -> None:
        self._products: Collection = database["products"]
        self._discounts: Collection = database["discounts"]
        self._stock: Collection = database["stock"]

    @guarded
    async def products(self, skus: Sequence[str]) -> Mapping[str, Product]:
        """See `ports.Catalogue.products`."""
        found = self._products.find({"_id": {"$in": list(skus)}})
        return {document["_id"]: _product_of(document) async for document in found}

    @guarded
    async def page(self, limit: int, cursor: str | None) -> Page[Product]:
        """See `ports.Catalogue.page`."""
        query: Document = {"_id": {"$gt": cursor}} if cursor else {}
        found = self._products.find(query).sort("_id", 1).limit(limit + 1)
        products = [_product_of(document) async for document in found]
        more = len(products) > limit
        return Page(products[:limit], products[limit - 1].sku if more else None)

    @guarded
    async def discount(self, code: str) -> Discount | None:
        """See `ports.Catalogue.discount`."""
        found = await self._discounts.find_one({"_id": code})
        return _discount_of(found) if found else None

    @guarded
    async def add(
        self, products: Sequence[tuple[Product, int]], discounts: Sequence[Discount]
    ) -> int:
        """See `ports.Catalogue.add`."""
        # what can be found can be bought: stock is there before its product
        await insert_absent(self._stock, [_stock_document(*one) for one in products])
        await insert_absent(self._discounts, [_discount_document(one) for one in discounts])
        there = await insert_absent(
            self._products, [_product_document(product) for product, _quantity in products]
        )
        return len(products) - len(there)


def _stock_document(product: Product, quantity: int) -> Document:
    return {
        "_id": product.sku,
        "available": quantity,
        "sold": 0,
        "stocked": quantity,
        "holds": {},
    }


def _product_document(product: Product) -> Document:
    return {
        "_id": product.sku,
        "name": product.name,
        "price": money(product.price),
        "category": product.category,
    }


def _product_of(document: Document) -> Product:
    return Product(
        sku=document["_id"],
        name=document["name"],
        price=amount_of(document["price"]),
        category=document.get("category", ""),
    )


def _discount_document(discount: Discount) -> Document:
    return {
        "_id": discount.code,
        "percent": None if discount.percent is None else money(discount.percent),
        "amount": None if discount.amount is None else money(discount.amount),
        "least": money(discount.least),
        "validUntil": discount.valid_until,
    }


def _discount_of(document: Document) -> Discount:
    percent, amount = document.get("percent"), document.get("amount")
    return Discount(
        code=document["_id"],
        percent=None if percent is None else amount_of(percent),
        amount=None if amount is None else amount_of(amount),
        least=amount_of(document["least"]) if "least" in document else Decimal(0),
        valid_until=document.get("validUntil"),
    )
