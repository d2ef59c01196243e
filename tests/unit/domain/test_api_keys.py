"""What a file of API keys may hold, and which key was sent."""

from __future__ import annotations

import hmac

import pytest

from pedidos_common.domain import api_keys
from pedidos_common.domain.api_keys import (
    MOST_KEYS,
    ApiKey,
    Scope,
    WrongKeys,
    key_of,
    parse_keys,
    sent_key,
)

SECRET = b"pedidos_a-long-random-text"
SHOP = key_of("shop", Scope.READ, SECRET)
DIGEST = SHOP.line.split()[-1]


def test_a_line_says_the_key_again_and_hides_what_is_sent() -> None:
    assert parse_keys(SHOP.line) == (SHOP,)
    assert SECRET.decode() not in SHOP.line


def test_comments_and_empty_lines_say_nothing() -> None:
    text = f"# of the shop\n\n  {SHOP.line}  \n   # the end"
    assert parse_keys(text) == (SHOP,)
    assert parse_keys("") == ()


@pytest.mark.parametrize(
    "line",
    [
        f"shop admin {DIGEST}",
        f"shop {DIGEST}",
        f"shop read {DIGEST} more",
        f"shop read {DIGEST[:-1]}",
        f"shop read {DIGEST}0",
        f"shop read {DIGEST.upper()}",
        f"shop read {DIGEST.removeprefix('sha256:')}",
        f"-shop read {DIGEST}",
        f"{'s' * 41} read {DIGEST}",
        f"shöp read {DIGEST}",
        "pedidos_the-key-itself",
    ],
)
def test_a_wrong_line_is_named_and_not_shown(line: str) -> None:
    with pytest.raises(WrongKeys) as wrong:
        parse_keys(f"# one\n{line}")
    assert "line 2" in str(wrong.value)
    assert "pedidos keys new" in str(wrong.value)
    assert not any(secret in str(wrong.value) for secret in (DIGEST[8:20], "the-key-itself"))


def test_a_name_stands_once() -> None:
    with pytest.raises(WrongKeys, match="line 2: the name shop"):
        parse_keys(f"{SHOP.line}\n{key_of('shop', Scope.OPERATE, b'other').line}")


def test_the_single_key_keeps_its_name() -> None:
    with pytest.raises(WrongKeys, match="line 2: API_KEY is the name"):
        parse_keys(f"{SHOP.line}\n{key_of('API_KEY', Scope.READ, b'other').line}")


def test_keys_are_bounded() -> None:
    lines = [key_of(f"k{number}", Scope.READ, b"x").line for number in range(MOST_KEYS + 1)]
    assert len(parse_keys("\n".join(lines[:-1]))) == MOST_KEYS
    with pytest.raises(WrongKeys, match=f"line {MOST_KEYS + 1}"):
        parse_keys("\n".join(lines))


def test_which_key_was_sent() -> None:
    other = key_of("other", Scope.OPERATE, b"other")
    assert sent_key(SECRET, [other, SHOP]) is SHOP
    assert sent_key(b"other", [other, SHOP]) is other
    assert sent_key(SHOP.digest, [other, SHOP]) is None, "a hash that leaked is no key"
    assert sent_key(b"", []) is None


def test_no_time_tells_how_near_a_key_came(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        seen.append((one, other))
        return hmac.compare_digest(one, other)

    monkeypatch.setattr(api_keys, "compare_digest", compare)
    keys = [key_of(name, Scope.READ, name.encode()) for name in ("first", "second", "third")]
    for secret in (b"first", b"third", b"none of them"):
        seen.clear()
        sent_key(secret, keys)
        assert [one for one, _ in seen] == [key.digest for key in keys], "whichever fits"
        assert {len(other) for _, other in seen} == {32}, "however long the sent one is"


@pytest.mark.parametrize(
    ("scope", "allowed"), [(Scope.READ, {Scope.READ}), (Scope.OPERATE, set(Scope))]
)
def test_operate_includes_read(scope: Scope, allowed: set[Scope]) -> None:
    key = ApiKey("k", scope, b"")
    assert {wanted for wanted in Scope if key.allows(wanted)} == allowed
