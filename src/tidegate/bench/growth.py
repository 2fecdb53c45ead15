"""Whether a decision costs the same with ten million orders behind it as with ten thousand.

End to end means decided, encoded, hashed and durable; the kernel's own growth stands beside it. The
orders that come last draw on the same people and counters as all before, so that no table stays
cold. Orders that only fill the tables are not journalled.
"""

import dataclasses
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tidegate.bench.bench_shop import LOCAL_DAY, BenchShop, capacity_for, terms_for, warm_up
from tidegate.bench.figures import LOWER, Context, Round
from tidegate.bench.foreign import ForeignCpu
from tidegate.engine.orders import decide_orders
from tidegate.record.lines import OUTCOME
from tidegate.testing.workload import Rows, Workload, hot

SMALL_ORDERS = 10_000
LARGE_ORDERS = 10_000_000
QUICK_LARGE_ORDERS = 300_000
CHUNK_ORDERS = 1_000_000
BATCH = 2_048
WINDOW_BATCHES = 16
WINDOWS = 9
BUYERS_SHARE = 0.4


def run(context: Context) -> Round:
    """One round: many small shops, then one large."""
    result = Round()
    warm_up()
    large = QUICK_LARGE_ORDERS if context.quick else LARGE_ORDERS
    with ForeignCpu() as cpu:
        context.progress(0.1, f"{SMALL_ORDERS:,} orders behind")
        small = [
            _costs(context.folder / f"small-{n}", SMALL_ORDERS, context.seed, windows=1)
            for n in range(WINDOWS)
        ]
        context.progress(0.4, f"{large:,} orders behind")
        grown = _costs(context.folder / "large", large, context.seed, windows=WINDOWS)
    # The best window of each side: others on the machine make a window slower, never faster.
    end_to_end = (min(one.end_to_end_ns[0] for one in small), min(grown.end_to_end_ns))
    kernel = (min(one.kernel_ns[0] for one in small), min(grown.kernel_ns))
    for name, (before, after) in (("end_to_end", end_to_end), ("kernel", kernel)):
        result.add(f"growth.{name}.ratio", after / before, "x", LOWER)
        result.add(f"growth.{name}.ns_small", before, "ns")
        result.add(f"growth.{name}.ns_large", after, "ns")
        result.add(f"growth.{name}.orders_large", large, "orders")
        if cpu.result is not None:
            result.foreign[f"growth.{name}"] = cpu.result.foreign
    return result


@dataclasses.dataclass
class Costs:
    """Nanoseconds a decision, one figure a window."""

    end_to_end_ns: list[float]
    kernel_ns: list[float]


def _costs(folder: Path, behind: int, seed: int, windows: int) -> Costs:
    window_orders = WINDOW_BATCHES * BATCH
    total = behind + 2 * windows * window_orders
    buyers = int(total * BUYERS_SHARE)
    with BenchShop(folder, terms_for(total, seed), capacity_for(total)) as shop:
        for made in chunks(behind - SMALL_ORDERS, seed, buyers):
            shop.quoted(made.rows)
            for rows, now_ms in made.batches(BATCH * 2):
                shop.machine.begin(now_ms, LOCAL_DAY)
                shop.machine.decide_orders(rows)
                shop.machine.finish()  # not journalled: a head start, not what is measured
        warming = hot(SMALL_ORDERS, seed, first_order=behind - SMALL_ORDERS, buyers=buyers)
        shop.quoted(warming.rows)
        shop.run(warming.batches(BATCH))  # a fresh file's first appends are slow, small or large
        costs = Costs([], [])
        for number in range(windows):
            first = behind + 2 * number * window_orders
            made = hot(2 * window_orders, seed, first_order=first, buyers=buyers)
            shop.quoted(made.rows)
            batches = list(made.batches(BATCH))
            answered = shop.run(batches[:WINDOW_BATCHES])
            costs.end_to_end_ns.append(answered.seconds / answered.orders * 1e9)
            costs.kernel_ns.append(_kernel_ns(shop, batches[WINDOW_BATCHES:]))
    shutil.rmtree(folder)
    return costs


def _kernel_ns(shop: BenchShop, batches: list[tuple[Rows, int]]) -> float:
    """Decide without encoding or journal. What stands in the journal is then less than what was
    decided, so this shop can only be thrown away.
    """
    outcomes = [np.zeros(len(rows), OUTCOME) for rows, _ in batches]
    started_s = time.perf_counter()
    for (rows, now_ms), out in zip(batches, outcomes, strict=True):
        shop.machine.begin(now_ms, LOCAL_DAY)
        decide_orders(shop.machine.state, rows, out)
    return (time.perf_counter() - started_s) / sum(map(len, outcomes)) * 1e9


def chunks(orders: int, seed: int, buyers: int) -> Iterator[Workload]:
    """Orders 0 .. orders-1 of one stream, so many at a time that memory stays small."""
    for first in range(0, orders, CHUNK_ORDERS):
        yield hot(min(CHUNK_ORDERS, orders - first), seed, first_order=first, buyers=buyers)
