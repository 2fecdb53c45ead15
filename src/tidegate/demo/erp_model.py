"""A small honest model of the store ERP that failed: every deduction waits in one bounded queue.

Always holds: the same orders and parameters give the same outcome, counted in whole microseconds.
Never here: a sleep, a random number, or a claim about a real product; every parameter is printed,
and those that nobody published are assumptions.

How it works. The platform takes an order at once if its own *shown* stock covers it. It asks the
ERP whether the buyer is within the limit; an answer that would take longer than the timeout is
not waited for, and the order passes: the guard fails open. Even an answer in time knows only the
orders already deducted. Each order taken becomes one job in the ERP's queue. A job that finds the
queue full is left to the ERP's next pull of orders. With each pull the ERP also queues a stock
synchronisation, which waits its turn like any job, and only then corrects the shown stock.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from tidegate.demo import published
from tidegate.demo.crowd import LIMIT_PER_ACCOUNT, Orders

_SYNC: Final = -1  # a queued job that is no order
_MINUTE_US: Final = 60_000_000


@dataclass(frozen=True, slots=True)
class ErpParameters:
    """What the model assumes; 50 a second is JD's published figure for plain database rows."""

    deduction_us: int = 20_000  # 50 a second
    queue_capacity_jobs: int = 50_000
    pull_every_s: int = 300  # 旺店通's documented interval
    limit_check_timeout_ms: int = 3_000
    limit_units: int = LIMIT_PER_ACCOUNT
    closes_at_ms: int = 1_800_000
    platform_counts_down: bool = False  # the platform lowers its shown stock by itself

    @property
    def deductions_per_s(self) -> float:
        """The rate that `deduction_us` stands for."""
        return 1_000_000 / self.deduction_us

    def scaled(self, scale: float) -> "ErpParameters":
        """The same ERP for a crowd of another size: rate and capacity shrink with the crowd."""
        return replace(
            self,
            deduction_us=max(1, round(self.deduction_us / scale)),
            queue_capacity_jobs=max(1, round(self.queue_capacity_jobs * scale)),
        )


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute's end: orders taken and deducted so far, jobs waiting, and the lag in seconds."""

    minute: int
    orders_taken: int
    orders_deducted: int
    jobs_waiting: int
    lag_s: int


@dataclass(frozen=True, slots=True)
class ErpOutcome:
    """What the night left behind in the model."""

    orders_taken: int
    units_taken: int
    orders_of_50_or_more: int
    largest_order_units: int
    refused_by_limit: int
    refused_by_stock: int
    checks_failed_open: int
    oversold_units: int
    oversold_by_sku: tuple[int, ...]
    buyers_over_limit: int
    peak_queue_jobs: int
    peak_left_to_pull_jobs: int
    peak_lag_s: int
    lag_at_close_s: int
    last_taken_s: int  # when the last order was taken, seconds after midnight
    deducted_at_close: int
    minutes: tuple[Minute, ...] = field(repr=False)


Lines = tuple[tuple[int, int], ...]  # (product, boxes)


def lines_of(orders: Orders) -> list[tuple[int, int, Lines]]:
    """(arrival in microseconds, buyer, lines) of every order, in order of arrival."""
    columns = [
        orders[name].tolist()
        for name in ("at_ms", "buyer", "sku", "quantity", "second_sku", "second_quantity")
    ]
    return [
        (at * 1000, buyer, ((sku, units), (sku2, units2)) if units2 else ((sku, units),))
        for at, buyer, sku, units, sku2, units2 in zip(*columns, strict=True)
    ]


