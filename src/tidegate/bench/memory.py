"""What an order, a limit counter and an identity key cost in memory, from tables that are full.

Bytes are those of the rows and index buckets in use, divided by how many there are; beside them
stands what the process really took from the system. Nothing is journalled here.
"""

from pathlib import Path

import numpy as np

from tidegate.bench.bench_shop import LOCAL_DAY, SEED, capacity_for, warm_up
from tidegate.bench.figures import LOWER, Context, Round
from tidegate.engine import layout as lo
from tidegate.engine.machine import Machine
from tidegate.engine.state import memory
from tidegate.record.lines import PAID
from tidegate.testing.shop import quoted_now, set_up
from tidegate.testing.workload import HOT_FLOOR_FEN, Rows, hot

ORDERS_PER_S = 500_000  # of the seconds asked for: 1,000,000 orders in two seconds
BATCH = 8_192
HOLD_TTL_S = 600
PAGE_KIB = 1024


def run(context: Context) -> Round:
    """One round; the figures do not depend on speed, so one is enough."""
    result = Round()
    warm_up()
    context.progress(0.1, "filling the tables")
    made = hot(
        int(ORDERS_PER_S * context.seconds), context.seed, buyers=1 << 40, duplicate_share=0.0
    )
    rows = acceptable(made.rows)
    machine = Machine(SEED, capacity_for(len(rows)))
    set_up(machine, made.terms, made.start_ms - 1000, LOCAL_DAY)
    quoted_now(machine, rows)
    before_bytes = resident_bytes()
    count = decide(machine, rows, made.start_ms)
    taken_bytes = resident_bytes() - before_bytes
    used = memory(machine.state)
    scalars = machine.state.scalars
    live = used.orders + used.order_index + used.blocks
    result.add("memory.live_order.bytes", live / count, "B", LOWER)
    keys, counters = int(scalars[lo.KEY_COUNT]), int(scalars[lo.COUNTER_COUNT])
    result.add("memory.limit_counter.bytes", used.counters / counters, "B", LOWER)
    result.add("memory.identity_key.bytes", used.keys / keys, "B", LOWER)
    result.add("memory.process.bytes_per_order", taken_bytes / count, "B", LOWER)
    result.add("memory.process.tables_bytes_per_order", sum(used) / count, "B", LOWER)
    context.progress(0.7, "letting every hold end")
    end_holds(machine)
    used = memory(machine.state)
    closed = used.orders + used.order_index + used.blocks
    result.add("memory.closed_order.bytes", closed / count, "B", LOWER)
    return result


def acceptable(rows: Rows) -> Rows:
    """The rows that no guard refuses, unpaid, so that they can also end."""
    kept = rows[rows["receivable_fen"] >= HOT_FLOOR_FEN * rows["quantity"]].copy()
    kept["quantity"] = 1
    kept["receivable_fen"] = HOT_FLOOR_FEN
    kept["flags"] &= ~np.uint8(PAID)
    kept["hold_ttl_s"] = HOLD_TTL_S
    return kept


def decide(machine: Machine, rows: Rows, now_ms: int) -> int:
    """Decide all rows at one moment; how many were accepted (all of them)."""
    for first in range(0, len(rows), BATCH):
        machine.begin(now_ms, LOCAL_DAY)
        outcomes = machine.decide_orders(rows[first : first + BATCH])
        assert not outcomes["reason"].any()
        machine.finish()
    return len(rows)


def end_holds(machine: Machine) -> None:
    """Let the holds end, and the time for late payment after them."""
    late_ms = int(machine.state.scalars[lo.LATE_PAYMENT_S]) * 1000
    for now_ms in (machine.now_ms + (HOLD_TTL_S + 1) * 1000, machine.now_ms + late_ms * 3):
        machine.begin(now_ms, LOCAL_DAY)
        while machine.expire():
            machine.finish()
    nothing = hot(1, 1).rows[:0]
    while int(machine.state.scalars[lo.LATE_BASE]) < int(machine.state.scalars[lo.LATE_COUNT]):
        machine.decide_orders(nothing)  # each batch lets go of a bounded number
        machine.finish()


def resident_bytes() -> int:
    """What this process holds of the machine's memory; 0 where /proc is missing."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    sizes = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
    return int(sizes[0]) * PAGE_KIB if sizes else 0
