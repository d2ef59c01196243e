"""Bells in arq's wire format."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pedidos_common.adapters.redis.arq_client import under_prefix
from pedidos_common.adapters.redis.bells import DAY_MS, arq_id, definition, from_json, score
from pedidos_common.domain.jobs import Band
from pedidos_common.ports import Bell

NOW_MS = time.time_ns() / 1e6
BELL = Bell("run:normal:1", "orders", Band.NORMAL, 3)


def test_a_bell_is_json_that_arq_reads() -> None:
    assert arq_id(BELL) == "run:normal:1:3"
    assert json.loads(definition(BELL, 1234.5)) == {
        "t": None,
        "f": "deliver",
        "a": ["run:normal:1"],
        "k": {},
        "et": 1234,
    }


@pytest.mark.parametrize("data", [b"", b"\x80\x04N.", b"[1]", b"null", b"{"])
def test_nothing_but_a_json_object_is_read(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"JSON|Expecting|decode"):
        from_json(data)


AHEAD = st.floats(0, 400 * 86_400.0)


@given(
    st.sampled_from(Band),
    st.sampled_from(Band),
    st.floats(-DAY_MS, DAY_MS),
    st.booleans(),
    AHEAD,
)
def test_bands_keep_their_order_whatever_clocks_say(
    one: Band, other: Band, skew: float, first: bool, ahead: float
) -> None:
    if one < other:
        assert score(one, NOW_MS + skew) < score(other, NOW_MS, first=first, ahead_seconds=ahead)
    assert score(one, NOW_MS + skew) < NOW_MS - 50 * DAY_MS


@given(st.sampled_from(Band), st.floats(-DAY_MS, DAY_MS), AHEAD)
def test_what_is_to_go_first_does_whatever_clocks_say(
    band: Band, skew: float, ahead: float
) -> None:
    assert score(band, NOW_MS + skew, first=True) < score(band, NOW_MS, ahead_seconds=ahead)


@given(st.sampled_from(Band), st.floats(0, 86_400.0), st.floats(0, 86_400.0))
def test_a_head_start_is_the_time_that_it_says(band: Band, ahead: float, earlier: float) -> None:
    there = score(band, NOW_MS, ahead_seconds=ahead) - score(band, NOW_MS - 1000 * earlier)
    assert abs(there - 1000 * (earlier - ahead)) < 2


@given(st.sampled_from(Band), st.integers(0, 100_000))
def test_places_inside_one_call_differ(band: Band, place: int) -> None:
    assert score(band, NOW_MS, place) < score(band, NOW_MS, place + 1)


@pytest.mark.parametrize(
    ("command", "sent"),
    [
        (("GET", "arq:job:x"), ("GET", "p:arq:job:x")),
        (("GET", "mine"), ("GET", "mine")),
        (("ZADD", "p:rings", 1.0, "arq:looks-like-a-key"), None),
        (("SET", "key", "arq:value"), None),
        (("DEL", "arq:a", "b", "arq:c"), ("DEL", "p:arq:a", "b", "p:arq:c")),
        (("WATCH", "arq:a", "arq:b"), ("WATCH", "p:arq:a", "p:arq:b")),
        (("PING",), None),
    ],
)
def test_keys_of_arq_get_the_prefix(
    command: tuple[object, ...], sent: tuple[object, ...] | None
) -> None:
    assert under_prefix("p:", command) == (sent or command)
