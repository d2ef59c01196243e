"""Orders: tiers, derived priority, and the order as a handler sees it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID


class Tier(StrEnum):
    """A customer's standing; imports also accept the English names."""

    BRONZE = "BRONZE"
    PRATA = "PRATA"
    OURO = "OURO"
    DIAMANTE = "DIAMANTE"


TIER_ALIASES = {"SILVER": Tier.PRATA, "GOLD": Tier.OURO, "DIAMOND": Tier.DIAMANTE}


class Priority(StrEnum):
    """VIP orders are processed before any NORMAL one."""

    VIP = "VIP"
    NORMAL = "NORMAL"


class OrderStatus(StrEnum):
    """Where an order stands; `pendente` is the only one that is not final."""

    PENDENTE = "pendente"
    PROCESSADO = "processado"
    FALHOU = "falhou"


OBSERVATION = {
    Priority.VIP: "enviado com prioridade",
    Priority.NORMAL: "processado sem prioridade",
}


ERASED = "[erased]"  # stands where a customer's name was erased on request
NAMELESS = frozenset({"", *OBSERVATION.values()})  # observations that no order handler wrote


def priority_of(tier: Tier) -> Priority:
    """The priority follows from the tier and is never set by hand."""
    return Priority.VIP if tier is Tier.DIAMANTE else Priority.NORMAL


def parse_tier(text: str) -> Tier:
    """The tier that `text` names, in Portuguese or English, in any case.

    Raises:
        ValueError: when no tier has that name.
    """
    name = text.strip().upper()
    alias = TIER_ALIASES.get(name)
    return alias if alias is not None else Tier(name)


@dataclass(frozen=True, slots=True)
class Order:
    """One customer order, as an order handler receives it.

    `valor` is an amount of money with two decimals; `attempts` counts the handler calls
    that failed before this one.
    """

    id: UUID
    cliente: str
    valor: Decimal
    tier: Tier
    priority: Priority
    created_at: datetime
    attempts: int = 0
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class OrderFailure:
    """One order that its handler could not process this time."""

    id: UUID
    error: str
    final: bool


@dataclass(frozen=True, slots=True)
class StatusCounts:
    """How many orders of a range stand where."""

    pendente: int = 0
    processado: int = 0
    falhou: int = 0

    @property
    def total(self) -> int:
        """All orders of the range."""
        return self.pendente + self.processado + self.falhou
