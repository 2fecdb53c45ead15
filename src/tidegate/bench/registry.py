"""Which benches there are, what each may cost, and what each is asked to reach.

A bench is a module with `run(context) -> Round`. The names here are what a person types; a target
once printed is not loosened to be met. Nothing here imports a bench: rounds run in a process of
their own, which imports just the one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

AT_LEAST = "at least"
AT_MOST = "at most"
EXACTLY = "exactly"


@dataclass(frozen=True)
class Bench:
    """One entry of the command line."""

    name: str
    title: str
    module: str
    rounds: int  # figures are the best of so many; 1 for those that count instead of time
    seconds: float  # measured in each part of a round
    quick_seconds: float
    deadline_s: float  # a round that takes longer is stopped and reported as failed
    beside: bool = True  # print raw fdatasync and bare echo of the same minute beside it
    by_default: bool = True  # run when no bench is named


BENCHES: tuple[Bench, ...] = (
    Bench("machine", "raw disk, memory, hashing", "probe", 3, 2.0, 0.3, 60, beside=False),
    Bench("echo", "bare HTTP echo", "echo", 3, 5.0, 1.0, 90, beside=False),
    Bench("postgres", "textbook pattern on PostgreSQL", "postgres", 3, 8.0, 1.5, 120),
    Bench("inprocess", "decisions in process, hot and mixed", "inprocess", 3, 2.0, 0.1, 240),
    Bench("http", "one order a request, wrk, 64 connections", "http_orders", 3, 6.0, 2.0, 360),
    Bench("packed", "the packed door, from another process", "packed", 3, 2.0, 0.1, 240),
    Bench("restart", "restart with 10,000,000 orders behind it", "restart", 1, 1.0, 0.2, 600),
    Bench("memory", "bytes an order, counter and key", "memory", 1, 2.0, 0.2, 240, beside=False),
    Bench("price", "a basket of 20 lines priced", "price", 3, 3.0, 0.3, 60, beside=False),
    Bench("guard", "lowest prices of 10,000 SKUs proven", "guard", 3, 1.0, 0.2, 120, beside=False),
    Bench("watch", "decisions the watch takes in", "watch", 3, 1.0, 0.1, 120, beside=False),
    Bench("vault", "a reading of the vault, 1,000,000 persons", "vault", 1, 3.0, 0.2, 600, False),
    Bench("incident", "a night and 10^7 orders analysed", "incident", 1, 1.0, 0.2, 600, False),
    Bench("gate", "whether a message may go, one person and many", "push_gate", 3, 1.0, 0.1, 120),
    Bench("growth", "cost a decision at 10^4 and 10^7 orders", "growth", 1, 1.0, 0.2, 600),
    Bench("kill", "SIGKILLs under load, judged from the answers", "kill", 1, 1.0, 0.2, 900, False),
    Bench("kill-long", "1,000 SIGKILLs", "kill_long", 1, 1.0, 0.2, 14_400, False, by_default=False),
)


@dataclass(frozen=True)
class Target:
    """What is asked: a figure, or the ratio of a figure to the greatest of others."""

    title: str
    figure: str
    relation: str
    value: float
    unit: str
    over: tuple[str, ...] = ()

    def measured(self, figures: Mapping[str, float]) -> float | None:
        """The value that counts, or None where a bench it needs was not run."""
        if self.figure not in figures:
            return None
        if not self.over:
            return figures[self.figure]
        # Against the best that the other side managed in this run, however it was driven.
        others = [figures[name] for name in self.over if name in figures]
        return figures[self.figure] / max(others) if others and max(others) > 0 else None

    def met(self, value: float) -> bool:
        """Whether the value reaches the target."""
        if self.relation == AT_LEAST:
            return value >= self.value
        if self.relation == AT_MOST:
            return value <= self.value
        return value == self.value


HOT = "inprocess.hot.decisions_per_s"
HTTP = "http.order.orders_per_s"
TEXTBOOK = ("postgres.c1.decisions_per_s", "postgres.c16.decisions_per_s")

TARGETS: tuple[Target, ...] = (
    Target("in process, one identity key", HOT, AT_LEAST, 3_000_000, "1/s"),
    Target("in process, mixed", "inprocess.mixed.decisions_per_s", AT_LEAST, 1_500_000, "1/s"),
    Target("in process, at least half accepted", "inprocess.hot.accepted_share", AT_LEAST, 0.5, ""),
    Target("packed door, other process", "packed.hot.decisions_per_s", AT_LEAST, 1_500_000, "1/s"),
    Target("one order a request, HTTP", HTTP, AT_LEAST, 30_000, "1/s"),
    Target("one order a request, p99", "http.order.p99_ms", AT_MOST, 10.0, "ms"),
    Target("HTTP order over bare echo", HTTP, AT_LEAST, 0.6, "x", ("http.order.echo_per_s",)),
    Target("HTTP over textbook PostgreSQL", HTTP, AT_LEAST, 12.0, "x", TEXTBOOK),
    Target("in process over textbook PostgreSQL", HOT, AT_LEAST, 1_000.0, "x", TEXTBOOK),
    Target("restart to first answer", "restart.first_answer.seconds", AT_MOST, 3.0, "s"),
    Target("live single-line order", "memory.live_order.bytes", AT_MOST, 96, "B"),
    Target("closed order", "memory.closed_order.bytes", AT_MOST, 48, "B"),
    Target("limit counter", "memory.limit_counter.bytes", AT_MOST, 32, "B"),
    Target("identity key", "memory.identity_key.bytes", AT_MOST, 40, "B"),
    Target("cost a decision, 10^7 over 10^4", "growth.end_to_end.ratio", AT_MOST, 1.5, "x"),
    Target("guard, full proof of 10,000 SKUs", "guard.full.proof_s", AT_MOST, 10.0, "s"),
    Target("guard, an edit of 100 SKUs", "guard.full.edit_ms", AT_MOST, 300, "ms"),
    Target("price, 20 lines, 5 promotions a line", "price.basket_20.median_us", AT_MOST, 500, "us"),
    Target("watch, one core", "watch.hot.decisions_per_s", AT_LEAST, 500_000, "1/s"),
    Target("watch, mixed", "watch.mixed.decisions_per_s", AT_LEAST, 500_000, "1/s"),
    Target("a night of 140,500 buyers analysed", "incident.night.seconds", AT_MOST, 1.0, "s"),
    Target("10,000,000 orders analysed", "incident.large.seconds", AT_MOST, 15.0, "s"),
    Target(
        "night's figures differ from a naive count",
        "incident.night.differs_from_naive",
        EXACTLY,
        0,
        "",
    ),
    Target("vault reading, 1,000,000 persons, p99", "vault.read.p99_ms", AT_MOST, 1.0, "ms"),
    Target("gate, one question, median", "push_gate.one.median_us", AT_MOST, 20, "us"),
    Target("gate, a push", "push_gate.many.decisions_per_s", AT_LEAST, 100_000, "1/s"),
    Target("kills: acknowledged orders lost", "kill.judged.lost", EXACTLY, 0, ""),
    Target("kills: units oversold", "kill.judged.oversold", EXACTLY, 0, ""),
    Target("kills: buyers over the limit", "kill.judged.over_limit", EXACTLY, 0, ""),
)


def chosen(names: list[str]) -> list[Bench]:
    """The benches of those names, in the registry's order; the usual ones when none is named."""
    known = {bench.name for bench in BENCHES}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(
            f"no bench {', '.join(unknown)}; there are {', '.join(b.name for b in BENCHES)}"
        )
    return [bench for bench in BENCHES if bench.name in names or (not names and bench.by_default)]
