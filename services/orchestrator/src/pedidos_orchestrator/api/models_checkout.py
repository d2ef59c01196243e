"""Shapes of checkout: what is sent, and what is answered (C-1, C-4, C-7)."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pedidos_checkout.domain.phones import e164
from pedidos_checkout.domain.pricing import MOST_LINES, MOST_OF_ONE
from pedidos_common.domain.orders import parse_tier
from pedidos_orchestrator.api.models_queues import WholeNumber
from pedidos_orchestrator.api.models_status import Wire

CHECKOUT_ID = "co_ry3xhi4d2kqaz5vmw7tn6plgbe"
TRACKING_URL = f"http://127.0.0.1:3000/api/orders/status/{CHECKOUT_ID}"
CUSTOMER_ID = r"^[A-Za-z0-9._:@+-]{1,100}$"
# what mail servers take, without quoted names; nothing in it ends a header
ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}"
LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
EMAIL = rf"^{ATOM}(\.{ATOM}){{0,31}}@{LABEL}(\.{LABEL}){{1,10}}$"
LONGEST_MAILBOX = 64
# as people write it; it is kept as E.164 has it
PHONE = r"^ *\+[ ().-]*[1-9]([ ().-]*[0-9]){6,15}[ ().-]*$"
CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
ONE_LINE = rf"^[^{CONTROL}]*[^\s{CONTROL}][^{CONTROL}]*$"
SKU = r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$"
DISCOUNT_CODE = r"^[A-Za-z0-9_-]{1,40}$"
# begins with a letter, so that a card's number is never taken for one, nor kept
METHOD = r"^[A-Za-z][A-Za-z0-9_.:-]{0,199}$"
AMOUNT = r"^(0|[1-9][0-9]{0,8})\.[0-9]{2}$"
TIERS = ("BRONZE", "PRATA", "OURO", "DIAMANTE", "SILVER", "GOLD", "DIAMOND")

STRICT = ConfigDict(extra="forbid", strict=True)


def _known_tier(text: str) -> str:
    return parse_tier(text).value


def _short_mailbox(address: str) -> str:
    if address.index("@") > LONGEST_MAILBOX:
        raise ValueError(f"at most {LONGEST_MAILBOX} characters before the @")
    return address


class CustomerSent(BaseModel):
    """Who orders, as the shop says it."""

    model_config = STRICT

    id: str = Field(pattern=CUSTOMER_ID, examples=["c-1001"])
    name: str = Field(min_length=1, max_length=200, pattern=ONE_LINE, examples=["Ana Souza"])
    email: Annotated[
        str,
        Field(max_length=254, pattern=EMAIL, examples=["ana@example.com"]),
        AfterValidator(_short_mailbox),
    ]
    phone: (
        Annotated[
            str,
            Field(
                max_length=40,
                pattern=PHONE,
                description="with its country code, as text messages are sent to",
                examples=["+55 11 91234-5678"],
            ),
            AfterValidator(e164),
        ]
        | None
    ) = None
    tier: Annotated[
        str,
        Field(
            pattern=f"^({'|'.join(TIERS)})$",
            description="DIAMANTE (or DIAMOND) is VIP: goes before the others in every queue",
            examples=["DIAMANTE"],
        ),
        AfterValidator(_known_tier),
    ] = "BRONZE"


class ItemSent(BaseModel):
    """So many of one product."""

    model_config = STRICT

    productId: str = Field(pattern=SKU, examples=["STA-001"])
    quantity: WholeNumber = Field(ge=1, le=MOST_OF_ONE, examples=[2])


class PaymentSent(BaseModel):
    """How the customer pays: the payment provider's token, never a card's number."""

    model_config = STRICT

    method: str = Field(pattern=METHOD, examples=["tok_ok"])


class CheckoutRequest(BaseModel):
    """A cart, who orders it, and how it is paid."""

    model_config = STRICT | {
        "json_schema_extra": {
            "examples": [
                {
                    "customer": {
                        "id": "c-1001",
                        "name": "Ana Souza",
                        "email": "ana@example.com",
                        "tier": "DIAMANTE",
                    },
                    "items": [{"productId": "STA-001", "quantity": 2}],
                    "payment": {"method": "tok_ok"},
                }
            ]
        }
    }

    customer: CustomerSent
    items: list[ItemSent] = Field(min_length=1, max_length=MOST_LINES)
    discountCode: str | None = Field(None, pattern=DISCOUNT_CODE, examples=["WELCOME10"])
    payment: PaymentSent | None = None


class PaymentRequest(BaseModel):
    """A payment alone: an amount of the shop's currency, without an order."""

    model_config = STRICT | {
        "json_schema_extra": {
            "examples": [
                {
                    "amount": "12.30",
                    "method": "tok_ok",
                    "customer": {
                        "id": "c-1001",
                        "name": "Ana Souza",
                        "email": "ana@example.com",
                    },
                    "reference": "invoice 2026-0815",
                }
            ]
        }
    }

    amount: str = Field(pattern=AMOUNT, description="always two decimals", examples=["12.30"])
    currency: str | None = Field(None, pattern=r"^[A-Z]{3}$", examples=["EUR"])
    method: str = Field(pattern=METHOD, examples=["tok_ok"])
    customer: CustomerSent
    reference: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        pattern=ONE_LINE,
        description="what it is for, in words of your own; its status shows them",
    )

    @property
    def value(self) -> Decimal:
        """The amount as a number."""
        return Decimal(self.amount)


