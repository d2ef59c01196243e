"""From when a recovery counts, and what the table says of it."""

from __future__ import annotations

from tests.faults.recovery import Recovery, Wound, recoveries, table
from tests.faults.storm import Act, Event

WORKER = Event("worker", Act.KILL)
MONGOD = Event("mongod", Act.TERM)
LEADER = Event("orchestrator", Act.FREEZE)


def wound(event: Event, struck_at: float, over_at: float) -> Wound:
    return Wound(event, ["job"], struck_at, over_at)


def seconds(*healed: tuple[Wound, float]) -> list[float]:
    return [one.seconds for one in recoveries(healed)]


def test_a_kill_alone_counts_from_the_kill() -> None:
    other = Event("worker", Act.KILL, 1)
    assert seconds((wound(WORKER, 1.0, 1.0), 12.0), (wound(other, 2.0, 2.0), 11.0)) == [11.0, 9.0]


def test_a_server_counts_from_its_return_and_keeps_others_up_until_then() -> None:
    assert seconds((wound(WORKER, 1.0, 1.0), 14.0), (wound(MONGOD, 1.5, 5.0), 6.0)) == [9.0, 1.0]


def test_what_is_over_before_the_server_is_back_did_not_wait_for_it() -> None:
    assert seconds((wound(WORKER, 1.0, 1.0), 4.0), (wound(MONGOD, 1.5, 5.0), 6.0)) == [3.0, 1.0]


def test_a_leader_counts_from_the_strike_and_keeps_others_up_until_another_leads() -> None:
    assert seconds((wound(WORKER, 1.0, 1.0), 17.0), (wound(LEADER, 1.5, 1.5), 6.5)) == [10.5, 5.0]


def test_the_table_has_the_worst_of_each_fault() -> None:
    found = [Recovery(WORKER, 9.0, 9.0, 5), Recovery(WORKER, 11.04, 12.0, 2)]
    lines = table("storm", found, "1 of 1").splitlines()
    assert lines[0] == "storm; audits passed: 1 of 1"
    assert lines[2].split() == ["worker", "kill", "-9", "2", "7", "11.0", "12.0"]
    assert lines[3].split() == ["all", "2", "7", "11.0", "12.0"]
