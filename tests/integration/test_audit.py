"""The audit passes a correct run, and sees each way in which a run can be wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pymongo
import pytest
from bson import Decimal128, Timestamp

from pedidos_cli.audit import AuditImpossible, AuditVerdict, audit_run
from tests.integration import audit_dataset as dataset
from tests.integration.audit_dataset import RUN_ID, SETTLED_AT, Documents, order_id

Spoil = Callable[[Documents], object]
Audit = Callable[[], AuditVerdict]


@pytest.fixture
def database(mongo_client: pymongo.MongoClient[dict[str, Any]], mongo_database: str) -> Documents:
    database = mongo_client[mongo_database]
    dataset.write(database)
    return database


@pytest.fixture
def audit(mongo_uri: str, mongo_database: str) -> Audit:
    return lambda: audit_run(mongo_uri, mongo_database)


def set_order(sequence: int, **fields: Any) -> Spoil:
    return lambda db: db.orders.update_one({"_id": order_id(sequence)}, {"$set": fields})


def unset_order(sequence: int, field: str) -> Spoil:
    return lambda db: db.orders.update_one({"_id": order_id(sequence)}, {"$unset": {field: ""}})


def set_job(name: str, **fields: Any) -> Spoil:
    return lambda db: db.jobs.update_one({"_id": f"{RUN_ID}:{name}"}, {"$set": fields})


def set_run(**fields: Any) -> Spoil:
    return lambda db: db.process_runs.update_one({"_id": RUN_ID}, {"$set": fields})


def lose_order(database: Documents) -> None:
    database.orders.delete_one({"_id": order_id(30)})


def unset_job(name: str, field: str) -> Spoil:
    return lambda db: db.jobs.update_one({"_id": f"{RUN_ID}:{name}"}, {"$unset": {field: ""}})


def split_batch(**fields: Any) -> Spoil:
    """Split a VIP batch in two parts that are well, but for these fields of the second."""

    def spoil(database: Documents) -> None:
        parent = f"{RUN_ID}:vip:000000:00000"
        whole = database.jobs.find_one({"_id": parent})
        assert whole is not None
        result = {"processed": 5, "failed": 0, "handler": "builtin"}
        first, second = ({**whole, "result": result} for _ in range(2))
        first |= {"_id": f"{parent}/0", "payload": {"first": 1, "last": 5}}
        second |= {"_id": f"{parent}/1", "payload": {"first": 6, "last": 10}, **fields}
        split = {"processed": 0, "failed": 0, "split": [[1, 5], [6, 10]]}
        set_job("vip:000000:00000", result=split)(database)
        database.jobs.insert_many([first, second])

    return spoil


def copy_order(to: Any) -> Spoil:
    def spoil(database: Documents) -> None:
        order = database.orders.find_one({"_id": order_id(30)})
        assert order is not None
        database.orders.insert_one({**order, "_id": to})

    return spoil


def leave_pending(sequence: int) -> Spoil:
    def spoil(database: Documents) -> None:
        set_order(sequence, status="pendente", observacoes="")(database)
        unset_order(sequence, "processedAt")(database)

    return spoil


def fail_without_reason(database: Documents) -> None:
    dataset.settle_badly(database, 30, "normal:000000:00001")
    unset_order(30, "error")(database)


NORMAL_HISTORY = ("GENERATING", "ENQUEUE_VIP", "WAITING_VIP_DRAIN", "ENQUEUE_NORMAL")
LATE = SETTLED_AT["NORMAL"] + timedelta(hours=1)
EARLY = Timestamp(int(dataset.START.timestamp()), 1)
MISCOUNTED = ("batches_add_up", "totals_fit", "receipt_fits")
SPOILS: dict[str, tuple[Spoil, set[str]]] = {
    "an order is missing": (
        lose_order,
        {*MISCOUNTED, "stored_once", "adds_up", "chunks_wrote"},
    ),
    "an order is beyond the plan": (
        copy_order(order_id(dataset.QUANTITY + 1)),
        {*MISCOUNTED, "stored_once", "adds_up", "chunks_wrote"},
    ),
    "an order belongs to no run": (copy_order(UUID(int=(9 << 100) + 1)), {"no_strays"}),
    "an order is still pending": (
        leave_pending(30),
        {*MISCOUNTED, "fits_phase"},
    ),
    "a VIP order is still pending": (
        leave_pending(3),
        {*MISCOUNTED, "fits_phase", "vip_before_normal"},
    ),
    "an order has an unknown status": (
        set_order(30, status="enviado"),
        {*MISCOUNTED, "adds_up"},
    ),
    "a NORMAL tier is VIP": (set_order(3, tier="OURO"), {"priority_follows_tier"}),
    "a tier is unknown": (set_order(30, tier="GOLD"), {"priority_follows_tier"}),
    "a processed order has no time": (
        unset_order(30, "processedAt"),
        {*MISCOUNTED, "state_is_explained"},
    ),
    "a failed order has no reason": (fail_without_reason, {"state_is_explained"}),
    "the observation is the other priority's": (
        set_order(3, observacoes=dataset.WORDING["NORMAL"]),
        {"observation_fits"},
    ),
    "the observation is missing": (set_order(30, observacoes=""), {"observation_fits"}),
    "a VIP order was final after a NORMAL claim": (
        set_order(3, processedAt=LATE),
        {"vip_before_normal", "windows_fit"},
    ),
    "a NORMAL batch was claimed too early": (
        set_job("normal:000001:00003", firstClaimedAt=dataset.START),
        {"vip_before_normal", "windows_fit"},
    ),
    "a NORMAL batch was created too early": (
        set_job("normal:000001:00003", createdSeq=EARLY),
        {"vip_settled_first"},
    ),
    "a VIP batch was settled too late": (
        set_job("vip:000000:00000", settledSeq=Timestamp(int(LATE.timestamp()), 1)),
        {"vip_settled_first"},
    ),
    "a split VIP batch's part was settled too late": (
        split_batch(settledSeq=Timestamp(int(LATE.timestamp()), 1)),
        {"vip_settled_first"},
    ),
    "a split batch's part was cancelled": (
        split_batch(status="cancelled"),
        {"batches_cover"},
    ),
    "a job is open": (set_job("chunk:000001", status="running"), {"nothing_open", "chunks_wrote"}),
    "a VIP job is open": (
        set_job("vip:000000:00000", status="queued"),
        {"nothing_open", "vip_settled_first", "batches_cover"},
    ),
    "a chunk counted wrong": (
        set_job("chunk:000001", **{"result.vip": 11, "result.normal": 39}),
        {"chunks_wrote"},
    ),
    "a chunk is missing": (
        lambda db: db.jobs.delete_one({"_id": f"{RUN_ID}:chunk:000001"}),
        {"chunks_wrote", "receipt_fits"},
    ),
    "a batch counted wrong": (
        set_job("normal:000001:00003", **{"result.processed": 9}),
        {"batches_add_up"},
    ),
    "two batches overlap": (
        set_job("normal:000001:00003", **{"payload.first": 90, "payload.last": 100}),
        {"batches_cover"},
    ),
    "a batch leaves an order out": (
        set_job("normal:000001:00003", **{"payload.last": 99}),
        {"batches_cover"},
    ),
    "a batch failed as a whole": (
        set_job("normal:000001:00003", status="failed"),
        {"batches_cover"},
    ),
    "a batch was cancelled": (
        set_job("normal:000001:00003", status="cancelled"),
        {"batches_cover"},
    ),
    "a NORMAL order was final before the last VIP order": (
        set_order(30, processedAt=SETTLED_AT["VIP"] - timedelta(seconds=5)),
        {"vip_before_normal", "windows_fit"},
    ),
    "a NORMAL batch does not say when it was claimed": (
        unset_job("normal:000001:00003", "firstClaimedAt"),
        {"vip_before_normal"},
    ),
    "a NORMAL batch does not say when it was created": (
        unset_job("normal:000001:00003", "createdSeq"),
        {"vip_settled_first"},
    ),
    "a VIP batch does not say when it was settled": (
        unset_job("vip:000000:00000", "settledSeq"),
        {"vip_settled_first"},
    ),
    "the receipt is not balanced": (set_run(**{"receipt.balanced": False}), {"receipt_fits"}),
    "the receipt counted wrong": (set_run(**{"receipt.processed": 99}), {"receipt_fits"}),
    "the receipt counts as text": (set_run(**{"receipt.processed": "100"}), {"receipt_fits"}),
    "the end of VIP is missing": (set_run(endVIP=None), {"windows_fit"}),
    "the end of VIP is no time": (set_run(endVIP="soon"), {"windows_fit"}),
    "NORMAL starts before the end of VIP": (
        set_run(startNormal=SETTLED_AT["VIP"] - timedelta(seconds=1)),
        {"windows_fit"},
    ),
    "an amount is negative": (
        set_order(30, valor=Decimal128("-0.30")),
        {"amounts_are_cents"},
    ),
    "an amount is a double": (set_order(30, valor=0.25), {"amounts_are_cents"}),
    "an amount has no cents": (set_order(30, valor=Decimal128("3")), {"amounts_are_cents"}),
    "an amount is no number": (set_order(30, valor=Decimal128("NaN")), {"amounts_are_cents"}),
    "an amount is missing": (unset_order(30, "valor"), {"amounts_are_cents"}),
    "a batch names no handler": (
        unset_job("normal:000001:00003", "result.handler"),
        {"observation_fits"},
    ),
    "one batch had another handler, and the observation is wrong elsewhere": (
        lambda db: (
            set_job("normal:000001:00003", **{"result.handler": "shop:ship"})(db),
            set_order(30, observacoes="sent by drone")(db),
        ),
        {"observation_fits"},
    ),
    "an order is before the plan": (
        copy_order(order_id(0)),
        {*MISCOUNTED, "stored_once", "adds_up", "chunks_wrote"},
    ),
    "an order's id is a text": (copy_order("by hand"), {"no_strays"}),
    "an order's id is a number": (copy_order(7), {"no_strays"}),
    "an order's id is other bytes": (copy_order(b"0123456789abcdef"), {"no_strays"}),
    "a total is wrong": (set_run(totalProcessedVIP=19), {"totals_fit"}),
    "a total is missing": (set_run(totalFailedVIP=None), {"totals_fit"}),
    "the phases skip one": (
        lambda db: db.process_runs.update_one(
            {"_id": RUN_ID}, {"$pull": {"phases": {"phase": "WAITING_VIP_DRAIN"}}}
        ),
        {"phases_in_order"},
    ),
    "the import accepted more": (
        lambda db: (
            set_run(**{"plan.importId": "upload"})(db),
            db.imports.insert_one({"_id": "upload", "report": {"accepted": dataset.QUANTITY + 1}}),
        ),
        {"import_arrived"},
    ),
}


def test_correct_run_passes(database: Documents, audit: Audit) -> None:
    verdict = audit()
    assert verdict.failed == ()
    assert (verdict.passed, verdict.run_id, verdict.phase) == (True, RUN_ID, "DONE")


@pytest.mark.parametrize(("spoil", "red"), SPOILS.values(), ids=SPOILS)
def test_each_spoil_is_seen(database: Documents, audit: Audit, spoil: Spoil, red: set[str]) -> None:
    spoil(database)
    assert set(audit().failed) == red


def test_every_check_has_a_spoil(database: Documents, audit: Audit) -> None:
    seen = set().union(*(red for _, red in SPOILS.values()))
    assert {check.key for check in audit().checks} <= seen


def test_missing_order_is_located(database: Documents, audit: Audit) -> None:
    lose_order(database)
    found = {check.key: check.found for check in audit().checks}
    assert "chunk 0 holds 49 of 50" in found["stored_once"]


def test_failed_orders_are_no_error(database: Documents, audit: Audit) -> None:
    dataset.settle_badly(database, 30, "normal:000000:00001")
    assert audit().failed == ()


def test_redriven_order_keeps_its_first_final_state(database: Documents, audit: Audit) -> None:
    dataset.settle_badly(database, 30, "normal:000000:00001")
    set_order(30, status="processado", processedAt=LATE, observacoes="by hand")(database)
    job = {"_id": "redrive:1", "status": "succeeded", "scope": None, "result": {"processed": 1}}
    database.jobs.insert_one(job)
    assert audit().failed == ()


def send_again(database: Documents, job_status: str, settled_at: datetime | None = None) -> None:
    dataset.settle_badly(database, 30, "normal:000000:00001")
    set_order(30, status="pendente", attempts=0, firstFailedAt=SETTLED_AT["NORMAL"])(database)
    job = {"_id": "redrive:1", "status": job_status, "scope": None, "settledAt": settled_at}
    database.jobs.insert_one({**job, "payload": {"orderIds": [str(order_id(30))]}})


@pytest.mark.parametrize("job_status", ["queued", "running", "retrying"])
def test_order_that_was_sent_again_may_be_open(
    database: Documents, audit: Audit, job_status: str
) -> None:
    send_again(database, job_status)
    verdict = audit()
    assert verdict.failed == ()
    assert any("1 sent again" in check.found for check in verdict.checks)


def test_order_whose_redrive_ends_during_the_audit_is_no_error(
    database: Documents, audit: Audit
) -> None:
    send_again(database, "succeeded", datetime.now(UTC) + timedelta(minutes=1))
    assert audit().failed == ()


def test_order_that_was_sent_again_and_forgotten_is_seen(database: Documents, audit: Audit) -> None:
    send_again(database, "succeeded", LATE)
    assert audit().failed == ("fits_phase",)


def test_redrive_of_another_run_explains_nothing(database: Documents, audit: Audit) -> None:
    send_again(database, "queued")
    other = {"payload.orderIds": [str(UUID(int=(9 << 100) + 30))]}
    database.jobs.update_one({"_id": "redrive:1"}, {"$set": other})
    assert audit().failed == ("fits_phase",)


def test_vip_order_that_was_sent_again_does_not_close_the_barrier(
    database: Documents, audit: Audit
) -> None:
    set_order(3, status="pendente", observacoes="", error="no")(database)
    set_order(3, failedAt=SETTLED_AT["VIP"], firstFailedAt=SETTLED_AT["VIP"])(database)
    unset_order(3, "processedAt")(database)
    set_job("vip:000000:00000", **{"result.processed": 9, "result.failed": 1})(database)
    payload = {"orderIds": [str(order_id(3))]}
    database.jobs.insert_one({"_id": "redrive:1", "status": "queued", "payload": payload})
    history = [{"phase": phase, "at": dataset.START} for phase in NORMAL_HISTORY]
    set_run(phase="ENQUEUE_NORMAL", phases=history)(database)
    assert audit().failed == ()


def test_order_that_failed_twice_counts_by_its_first(database: Documents, audit: Audit) -> None:
    fields = {"status": "falhou", "error": "no", "firstFailedAt": SETTLED_AT["VIP"]}
    set_order(3, failedAt=LATE, **fields)(database)
    unset_order(3, "processedAt")(database)
    assert "vip_before_normal" not in audit().failed


def test_other_handlers_write_what_they_like(database: Documents, audit: Audit) -> None:
    batches = {"payload.priority": {"$exists": True}}
    database.jobs.update_many(batches, {"$set": {"result.handler": "shop.handlers:ship"}})
    set_order(3, observacoes="sent by drone")(database)
    verdict = audit()
    assert (verdict.failed, verdict.unchecked) == ((), ("observation_of_others",))
    assert any("shop.handlers:ship (100 orders)" in check.found for check in verdict.checks)


def test_one_batch_of_another_handler_leaves_the_rest_judged(
    database: Documents, audit: Audit
) -> None:
    set_job("normal:000001:00003", **{"result.handler": "shop:ship"})(database)
    set_order(95, observacoes="sent by drone")(database)
    verdict = audit()
    assert (verdict.failed, verdict.unchecked) == ((), ("observation_of_others",))
    assert "observation_fits" in verdict.held


def test_batch_that_began_under_another_handler_is_not_judged(
    database: Documents, audit: Audit
) -> None:
    set_job("normal:000001:00003", **{"result.handler": "shop:ship"})(database)
    set_job("normal:000001:00002", deliveries=2)(database)
    set_order(85, observacoes="sent by drone")(database)
    assert audit().failed == ()


def test_a_split_batch_and_an_order_that_was_given_up_alone_are_well(
    database: Documents, audit: Audit
) -> None:
    split_batch()(database)
    assert audit().failed == ()
    alone = {"payload": {"first": 6, "last": 6}, "status": "failed"}
    rest = database.jobs.find_one({"_id": f"{RUN_ID}:vip:000000:00000/1"})
    assert rest is not None
    database.jobs.insert_one({**rest, **alone, "_id": f"{rest['_id']}/0"})
    set_job("vip:000000:00000/1", **{"payload.first": 7, "result.processed": 4})(database)
    set_job("vip:000000:00000/1/0", **{"result.processed": 1})(database)
    assert audit().failed == ()


NEEDS_JOBS = (
    "observation_fits",
    "chunks_wrote",
    "batches_cover",
    "batches_add_up",
    "vip_settled_first",
)


def test_without_its_jobs_the_orders_of_a_run_are_judged_still(
    database: Documents, audit: Audit
) -> None:
    database.jobs.drop()
    set_run(jobsExpired=LATE)(database)
    verdict = audit()
    assert (verdict.passed, verdict.failed, verdict.unchecked) == (True, (), NEEDS_JOBS)
    assert "13 checks passed, 5 not checkable" in verdict.headline()
    assert any("jobs removed by retention, 2026-03-01" in one.found for one in verdict.checks)
    set_order(30, processedAt=dataset.START)(database)
    set_order(31, valor=-1.0)(database)
    red = {"vip_before_normal", "windows_fit", "amounts_are_cents"}
    assert set(audit().failed) == red
    lose_order(database)
    assert {"stored_once", "adds_up", "totals_fit", "receipt_fits"} < set(audit().failed)


def test_without_its_orders_the_jobs_of_a_run_are_judged_still(
    database: Documents, audit: Audit
) -> None:
    database.orders.drop()
    set_run(ordersExpired=LATE)(database)
    verdict = audit()
    assert (verdict.passed, verdict.failed) == (True, ())
    assert {"stored_once", "chunks_wrote", "totals_fit", "receipt_fits"} < set(verdict.unchecked)
    set_job("normal:000001:00003", status="cancelled", createdSeq=EARLY)(database)
    assert set(audit().failed) == {"batches_cover", "vip_settled_first"}


def test_without_orders_and_jobs_the_record_is_judged_still(
    database: Documents, audit: Audit
) -> None:
    database.orders.drop()
    database.jobs.drop()
    set_run(ordersExpired=LATE, jobsExpired=LATE)(database)
    verdict = audit()
    assert (verdict.passed, verdict.failed) == (True, ())
    assert set(verdict.held) == {"no_strays", "nothing_open", "phases_in_order", "windows_fit"}


def test_an_import_without_its_jobs_is_held_against_its_record(
    database: Documents, audit: Audit
) -> None:
    database.jobs.drop()
    set_run(jobsExpired=LATE, **{"plan.importId": "upload", "live.generated": 99})(database)
    database.imports.insert_one({"_id": "upload", "report": {"accepted": dataset.QUANTITY}})
    assert set(audit().failed) == {"stored_once", "adds_up"}


def test_a_run_without_a_receipt_says_so(database: Documents, audit: Audit) -> None:
    set_run(receipt=None)(database)
    verdict = audit()
    assert (verdict.failed, verdict.unchecked) == ((), ("receipt_fits",))


def test_the_receipt_of_an_earlier_end_is_none(database: Documents, audit: Audit) -> None:
    set_run(resumes=1)(database)
    assert audit().unchecked == ("receipt_fits",)


def test_a_run_without_plan_can_not_be_audited(database: Documents, audit: Audit) -> None:
    database.process_runs.update_one({"_id": RUN_ID}, {"$unset": {"plan": ""}})
    with pytest.raises(AuditImpossible, match=f"run {RUN_ID} .* has no plan"):
        audit()


def test_cancelled_run_adds_up_with_what_it_deleted(database: Documents, audit: Audit) -> None:
    last = [order_id(sequence) for sequence in range(91, 101)]
    database.orders.delete_many({"_id": {"$in": last}})
    set_job("normal:000001:00003", status="cancelled", result={})(database)
    phases = ("GENERATING", "ENQUEUE_VIP", "WAITING_VIP_DRAIN", "ENQUEUE_NORMAL", "ABORTED")
    history = [{"phase": phase, "at": dataset.START} for phase in phases]
    set_run(phase="ABORTED", phases=history, totalProcessedNormal=70)(database)
    set_run(**{"receipt.processed": 90, "receipt.deletedByCancel": 10})(database)
    set_run(cancelled={"deletedPending": 10})(database)
    assert audit().failed == ()
    set_run(cancelled={"deletedPending": 9})(database)
    assert set(audit().failed) == {"stored_once", "adds_up", "chunks_wrote", "receipt_fits"}


def test_active_run_is_reported_as_open(database: Documents, audit: Audit) -> None:
    database.jobs.delete_many({"_id": {"$regex": ":normal:"}})
    database.jobs.delete_one({"_id": f"{RUN_ID}:chunk:000001"})
    database.orders.delete_many({"_id": {"$gt": order_id(80)}})
    pending = {"$set": {"status": "pendente", "observacoes": ""}, "$unset": {"processedAt": ""}}
    database.orders.update_many({"priority": "NORMAL"}, pending)
    set_job("vip:000001:00000", status="running", result={})(database)
    set_run(phase="GENERATING", phases=[{"phase": "GENERATING", "at": dataset.START}])(database)
    verdict = audit()
    assert verdict.failed == ()
    assert any("still arriving" in check.expected for check in verdict.checks)


def test_rows_known_before_are_no_orders(database: Documents, audit: Audit) -> None:
    set_run(**{"plan.importId": "upload"})(database)
    database.imports.insert_one({"_id": "upload", "report": {"accepted": dataset.QUANTITY}})
    database.orders.delete_one({"_id": order_id(100)})
    set_job("chunk:000001", result={"vip": 10, "normal": 40, "duplicates": 1})(database)
    set_job("normal:000001:00003", **{"result.processed": 9})(database)
    set_run(totalProcessedNormal=79)(database)
    set_run(**{"receipt.processed": 99, "receipt.generated": 99})(database)
    assert audit().failed == ()


def test_reset_must_leave_nothing(database: Documents, audit: Audit) -> None:
    set_run(hidden=True)(database)
    assert audit().failed == ("wiped",)
    database.orders.drop()
    database.jobs.drop()
    verdict = audit()
    assert not verdict.passed
    assert "Nothing to audit" in verdict.headline()
    assert "a reset wiped its orders and jobs" in verdict.headline()


def test_a_wiped_run_is_no_pass_because_the_api_answers(
    database: Documents, mongo_uri: str, mongo_database: str, unused_tcp_port: int
) -> None:
    set_run(hidden=True)(database)
    database.orders.drop()
    database.jobs.drop()
    verdict = audit_run(mongo_uri, mongo_database, api_url=f"http://127.0.0.1:{unused_tcp_port}")
    assert [check.key for check in verdict.checks] == ["wiped"]


def test_a_resets_hold_is_not_taken_for_the_newest_run(database: Documents, audit: Audit) -> None:
    database.process_runs.insert_one({"_id": "reset", "active": True, "owner": "a"})
    assert audit().passed


def test_run_is_named_or_newest(database: Documents, mongo_uri: str, mongo_database: str) -> None:
    assert audit_run(mongo_uri, mongo_database, RUN_ID).passed
    with pytest.raises(AuditImpossible, match="unknown"):
        audit_run(mongo_uri, mongo_database, str(UUID(int=1)))
    with pytest.raises(AuditImpossible, match="not a run id"):
        audit_run(mongo_uri, mongo_database, "latest")
    database.process_runs.drop()
    with pytest.raises(AuditImpossible, match="no run yet"):
        audit_run(mongo_uri, mongo_database)


def test_api_that_does_not_answer_is_no_pass(
    database: Documents, mongo_uri: str, mongo_database: str, unused_tcp_port: int
) -> None:
    verdict = audit_run(mongo_uri, mongo_database, api_url=f"http://127.0.0.1:{unused_tcp_port}")
    assert verdict.failed == ("api_answers",)
