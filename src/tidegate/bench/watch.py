"""How many decisions a second the watch takes in on one core: entries of a journal in, alarms out.

Always whole entries as a desk writes them, unpacked, scored and learnt from, on one thread; the
watch is warm, so nothing is left out for being new. Saving and loading its memory stand beside.
"""

import time
from collections.abc import Callable

import numpy as np

from tidegate.bench.figures import HIGHER, LOWER, NEITHER, Context, Round
from tidegate.bench.foreign import ForeignCpu
from tidegate.record.entry import EntryWriter
from tidegate.record.lines import CONTINUES, OUTCOME
from tidegate.testing.workload import Workload, hot, mixed
from tidegate.watch import layout as lo
from tidegate.watch.storing import load, save
from tidegate.watch.watching import Names, Watch

BATCH = 4_096
MONTH_MS = 30 * 86_400_000
ORDERS_PER_S = 1_200_000  # orders made for each second asked for


def entries_of(made: Workload, later_ms: int = 0) -> list[tuple[bytes, int]]:
    """Every batch of a workload as an entry, with the number of its decisions."""
    writer = EntryWriter()
    entries = []
    for rows, now_ms in made.batches(BATCH):
        orders = int(np.count_nonzero(rows["flags"] & CONTINUES == 0))
        writer.orders(rows, np.zeros(orders, OUTCOME))
        entries.append((writer.take(now_ms + later_ms, 1, 1), orders))
    return entries


def run(context: Context) -> Round:
    """One round: orders of one line and one key, then mixed baskets."""
    result = Round()
    orders = max(BATCH, int(ORDERS_PER_S * context.seconds))
    parts: tuple[tuple[str, Callable[[int, int], Workload]], ...] = (("hot", hot), ("mixed", mixed))
    for number, (name, make) in enumerate(parts):
        context.progress(number / len(parts), f"{name}: making {orders:,} orders")
        entries = entries_of(make(orders, context.seed))
        watch = Watch()
        first = max(1, len(entries) // 4)
        for payload, _ in entries[:first]:
            watch.take_entry(payload)
        grow_old(watch)
        _measure(result, f"watch.{name}", watch, entries[first:] or entries)
    _measure_saving(result, watch)
    return result


def grow_old(watch: Watch) -> None:
    """As if what is known had begun a month ago: rates are judged as well."""
    state = watch.state
    born = state.channel_levels[:, lo.CH_BORN_MS]
    born[born > 0] -= MONTH_MS
    state.times[:, lo.BORN_MS] -= MONTH_MS
    state.counts[lo.FIRST_SEEN_MS] -= MONTH_MS


def _measure(result: Round, prefix: str, watch: Watch, entries: list[tuple[bytes, int]]) -> None:
    alarms = 0
    with ForeignCpu() as cpu:
        started_s = time.perf_counter()
        for payload, _ in entries:
            alarms += len(watch.take_entry(payload))
        spent_s = time.perf_counter() - started_s
    decisions = sum(orders for _, orders in entries)
    result.add(f"{prefix}.decisions_per_s", decisions / spent_s, "1/s", HIGHER)
    result.add(f"{prefix}.batch_ms", spent_s / len(entries) * 1000, "ms", LOWER)
    result.add(f"{prefix}.alarms", alarms, "alarms", NEITHER)
    if cpu.result is not None:
        result.foreign[prefix] = cpu.result.foreign


def _measure_saving(result: Round, watch: Watch) -> None:
    started_s = time.perf_counter()
    saved = save(watch.state, Names(), 1, "")
    saved_s = time.perf_counter() - started_s
    load(saved)
    loaded_s = time.perf_counter() - started_s - saved_s
    result.add("watch.memory.save_ms", saved_s * 1000, "ms", LOWER)
    result.add("watch.memory.load_ms", loaded_s * 1000, "ms", LOWER)
    result.add("watch.memory.bytes", len(saved), "B", LOWER)
