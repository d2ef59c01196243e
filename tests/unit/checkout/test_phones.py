"""Phone numbers, as people write them and as text messages are sent to them."""

from __future__ import annotations

import pytest

from pedidos_checkout.domain.phones import e164


@pytest.mark.parametrize(
    "written",
    ["+5511912345678", "+55 11 91234-5678", "+55 (11) 91234.5678", "+55 (0)11 91234 5678"],
)
def test_what_stands_between_the_digits_is_not_kept(written: str) -> None:
    assert e164(written) == "+5511912345678"


@pytest.mark.parametrize(
    "written",
    ["11912345678", "005511912345678", "+0123456789", "+12345", "+" + "1" * 16, "+1/2345678"],
)
def test_what_nobody_can_send_to_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="with \\+ and its country code"):
        e164(written)