class _Erp:
    """The state of both sides: what the platform shows, what the ERP has got round to."""

    def __init__(
        self,
        orders: list[tuple[int, int, Lines]],
        stock_units: Sequence[int],
        parameters: ErpParameters,
    ) -> None:
        self.orders = orders
        self.parameters = parameters
        self.service_us = parameters.deduction_us
        self.shown = list(stock_units)
        self.book = list(stock_units)  # the ERP's own stock
        self.counted: dict[tuple[int, int], int] = {}  # (buyer, product) -> boxes deducted
        self.queue: deque[tuple[int, int]] = deque()  # (queued at, order or _SYNC)
        self.left_to_pull: deque[int] = deque()
        self.free_at_us = 0
        self.deducted = 0
        self.peak_queue = 0
        self.peak_left = 0
        self.peak_lag_us = 0

    def work_until(self, now_us: int) -> None:
        """Serve every job that is finished by now, in the order they were queued."""
        queue, service_us = self.queue, self.service_us
        while queue:
            done_us = max(queue[0][0], self.free_at_us) + service_us
            if done_us > now_us:
                return
            self.free_at_us = done_us
            job = queue.popleft()[1]
            if job == _SYNC:
                self.shown = [max(0, units) for units in self.book]
            else:
                self._deduct(job)

    def _deduct(self, job: int) -> None:
        """One order reaches the books; stock may go below zero, the goods are promised already."""
        _, buyer, lines = self.orders[job]
        for sku, units in lines:
            self.book[sku] -= units
            key = (buyer, sku)
            self.counted[key] = self.counted.get(key, 0) + units
        self.deducted += 1

    def lag_us(self, now_us: int) -> int:
        """How long a question asked now would wait before the ERP gets round to it."""
        jobs = len(self.queue) + len(self.left_to_pull)
        if not jobs:
            return 0
        # The job in service began when both it and the server were there: part of it is done.
        began = max(self.queue[0][0], self.free_at_us) if self.queue else now_us
        lag_us = jobs * self.service_us - (now_us - began)
        self.peak_lag_us = max(self.peak_lag_us, lag_us)
        return lag_us

    def enqueue(self, job: int, now_us: int) -> None:
        """Hand an order to the ERP; a full queue leaves it to the next pull."""
        if len(self.queue) < self.parameters.queue_capacity_jobs:
            self.queue.append((now_us, job))
            self.peak_queue = max(self.peak_queue, len(self.queue))
        else:
            self.left_to_pull.append(job)
            self.peak_left = max(self.peak_left, len(self.left_to_pull))

    def pull(self, now_us: int) -> None:
        """The regular pull: orders left behind as far as there is room, then a stock sync."""
        while self.left_to_pull and len(self.queue) < self.parameters.queue_capacity_jobs:
            self.queue.append((now_us, self.left_to_pull.popleft()))
        self.queue.append((now_us, _SYNC))
        self.peak_queue = max(self.peak_queue, len(self.queue))

    def within_limit(self, buyer: int, lines: Lines) -> bool:
        """The ERP's answer from what it has deducted so far."""
        limit, counted = self.parameters.limit_units, self.counted
        return all(counted.get((buyer, sku), 0) + units <= limit for sku, units in lines)

    def show_fewer(self, lines: Lines) -> None:
        """The variant in which the platform lowers its shown stock by itself."""
        for sku, units in lines:
            self.shown[sku] -= units


@dataclass(slots=True)
class _Tally:
    """What the platform did with the orders."""

    taken: list[int] = field(default_factory=list)
    refused_by_limit: int = 0
    refused_by_stock: int = 0
    failed_open: int = 0


def simulate(
    orders: Orders, stock_units: Sequence[int], parameters: ErpParameters | None = None
) -> ErpOutcome:
    """Play the orders (in order of arrival) through the model; half a second for the night."""
    p = parameters or ErpParameters()
    night = _Night(_Erp(lines_of(orders), stock_units, p))
    for job, (at_us, _, _) in enumerate(night.erp.orders):
        if at_us >= p.closes_at_ms * 1000:
            break
        night.pass_time_until(at_us)
        night.arrive(job)
    night.pass_time_until(p.closes_at_ms * 1000)
    return _outcome(night, stock_units)


