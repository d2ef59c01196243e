"""Where the providers of a process meet their adapters and limits, and its steps meet these."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from pedidos_checkout.adapters.guarded import Bulkhead, Guard
from pedidos_checkout.adapters.guarded_providers import GuardedMail, GuardedPayments, GuardedSms
from pedidos_checkout.adapters.http.json_calls import JsonCalls, Target
from pedidos_checkout.adapters.http.payments import HttpPayments
from pedidos_checkout.adapters.http.sms import HttpSms
from pedidos_checkout.adapters.mongo.checkouts import MongoCheckoutStore
from pedidos_checkout.adapters.mongo.payments import MongoPaymentBook
from pedidos_checkout.adapters.mongo.placed_orders import MongoPlacedOrders
from pedidos_checkout.adapters.mongo.reconciliations import MongoReconciliations
from pedidos_checkout.adapters.mongo.removals import MongoRemovals
from pedidos_checkout.adapters.mongo.stock import MongoStock
from pedidos_checkout.adapters.smtp.mail import SmtpMail, server_of
from pedidos_checkout.adapters.smtp.messages import address_of
from pedidos_checkout.ports import EMAIL, PAYMENT, SMS, MailSender, PaymentProvider, SmsSender
from pedidos_checkout.provider_metrics import ProviderMetrics
from pedidos_checkout.settings import CheckoutSettings
from pedidos_checkout.steps.functions import StepPorts, step_functions
from pedidos_common.adapters.clock import now
from pedidos_common.adapters.mongo.client import Database
from pedidos_common.adapters.redis.breakers import RedisBreakers
from pedidos_common.domain.breakers import BreakerPolicy
from pedidos_common.domain.queues import QueueTable
from pedidos_common.execution.registry import JobFunction
from pedidos_common.ports import Breakers, JobLedger
from pedidos_common.runtime.connections import Connections

TRIAL_MARGIN_SECONDS = 5.0
WAITING_PER_PLACE = 4


@dataclass(frozen=True, slots=True)
class Providers:
    """The providers that there are addresses of, each call of them guarded.

    Whoever has them closes them at the end.
    """

    payment: PaymentProvider | None
    mail: MailSender | None
    sms: SmsSender | None
    closing: Sequence[Callable[[], Awaitable[None]]] = ()

    async def close(self) -> None:
        """Close their connections."""
        for close in self.closing:
            await close()


def breakers_of(settings: CheckoutSettings, connections: Connections) -> Breakers:
    """The providers' breakers, shared by all processes of this installation."""
    policy = BreakerPolicy(
        settings.breaker_failures,
        settings.breaker_pause_seconds,
        settings.provider_timeout_seconds + TRIAL_MARGIN_SECONDS,
    )
    return RedisBreakers(connections.redis, connections.key_prefix, policy)


def providers_of(
    settings: CheckoutSettings, connections: Connections, registry: CollectorRegistry
) -> Providers:
    """The providers; nothing is sent yet. To be called once a process: it registers metrics."""
    guards = _Guards(settings, breakers_of(settings, connections), ProviderMetrics(registry))
    payments = _calls(settings, _payment_target(settings))
    messages = _calls(settings, _sms_target(settings))
    mail = _mail(settings)
    return Providers(
        payment=GuardedPayments(guards.of(PAYMENT), HttpPayments(payments)) if payments else None,
        mail=GuardedMail(guards.of(EMAIL, 1), mail) if mail else None,
        sms=GuardedSms(guards.of(SMS), HttpSms(messages)) if messages else None,
        closing=[each.close for each in (payments, messages, mail) if each is not None],
    )


@dataclass(frozen=True, slots=True)
class _Guards:
    settings: CheckoutSettings
    breakers: Breakers
    metrics: ProviderMetrics

    def of(self, provider: str, most: int | None = None) -> Guard:
        """A provider's guard; `most` bounds its calls at once in place of the setting."""
        usual, seconds = self.settings.provider_concurrency, self.settings.provider_timeout_seconds
        bulkhead = Bulkhead(provider, most or usual, usual * WAITING_PER_PLACE, seconds)
        watch = self.metrics.of(provider, self.breakers.state)
        return Guard(provider, self.breakers, bulkhead, seconds, watch)


def _payment_target(settings: CheckoutSettings) -> Target | None:
    key = settings.payment_api_key
    if settings.payment_url is None or key is None:
        return None
    names = "look at PAYMENT_URL and PAYMENT_API_KEY"
    return Target(PAYMENT, settings.payment_url, key.get_secret_value(), names)


def _sms_target(settings: CheckoutSettings) -> Target | None:
    key = settings.sms_api_key
    if settings.sms_url is None or key is None:
        return None
    return Target(SMS, settings.sms_url, key.get_secret_value(), "look at SMS_URL and SMS_API_KEY")


def _calls(settings: CheckoutSettings, target: Target | None) -> JsonCalls | None:
    if target is None:
        return None
    return JsonCalls(target, settings.provider_timeout_seconds, settings.provider_concurrency)


def _mail(settings: CheckoutSettings) -> SmtpMail | None:
    if settings.smtp_url is None:
        return None
    server = server_of(settings.smtp_url.get_secret_value())
    sender = address_of(settings.mail_from)
    return SmtpMail(server, sender, settings.provider_timeout_seconds, now)


def steps_of(
    settings: CheckoutSettings,
    database: Database,
    ledger: JobLedger,
    providers: Providers,
    table: QueueTable,
) -> Sequence[JobFunction]:
    """The job functions of a checkout's steps; none without a payment provider."""
    if providers.payment is None:
        return ()
    ports = StepPorts(
        checkouts=MongoCheckoutStore(database),
        ledger=ledger,
        book=MongoPaymentBook(database),
        stock=MongoStock(database),
        orders=MongoPlacedOrders(database),
        provider=providers.payment,
        mails=providers.mail,
        texts=providers.sms,
        reconciliations=MongoReconciliations(database),
        removals=MongoRemovals(database),
        hold_seconds=settings.checkout_hold_seconds,
        payment_wait_seconds=settings.checkout_payment_wait_seconds,
        policies=table.policies,
    )
    return step_functions(ports)