class AcceptedData(Wire):
    """Where to look for what becomes of it."""

    jobId: str = Field(examples=[CHECKOUT_ID])
    status: Literal["queued"] = Field(examples=["queued"])
    estimatedProcessingTime: int = Field(description="milliseconds", examples=[1200])
    trackingUrl: str = Field(examples=[TRACKING_URL])


class CheckoutAccepted(Wire):
    """It is stored, and worked at in the background."""

    success: Literal[True] = Field(examples=[True])
    message: str = Field(examples=["the order was accepted and is processed in the background"])
    data: AcceptedData


class Item(Wire):
    """One line of an order; money is text with two decimals."""

    productId: str = Field(examples=["STA-001"])
    name: str = Field(examples=["Notebook A5, lined"])
    quantity: int = Field(examples=[2])
    unitPrice: str = Field(examples=["3.90"])
    total: str = Field(examples=["7.80"])


class Sums(Wire):
    """What it costs: `total` is what is left of `subtotal` after the discount."""

    subtotal: str = Field(examples=["7.80"])
    discount: str = Field(examples=["0.00"])
    discountCode: str | None = Field(None, examples=["WELCOME10"])
    total: str = Field(examples=["7.80"])
    currency: str = Field(examples=["EUR"])


class OrderShape(Sums):
    """An order that was placed; nothing of it says who the customer is."""

    orderId: str
    jobId: str = Field(description="of the checkout that it came from", examples=[CHECKOUT_ID])
    orderNumber: str
    status: Literal["awaiting_payment", "confirmed", "cancelled"] = Field(examples=["confirmed"])
    items: list[Item]
    createdAt: str | None = Field(None, examples=["2026-01-02T03:04:05.678Z"])
    confirmedAt: str | None = Field(None, examples=["2026-01-02T03:04:06.012Z"])


class StepShape(Wire):
    """One step of a checkout."""

    step: str = Field(examples=["payment"])
    status: str = Field(examples=["succeeded"])
    outcome: str | None = Field(None, examples=["done"])
    queuedAt: str | None = None
    startedAt: str | None = None
    endedAt: str | None = None
    retryCount: int = Field(0, examples=[0])


class CheckoutStatusShape(Sums):
    """How a checkout stands; `order` once it is completed, `error`, `code` and `money` where it
    failed."""

    jobId: str = Field(examples=[CHECKOUT_ID])
    status: Literal["queued", "processing", "completed", "failed"] = Field(examples=["completed"])
    progress: int = Field(description="percent", examples=[100])
    message: str = Field(examples=["the order is confirmed"])
    processingTime: int = Field(description="milliseconds", examples=[840])
    retryCount: int = Field(examples=[0])
    createdAt: str | None = Field(None, examples=["2026-01-02T03:04:05.678Z"])
    reference: str | None = Field(None, examples=["invoice 2026-0815"])
    steps: list[StepShape]
    paymentId: str | None = Field(
        None,
        description="what GET /api/payments/{paymentId} finds once its first step has begun",
        examples=["pay_ry3xhi4d2kqaz5vmw7tn6plgbe"],
    )
    order: OrderShape | None = None
    error: str | None = Field(
        None, description="in words for the customer", examples=["the card was declined"]
    )
    code: str | None = Field(
        None, description="how the step ended that failed", examples=["card_declined"]
    )
    money: Literal["not_taken", "pending", "returned"] | None = Field(
        None, description="what became of the customer's money", examples=["not_taken"]
    )


class TrackedStatus(CheckoutStatusShape):
    """The same, and where it is found again."""

    trackingUrl: str = Field(examples=[TRACKING_URL])


class CheckoutDone(Wire):
    """It was worked at while you waited, because the queues are long."""

    success: bool = Field(examples=[True])
    message: str = Field(examples=["the order is confirmed"])
    data: TrackedStatus


class OrderPageShape(Wire):
    """A customer's orders, newest first."""

    items: list[OrderShape]
    cursor: str | None = None


class ProductShape(Wire):
    """What can be bought; `available` is how many of it."""

    productId: str = Field(examples=["STA-001"])
    name: str = Field(examples=["Notebook A5, lined"])
    price: str = Field(examples=["3.90"])
    category: str = Field(examples=["Stationery"])
    available: int = Field(examples=[100])


class ProductPageShape(Wire):
    """Products by id."""

    items: list[ProductShape]
    cursor: str | None = None


class SampleAdded(Wire):
    """How many products were absent."""

    added: int = Field(examples=[120])


class PaymentShape(Wire):
    """A payment as we know it."""

    paymentId: str
    jobId: str = Field(examples=[CHECKOUT_ID])
    amount: str = Field(examples=["12.30"])
    currency: str = Field(examples=["EUR"])
    status: str = Field(examples=["captured"])
    declineCode: str | None = None
    createdAt: str | None = None
    updatedAt: str | None = None


class WebhookTaken(Wire):
    """It is worked in."""

    received: Literal[True] = Field(examples=[True])


def plain(body: BaseModel) -> dict[str, Any]:
    """What was sent, with what was left out: equal bodies are equal."""
    return body.model_dump(mode="json")
