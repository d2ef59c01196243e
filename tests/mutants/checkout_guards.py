"""Guards of what checkout stores, and of what reconciliation leaves alone."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

CHECKOUT = "libs/checkout/src/pedidos_checkout"
STORES = f"{CHECKOUT}/adapters/mongo"
STOCK = ("tests/contract/test_stock.py",)
CHECKOUTS = ("tests/contract/test_checkout_store.py",)
PAYMENTS = ("tests/contract/test_payment_book.py",)
PLACED = ("tests/contract/test_placed_orders.py",)
RECONCILING = ("tests/unit/checkout/test_reconciling.py",)
ERASED_MEANWHILE = ("tests/unit/checkout/test_erased_meanwhile.py",)

CHECKOUT_GUARDS = (
    Mutant(
        "stock-never-below-none",
        f"{STORES}/stock_changes.py",
        '"available": {"$gte": quantity}, ',
        "",
        STOCK,
    ),
    Mutant(
        "a-hold-is-taken-once",
        f"{STORES}/stock_changes.py",
        'mine: {"$exists": False}',
        '"x": {"$exists": False}',
        STOCK,
    ),
    Mutant(
        "stock-changes-end-with-the-lease",
        f"{STORES}/stock_changes.py",
        'return {"$expr": {"$lt": ["$$NOW", fence]}}',
        "return {}",
        STOCK,
    ),
    Mutant(
        "a-pinned-hold-does-not-end",
        f"{STORES}/stock_changes.py",
        '{"$gt": ["$$hold.v.heldAt", None]}, ',
        "",
        STOCK,
    ),
    Mutant(
        "a-refused-reservation-is-given-back",
        f"{STORES}/stock.py",
        ("        await self._write(back)\n"),
        "",
        STOCK,
    ),
    Mutant(
        "a-late-reservation-takes-nothing-from-an-order",
        f"{STORES}/stock_changes.py",
        '            f"{mine}.heldAt": {"$exists": True},\n',
        "",
        STOCK,
    ),
    Mutant(
        "what-is-sold-is-no-longer-held",
        f"{STORES}/stock_changes.py",
        '{"$inc": {"sold": quantity}, "$unset": {mine: ""}}',
        '{"$inc": {"sold": quantity}}',
        STOCK,
    ),
    Mutant(
        "one-checkout-a-key",
        f"{STORES}/indexes.py",
        ('        name="one_a_key",\n        unique=True,'),
        '        name="one_a_key",',
        CHECKOUTS,
    ),
    Mutant(
        "an-unfit-checkout-keeps-none-out",
        f"{STORES}/checkouts.py",
        "            return [await self._insert_alone(checkout) for checkout in checkouts]",
        "            raise",
        CHECKOUTS,
    ),
    Mutant(
        "the-first-reply-counts",
        f"{STORES}/checkouts.py",
        '{"_id": checkout_id, "reply": None}',
        '{"_id": checkout_id}',
        CHECKOUTS,
    ),
    Mutant(
        "a-payment-only-moves-forward",
        f"{STORES}/payments.py",
        "for known in PaymentStatus if follows(known, status)",
        "for known in PaymentStatus",
        PAYMENTS,
    ),
    Mutant(
        "a-late-order-finds-its-cancellation",
        f"{STORES}/placed_orders.py",
        (
            '                "$currentDate": {"cancelledAt": True},\n'
            "            },\n"
            "            upsert=True,"
        ),
        ('                "$currentDate": {"cancelledAt": True},\n            },'),
        PLACED,
    ),
    Mutant(
        "an-order-is-written-under-the-lease",
        f"{STORES}/placed_orders.py",
        ">= fence:",
        "is None:",
        PLACED,
    ),
    Mutant(
        "a-number-is-given-once",
        f"{STORES}/placed_orders.py",
        'fields["number"] = order_number(order.checkout_id, attempt)',
        "pass",
        PLACED,
    ),
    Mutant(
        "a-confirmation-ends-with-the-lease",
        f"{STORES}/placed_orders.py",
        '{**waits, "$expr": {"$lt": ["$$NOW", fence]}}',
        "{**waits}",
        PLACED,
    ),
    Mutant(
        "a-checkout-is-over-when-what-follows-is",
        f"{CHECKOUT}/domain/reconciliation.py",
        (
            "        if any(due not in known for due in flow.next_steps(checkout, step, ending)):\n"
            "            return False\n"
        ),
        "",
        RECONCILING,
    ),
    Mutant(
        "payments-under-way-are-left-alone",
        f"{CHECKOUT}/steps/comparing_payments.py",
        "            elif over:",
        "            else:",
        RECONCILING,
    ),
    Mutant(
        "an-undo-that-was-done-is-not-repeated",
        f"{CHECKOUT}/domain/reconciliation.py",
        ("    if Step.UNDO_PAYMENT in known:\n        return []\n"),
        "",
        RECONCILING,
    ),
    Mutant(
        "holds-under-way-are-left-alone",
        f"{CHECKOUT}/steps/comparing_stock.py",
        ("        if not is_over(checkout, jobs):\n            return\n"),
        "",
        RECONCILING,
    ),
    Mutant(
        "sold-stock-is-not-released",
        f"{CHECKOUT}/steps/comparing_stock.py",
        "order is None or order.status is not PlacedStatus.CONFIRMED",
        "True",
        RECONCILING,
    ),
    Mutant(
        "young-payments-are-compared-again",
        f"{CHECKOUT}/steps/comparing_payments.py",
        "anchored and all(_is_older(one, now, overlap) for one in listed)",
        "True",
        RECONCILING,
    ),
    Mutant(
        "each-payment-that-is-not-listed-has-its-turn",
        f"{CHECKOUT}/steps/comparing_payments.py",
        "others_after=page.cursor",
        "others_after=None",
        RECONCILING,
    ),
    Mutant(
        "a-list-that-is-new-is-read-anew",
        f"{CHECKOUT}/steps/comparing_payments.py",
        "if at is None or await self._leads_on(at):",
        "if True:",
        RECONCILING,
    ),
    Mutant(
        "a-second-charge-is-none-of-ours",
        f"{CHECKOUT}/domain/reconciliation.py",
        "return [Difference.SECOND_CHARGE] if told.status in HOLDING else []",
        "pass",
        RECONCILING,
    ),
    Mutant(
        "what-may-pay-for-an-order-is-not-given-back",
        f"{CHECKOUT}/domain/reconciliation.py",
        "return checkout.kind is Kind.CHECKOUT and not is_confirmed",
        "return True",
        RECONCILING,
    ),
    Mutant(
        "another-charge-is-not-noted",
        f"{STORES}/payments.py",
        '{"providerId": {"$in": [None, provider_id]}} if provider_id else {}',
        "{}",
        PAYMENTS,
    ),
    Mutant(
        "who-writes-an-order-looks-for-an-erasure",
        f"{CHECKOUT}/steps/ordering.py",
        "        await self._erased_meanwhile(checkout, order)\n",
        "",
        ERASED_MEANWHILE,
    ),
)
