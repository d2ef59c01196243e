"""Money as payment providers count it: whole numbers of a currency's smallest unit.

ISO 4217 says how many decimals a currency has; two, but for these.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

CENT = Decimal("0.01")
NO_DECIMALS = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND"}
    | {"VUV", "XAF", "XOF", "XPF"}
)
THREE_DECIMALS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
CODES = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD
CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD
GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD
KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO
NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE
SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV
WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
# those that people pay with, without funds, metals and codes for tests
CURRENCIES = frozenset(CODES.split())


def decimals(currency: str) -> int:
    """How many decimals amounts of the currency have."""
    if currency in NO_DECIMALS:
        return 0
    return 3 if currency in THREE_DECIMALS else 2


def is_payable(amount: Decimal, currency: str) -> bool:
    """Whether it is a whole number of the currency's smallest units."""
    try:
        to_minor(amount, currency)
    except ValueError:
        return False
    return True


def payable(amount: Decimal, currency: str) -> Decimal:
    """What of it can be paid, rounded half to even; amounts have two decimals in any currency."""
    places = min(decimals(currency), 2)
    return amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN).quantize(CENT)


def to_minor(amount: Decimal, currency: str) -> int:
    """The amount as a number of smallest units.

    Raises:
        ValueError: when it is not a whole number of them, or negative.
    """
    units = amount.scaleb(decimals(currency))
    if not units.is_finite() or units < 0 or units != units.to_integral_value():
        raise ValueError(
            f"{amount} {currency} can't be paid: {decimals(currency)} decimals at most"
        )
    return int(units)


def from_minor(units: int, currency: str) -> Decimal:
    """The amount of so many smallest units, with two decimals or as many as there must be."""
    places = decimals(currency)
    return Decimal(units).scaleb(-places).quantize(Decimal(1).scaleb(-max(places, 2)))
