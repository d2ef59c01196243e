"""Each alert fires on a live stack by its cause, and clears by what its page says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from tests.counted import COUNTED
from tests.e2e.stack import until
from tests.monitoring.drills import DRILLS, NOT_DRILLED, Drill
from tests.monitoring.rules import alerts
from tests.monitoring.scene import Scene, watched_stack

# The proxy's connections that are cut are found by the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
FIRE_SECONDS = 120.0
CLEAR_SECONDS = 150.0


class Seen(NamedTuple):
    """What became of one drill; seconds since the cause, and since the remedy began."""

    alert: str
    fired_after: float
    cleared_after: float


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One installation for all drills."""
    with watched_stack(tmp_path_factory.mktemp("drill")) as started:
        until(lambda: len(started.prometheus.ask("up == 1")) == len(started.field.parts))
        yield started


def tried(scene: Scene, alert: str, drill: Drill) -> Seen:
    """Cause it, see it fire, do what the page says, see it clear."""
    labels = "".join(f', {name}="{value}"' for name, value in drill.labels.items())
    asked = f'ALERTS{{alertstate="firing", alertname="{alert}"{labels}}}'

    def fires() -> bool:
        drill.meanwhile(scene)
        return bool(scene.prometheus.ask(asked))

    until(lambda: not fires(), CLEAR_SECONDS, 0.25)
    play, began = drill.play(scene), time.monotonic()
    next(play)
    until(fires, FIRE_SECONDS, 0.25)
    fired = time.monotonic()
    assert next(play, None) is None
    until(lambda: not fires(), CLEAR_SECONDS, 0.25)
    return Seen(alert, fired - began, time.monotonic() - fired)


@pytest.mark.slow
@pytest.mark.timeout(420)
@pytest.mark.parametrize("alert", DRILLS)
def test_an_alert_fires_by_its_cause_and_clears_by_its_page(
    scene: Scene, alert: str, record_property: Callable[[str, object], None]
) -> None:
    scene.settle()
    drill = DRILLS[alert]
    seen = tried(scene, alert, drill)
    times = f"fired after {seen.fired_after:5.1f} s, cleared after {seen.cleared_after:5.1f} s"
    record_property(COUNTED, f"{alert:29} {times} | {drill.cause} | {drill.remedy}")


def test_every_alert_has_its_drill() -> None:
    assert set(DRILLS) | NOT_DRILLED == {rule["alert"] for rule in alerts()}
