"""What the demo's watch act makes of what it saw."""

import json

import pytest

from tidegate.demo.watch_act import Silence, Stop, WatchFigures, ended_at, order, pieces, told


def stop(shop: str, orders: int, delay_ms: int, ours_ms: int = 0) -> Stop:
    return Stop(shop=shop, orders=orders, delay_ms=delay_ms, ours_ms=ours_ms, sentence="why")


def figures(orders: int, delay_ms: int, load: float) -> WatchFigures:
    return WatchFigures(
        paced=stop("a", orders, delay_ms), fast=stop("b", 150, 40), pushed=stop("c", 4, 90),
        polled=stop("d", 23_400, 300_250, 250),
        silent=Silence(after_s=1_980, per_hour=30, sentence="s"), load=load, cores=2,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("orders", "delay_ms", "load", "is_kept"),
    [(5, 1_000, 0.5, True), (6, 80, 0.5, False), (6, 80, 4.0, True), (5, 1_001, 9.0, False)],
)
def test_five_orders_and_a_second_are_promised(
    orders: int, delay_ms: int, load: float, is_kept: bool
) -> None:
    assert (figures(orders, delay_ms, load).faults() == []) is is_kept


def test_the_figures_are_told_in_lines() -> None:
    lines = [english for english, _ in told(figures(4, 112, 0.5))]
    polled = "stopped 300.2 s after the first sale, 23,400 sales later; 250 ms of it are ours"
    assert lines == [
        "own shop at 78 orders a second: stopped after 4 orders, 112 ms",
        "own shop at full speed: stopped after 150 orders, 40 ms of traffic",
        "marketplace, pushed: stopped 90 ms after the first sale, 4 sales later",
        f"marketplace, asked every 5 minutes: {polled}",
        "marketplace that says nothing: an alarm after 33 minutes at 30 orders an hour",
    ]


def test_a_silence_is_known_by_its_beginning() -> None:
    assert ended_at("silence-channel-0-0-1790553600000") == 1_790_553_600_000
    assert ended_at("cheap-channel-0-0-1790553600000") == 0


def test_sales_go_in_pieces_one_a_line() -> None:
    rows = [order(f"W-{n}", "A", 10, 5) for n in range(4_001)]
    sent = [part.splitlines() for part in pieces(rows)]
    assert [len(part) for part in sent] == [2_000, 2_000, 1]
    assert json.loads(sent[2][0]) == rows[4_000]
