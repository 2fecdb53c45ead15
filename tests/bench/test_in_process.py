"""The engine gives the made-up orders the answers that an auditor of dicts gives, durably."""

from collections import Counter
from pathlib import Path

import pytest

from tidegate.bench import inprocess
from tidegate.bench.bench_shop import SEED, BenchShop, capacity_for
from tidegate.bench.figures import Context
from tidegate.domain.reasons import Reason
from tidegate.engine.machine import Machine
from tidegate.journal.protocol import BATCH, Head, JournalError
from tidegate.record.lines import DUPLICATE
from tidegate.testing.workload import Workload, hot, mixed


def audit(made: Workload) -> Counter[str]:
    """The hot workload, decided with dicts in the order of guards."""
    terms, seen, bought = made.terms, set[int](), Counter[int]()
    stock_units, budget_fen = int(terms.stock_units[0]), terms.budget_fen
    verdicts = Counter[str]()
    for row in made.rows:
        buyer, quantity, fen = int(row["key0"]), int(row["quantity"]), int(row["receivable_fen"])
        if int(row["id_lo"]) in seen:
            verdicts["duplicate"] += 1
            continue
        seen.add(int(row["id_lo"]))
        if fen < quantity * int(terms.price_floor_fen[0]):
            verdicts["PRICE_BELOW_FLOOR"] += 1
        elif bought[buyer] + quantity > terms.limit_units[0]:
            verdicts["LIMIT_EXCEEDED"] += 1
        elif fen > budget_fen:
            verdicts["BUDGET_EXHAUSTED"] += 1
        elif quantity > stock_units:
            verdicts["STOCK_SHORT"] += 1
        else:
            bought[buyer] += quantity
            stock_units -= quantity
            budget_fen -= fen
            verdicts["ACCEPTED"] += 1
    return verdicts


def test_hot_orders_are_decided_as_the_auditor_decides_them(tmp_path: Path) -> None:
    made = hot(20_000, 9, buyers=4_000)
    with BenchShop(tmp_path / "shop", made.terms, capacity_for(made.orders)) as shop:
        shop.quoted(made.rows)
        verdicts = Counter[str]()
        for rows, now_ms in made.batches(1_024):
            shop.machine.begin(now_ms, 20_752)
            for outcome in shop.machine.decide_orders(rows):
                again = int(outcome["flags"]) & DUPLICATE
                verdicts["duplicate" if again else Reason(int(outcome["reason"])).name] += 1
    assert verdicts == audit(made)
    assert verdicts["LIMIT_EXCEEDED"] > 0


def test_what_was_answered_is_what_the_journal_leads_to(tmp_path: Path) -> None:
    made = mixed(6_000, 9, skus=200, hold_ttl_s=1, orders_per_s=2_000)
    with BenchShop(tmp_path / "shop", made.terms, capacity_for(made.orders)) as shop:
        shop.quoted(made.rows)
        answered = shop.run(made.batches(256))
        other = Machine(SEED, shop.capacity)
        for entry in shop.journal.read(1, 1 << 30):
            if entry.kind == BATCH:
                other.fold(entry.payload)
        assert other.digest() == shop.machine.digest()
        assert shop.journal.head() == shop.head
    assert answered.orders == 6_000
    assert answered.expired > 0
    assert len(answered.batch_s) == -(-6_000 // 256)


def test_a_journal_that_fails_ends_the_run_with_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = hot(4_096, 9)

    def failing(expected_seq: int, payload: bytes) -> Head:
        raise JournalError(f"no more after {expected_seq}: {len(payload)} bytes")

    with BenchShop(tmp_path / "shop", made.terms, capacity_for(made.orders)) as shop:
        shop.quoted(made.rows)
        monkeypatch.setattr(shop.journal, "append", failing)
        with pytest.raises(JournalError, match="no more after"):
            shop.run(made.batches(64))


def test_a_round_has_every_figure_that_must_be_printed_and_the_books_agree(tmp_path: Path) -> None:
    context = Context(0.02, tmp_path, 1, quick=True, progress=lambda _share, _text: None)
    made = inprocess.run(context)
    for part in ("hot", "mixed"):
        for name in ("decisions_per_s", "batch_orders", "batch_p99_ms", "bytes_per_decision"):
            assert made.value(f"inprocess.{part}.{name}") > 0
    assert made.value("inprocess.hot.accepted_share") >= 0.5
    assert made.remarks == []
    assert list(tmp_path.iterdir()) == []