class _Night:
    """The half hour: arrivals, pulls and the end of each minute in their order of time."""

    def __init__(self, erp: _Erp) -> None:
        self.erp = erp
        self.taken: list[int] = []
        self.refused_by_limit = 0
        self.refused_by_stock = 0
        self.failed_open = 0
        self.minutes: list[Minute] = []
        self._next_pull_us = erp.parameters.pull_every_s * 1_000_000
        self._next_minute_us = _MINUTE_US

    def pass_time_until(self, now_us: int) -> None:
        """Let every pull and every minute's end up to now happen."""
        while min(self._next_pull_us, self._next_minute_us) <= now_us:
            if self._next_pull_us <= self._next_minute_us:
                self.erp.work_until(self._next_pull_us)
                self.erp.pull(self._next_pull_us)
                self._next_pull_us += self.erp.parameters.pull_every_s * 1_000_000
            else:
                self.minutes.append(self._minute())
                self._next_minute_us += _MINUTE_US

    def arrive(self, job: int) -> None:
        """An order reaches the platform: shown stock, then the limit if it is told in time."""
        erp = self.erp
        at_us, buyer, lines = erp.orders[job]
        erp.work_until(at_us)
        if any(erp.shown[sku] < units for sku, units in lines):
            self.refused_by_stock += 1
            return
        if erp.lag_us(at_us) > erp.parameters.limit_check_timeout_ms * 1000:
            self.failed_open += 1
        elif not erp.within_limit(buyer, lines):
            self.refused_by_limit += 1
            return
        self.taken.append(job)
        if erp.parameters.platform_counts_down:
            erp.show_fewer(lines)
        erp.enqueue(job, at_us)

    def _minute(self) -> Minute:
        now_us = self._next_minute_us
        self.erp.work_until(now_us)
        return Minute(
            minute=now_us // _MINUTE_US,
            orders_taken=len(self.taken),
            orders_deducted=self.erp.deducted,
            jobs_waiting=len(self.erp.queue) + len(self.erp.left_to_pull),
            lag_s=self.erp.lag_us(now_us) // 1_000_000,
        )


def _outcome(night: _Night, stock_units: Sequence[int]) -> ErpOutcome:
    """Count what was promised against what there was, buyer by buyer and product by product."""
    erp = night.erp
    promised = [0] * len(stock_units)
    bought: dict[tuple[int, int], int] = {}
    sizes: list[int] = []
    for job in night.taken:
        _, buyer, lines = erp.orders[job]
        sizes.append(sum(units for _, units in lines))
        for sku, units in lines:
            promised[sku] += units
            bought[buyer, sku] = bought.get((buyer, sku), 0) + units
    over = {buyer for (buyer, _), units in bought.items() if units > erp.parameters.limit_units}
    oversold = tuple(max(0, n - s) for n, s in zip(promised, stock_units, strict=True))
    closes_us = erp.parameters.closes_at_ms * 1000
    erp.work_until(closes_us)
    return ErpOutcome(
        orders_taken=len(night.taken),
        units_taken=sum(promised),
        orders_of_50_or_more=sum(size >= published.LARGE_ORDER_BOXES for size in sizes),
        largest_order_units=max(sizes, default=0),
        refused_by_limit=night.refused_by_limit,
        refused_by_stock=night.refused_by_stock,
        checks_failed_open=night.failed_open,
        oversold_units=sum(oversold),
        oversold_by_sku=oversold,
        buyers_over_limit=len(over),
        peak_queue_jobs=erp.peak_queue,
        peak_left_to_pull_jobs=erp.peak_left,
        peak_lag_s=erp.peak_lag_us // 1_000_000,
        lag_at_close_s=erp.lag_us(closes_us) // 1_000_000,
        last_taken_s=erp.orders[night.taken[-1]][0] // 1_000_000 if night.taken else 0,
        deducted_at_close=erp.deducted,
        minutes=tuple(night.minutes),
    )
