"""What is promised of the figures that the benches measure; a bench that misses one ends with 1."""

from __future__ import annotations

# The pipeline's seconds over the bare loop's, at most.
RATIO = 1.25
# CPU seconds per 100,000 orders of all clients together beyond the bare loop's own, at most.
CLIENT_DIFFERENCE = 0.35
STATUS_P99_MS = 10.0
PICKUP_P99_MS = 50.0
BARRIER_MS = 250.0
PROCESS_PEAK_MIB = 200.0
REDIS_PEAK_MIB = 32.0
# An order's cost at any quantity over that at a million, at most.
FLAT_WITHIN = 1.10
# The pipeline's orders a second over those of a plain arq worker, at least.
ARQ_FACTOR = 50.0
# metrics and traces on beside neither: more processor time for an order, in percent
OBSERVABILITY_PERCENT = 3.0
# from when a checkout was due until its answer: with nothing else to do, and beside a run
CHECKOUT_P99_MS = 50.0
CHECKOUT_BESIDE_RUN_P99_MS = 150.0
# of 1.5 times as much as can be done: how long VIPs wait over how long others do, both p99
VIP_WAIT_SHARE = 0.2
