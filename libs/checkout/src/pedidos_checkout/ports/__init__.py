"""What checkout needs from the outside; see `pedidos_common.ports` for how ports promise."""

from pedidos_checkout.domain.shop import Discount, Product
from pedidos_checkout.ports.providers import (
    EMAIL,
    PAYMENT,
    SMS,
    Mail,
    MailSender,
    PaymentProvider,
    ProviderBusy,
    ProviderLimited,
    ProviderPaused,
    ProviderRefused,
    ProviderUnavailable,
    SmsSender,
    TextMessage,
)
from pedidos_checkout.ports.removals import Removals
from pedidos_checkout.ports.stores import (
    Accepted,
    Catalogue,
    CheckoutStore,
    PaymentBook,
    PlacedOrders,
    Reconciliations,
    Stock,
    StockLevel,
)

__all__ = [
    "EMAIL",
    "PAYMENT",
    "SMS",
    "Accepted",
    "Catalogue",
    "CheckoutStore",
    "Discount",
    "Mail",
    "MailSender",
    "PaymentBook",
    "PaymentProvider",
    "PlacedOrders",
    "Product",
    "ProviderBusy",
    "ProviderLimited",
    "ProviderPaused",
    "ProviderRefused",
    "ProviderUnavailable",
    "Reconciliations",
    "Removals",
    "SmsSender",
    "Stock",
    "StockLevel",
    "TextMessage",
]
