"""The textbook side does the desk's work and does it right; without it no ratio is honest."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.bench.figures import BenchSkipped
from tidegate.domain.reasons import Reason
from tidegate.testing.workload import Terms, hot

psycopg = pytest.importorskip("psycopg")

from tidegate.bench import postgres, postgres_orders  # noqa: E402  needs psycopg
from tidegate.bench.postgres_server import PostgresServer  # noqa: E402


@pytest.fixture(scope="module")
def conninfo() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        try:
            with PostgresServer(Path(folder)) as server:
                yield server.conninfo
        except BenchSkipped as reason:
            pytest.skip(str(reason))


def terms_of(made: Terms, stock_units: int, budget_fen: int) -> Terms:
    return Terms(
        made.stock_units * 0 + stock_units, made.price_fen, made.price_floor_fen, made.limit_units,
        made.limit_groups, made.promotions, budget_fen, made.channels, made.hold_ttl_s,
    )  # fmt: skip


def decide_all(conninfo: str, orders: int, stock_units: int, budget_fen: int) -> Counter[str]:
    made = hot(orders, seed=11, buyers=40)
    postgres_orders.prepare(conninfo, terms_of(made.terms, stock_units, budget_fen))
    seen: Counter[str] = Counter()
    with psycopg.connect(conninfo) as connection:
        for order in postgres_orders.order_rows(made.rows):
            reason, duplicate = postgres_orders.place(connection, order, 5)
            seen["duplicate" if duplicate else Reason(reason).name] += 1
    return seen


def naive(orders: int, stock_units: int, budget_fen: int) -> Counter[str]:
    """The same decisions with dicts, in the same order of guards."""
    made, seen = hot(orders, seed=11, buyers=40), Counter[str]()
    ids: set[int] = set()
    bought: Counter[int] = Counter()
    for row in made.rows:
        quantity, fen, buyer = int(row["quantity"]), int(row["receivable_fen"]), int(row["key0"])
        if int(row["id_lo"]) in ids:
            seen["duplicate"] += 1
            continue
        ids.add(int(row["id_lo"]))
        if fen < quantity * int(made.terms.price_floor_fen[0]):
            seen["PRICE_BELOW_FLOOR"] += 1
        elif bought[buyer] + quantity > 5:
            seen["LIMIT_EXCEEDED"] += 1
        elif fen > budget_fen:
            seen["BUDGET_EXHAUSTED"] += 1
        elif quantity > stock_units:
            seen["STOCK_SHORT"] += 1
        else:
            bought[buyer] += quantity
            stock_units -= quantity
            budget_fen -= fen
            seen["ACCEPTED"] += 1
    return seen


@pytest.mark.parametrize(
    ("stock_units", "budget_fen"), [(1_000, 10**9), (60, 10**9), (1_000, 200_000)]
)
def test_one_connection_decides_as_an_auditor_of_dicts_does(
    conninfo: str, stock_units: int, budget_fen: int
) -> None:
    seen = decide_all(conninfo, 300, stock_units, budget_fen)
    assert seen == naive(300, stock_units, budget_fen)
    assert postgres.faults(conninfo, stock_units, 5) == []


def test_the_audit_of_the_textbook_side_finds_an_oversell_and_a_passed_limit(
    conninfo: str,
) -> None:
    decide_all(conninfo, 100, 1_000, 10**9)
    with psycopg.connect(conninfo) as connection:
        connection.execute("update sku set available = available + 1")
        connection.execute(
            "insert into shop_order values (1, 1, 1, 0, 6, 1, 0, 0), (2, 2, 2, 0, 5, 1, 0, 0)"
        )
    found = postgres.faults(conninfo, 1_000, 5)
    assert found[0].startswith("PostgreSQL sold ")
    assert found[1] == "PostgreSQL let 1 buyers pass the limit"


def test_several_processes_share_the_work_and_break_nothing(conninfo: str) -> None:
    made = hot(400, seed=12, buyers=60)
    postgres_orders.prepare(conninfo, terms_of(made.terms, 150, 10**9))
    tally = postgres_orders.drive(conninfo, made.rows, 5, connections=8, seconds=30.0)
    assert tally.decided == 400
    assert len(tally.latencies_s) == 400
    assert tally.duplicates == 400 - len(set(made.rows["id_lo"].tolist()))
    assert postgres.faults(conninfo, 150, 5) == []
