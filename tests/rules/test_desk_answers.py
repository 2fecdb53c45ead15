"""What a desk answers: repeats, ends of holds, large calls, fairness between orders and operations.

A hold's end in an answer is the one that the engine keeps.
"""

import asyncio
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tidegate.desk.inbox import BATCH_LINES_MAX, LINES_MAX, DeskBusy
from tidegate.desk.verify import verify
from tidegate.domain.reasons import Reason
from tidegate.engine.layout import Capacity
from tidegate.engine.machine import EXPIRE_MAX
from tidegate.record import entry as en
from tidegate.record import facts as f
from tidegate.record.lines import CANCEL, CONTINUES, EXTEND, FACT, LINE, PAID, PAY, LinesMalformed

spec = importlib.util.spec_from_file_location(
    "desk_house", Path(__file__).with_name("desk_house.py")
)
assert spec is not None
assert spec.loader is not None
made: Any = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
House, run, NOW_MS, MINUTE_MS = made.House, made.run, made.NOW_MS, made.MINUTE_MS

pytestmark = pytest.mark.timeout(60)  # a desk that waits for itself would hang for good
POLICY_S = 900
LONGEST_S = 7 * 86_400


@pytest.mark.parametrize(
    ("fields", "held_s"),
    [
        ({}, POLICY_S),
        ({"hold_ttl_s": 60}, 60),
        ({"hold_ttl_s": LONGEST_S + 1}, LONGEST_S),  # the policy's longest hold
        ({"hold_ttl_s": 2**32 - 1}, LONGEST_S),
        ({"flags": PAID}, 0),
        ({"flags": FACT}, 0),
    ],
)
def test_an_answer_says_when_the_hold_ends_and_a_repeat_says_the_same(
    fields: dict[str, int], held_s: int
) -> None:
    async def scene() -> None:
        house = await House().open()
        house.clock.pass_s(0.7)
        first = await house.desk.place(house.order("1", **fields))
        # Whole seconds, as the engine counts.
        ends_ms = (NOW_MS // 1000 + held_s) * 1000 if held_s else 0
        assert (first.reason, first.duplicate, first.hold_expires_ms) == (0, False, ends_ms)
        house.clock.pass_s(5)
        again = await house.desk.place(house.order("1", **fields))
        assert (again.reason, again.duplicate, again.hold_expires_ms) == (0, True, ends_ms)
        assert again.seq > first.seq

    run(scene())


def test_a_new_policy_changes_no_hold_that_was_given() -> None:
    async def scene() -> None:
        house = await House().open()
        first = await house.desk.place(house.order("1"))
        # The new policy is decided while the batch before it is on its way.
        second = house.desk.place(house.order("2"))
        policy = house.say(f.SetPolicy(hold_ttl_s=60))
        together = await asyncio.gather(second, policy)
        assert (await house.desk.place(house.order("1"))).hold_expires_ms == first.hold_expires_ms
        # Commands come first in a batch.
        assert together[0].hold_expires_ms == NOW_MS + 60_000
        third = await house.desk.place(house.order("3"))
        assert third.hold_expires_ms == NOW_MS + 60_000

    run(scene())


def test_a_repeat_tells_the_end_that_a_hold_was_extended_to() -> None:
    async def scene() -> None:
        house = await House().open()
        await house.desk.place(house.order("1"))
        row = house.operation("longer", "1", EXTEND, quantity=3_600)
        assert (await house.desk.operate(row)).outcomes["reason"].tolist() == [0]
        assert (await house.desk.place(house.order("1"))).hold_expires_ms == NOW_MS + 3_600_000
        await house.desk.operate(house.operation("paid", "1", PAY, amount_fen=1_000))
        # Over: the end that it had been given.
        assert (await house.desk.place(house.order("1"))).hold_expires_ms == NOW_MS + 900_000

    run(scene())


def test_a_refusal_is_repeated_with_its_figures_and_other_content_is_another_matter() -> None:
    async def scene() -> None:
        house = await House().open(units=2)
        short = await house.desk.place(house.order("1", quantity=3, receivable_fen=3_000))
        assert (short.reason, short.has, short.duplicate) == (Reason.STOCK_SHORT, 2, False)
        await house.say(f.ReceiveStock("A", 10))
        again = await house.desk.place(house.order("1", quantity=3, receivable_fen=3_000))
        assert (again.reason, again.has, again.duplicate) == (Reason.STOCK_SHORT, 2, True)
        other = await house.desk.place(house.order("1", quantity=1))
        assert (other.reason, other.duplicate) == (Reason.ID_REUSED, True)
        accepted = await house.desk.place(house.order("2"))
        later = await house.desk.place(house.order("2", placed_at_ms=NOW_MS + 1))
        assert (accepted.reason, later.reason, later.duplicate) == (0, 0, True)
        other = await house.desk.place(house.order("2", quantity=2, receivable_fen=2_000))
        assert (other.reason, other.duplicate, other.hold_expires_ms) == (
            Reason.ID_REUSED, True, 0,
        )  # fmt: skip

    run(scene())


def test_positions_count_commands_then_orders_then_operations() -> None:
    async def scene() -> None:
        house = await House().open()
        await house.desk.place(house.order("0"))
        told = await asyncio.gather(
            house.desk.operate(house.operation("x", "0", CANCEL)),
            house.desk.place(house.order("1")),
            house.desk.place_rows(house.rows(["2", "3"])),
            house.desk.place(house.order("1")),
            house.say(f.ReceiveStock("A", 1)),
        )
        seqs = {answer.seq for answer in told}
        assert len(seqs) == 1
        assert [answer.position for answer in told[:4]] == [5, 1, 2, 4]
        assert [told[1].duplicate, told[3].duplicate] == [False, True]

    run(scene())


@pytest.mark.parametrize("count", [BATCH_LINES_MAX, BATCH_LINES_MAX + 1, 3 * BATCH_LINES_MAX])
def test_a_call_larger_than_a_batch_is_a_batch_of_its_own(count: int) -> None:
    async def scene() -> None:
        house = await House(capacity=made.LARGE).open(units=count + 1)
        rows = house.rows([str(number) for number in range(count)])
        small = house.desk.place(house.order("small"))
        large = await house.desk.place_rows(rows)
        after = await house.desk.place(house.order("after"))
        assert (large.outcomes["reason"] == 0).all()
        assert len(large.outcomes) == count
        assert [(await small).reason, after.reason] == [0, Reason.STOCK_SHORT]
        assert (await small).seq < large.seq < after.seq

    run(scene())


def test_what_the_inbox_never_takes_is_refused_at_once() -> None:
    async def scene() -> None:
        house = await House().open()
        with pytest.raises(DeskBusy, match="the inbox is full; repeat the same id after 1 s"):
            house.desk.place_rows(np.zeros(LINES_MAX + 1, LINE))
        with pytest.raises(LinesMalformed, match="there is no order"):
            house.desk.place_rows(np.zeros(0, LINE))
        with pytest.raises(LinesMalformed, match="continues no order"):
            house.desk.place_rows(house.rows(["1"], flags=CONTINUES))
        rows = house.rows(["1"] * 65, flags=CONTINUES)
        rows["flags"][0] = 0
        with pytest.raises(LinesMalformed, match="more than 64 lines"):
            house.desk.place_rows(rows)
        assert house.desk.status().inbox == 0
        assert (await house.desk.place(house.order("1"))).reason == 0

    run(scene())


def test_operations_without_end_do_not_keep_a_large_call_waiting() -> None:
    """Each batch has operations; the rows of one call need a batch's whole room."""

    async def scene() -> None:
        house = await House(capacity=made.LARGE).open(units=BATCH_LINES_MAX)
        large = house.desk.place_rows(
            house.rows([str(number) for number in range(BATCH_LINES_MAX)])
        )
        rounds = 0
        while not large.done():
            await house.desk.operate(house.operation(f"pay {rounds}", "none", PAY))
            rounds += 1
            assert rounds < 10
        assert ((await large).outcomes["reason"] == 0).all()

    run(scene())


def test_five_thousand_holds_that_end_at_once_end_by_record_and_verify() -> None:
    """More than two batches of the disk's; none is ended in memory before it is on its way."""

    async def scene() -> None:
        count = 5_000
        house = await House().open(units=count)
        rows = house.rows([str(number) for number in range(count)], flags=0)
        await house.desk.place_rows(rows)
        house.clock.pass_s(POLICY_S)
        while int(house.desk.machine.state.cells[0, 0]["pre_held"]):
            house.look()
            await house.settled()
            # What is in memory is what is on record.
            assert made.folded(house.store).digest() == house.desk.machine.digest()
        ended = [len(en.read_expired(frame.body)) for frame in house.frames(en.EXPIRED)]
        assert ended == [EXPIRE_MAX] * 4 + [count - 4 * EXPIRE_MAX]
        told = verify(house.journal, made.SEED, Capacity.small())
        assert (told.fault, told.expired) == ("", count)

    run(scene())


def test_a_hold_that_was_extended_away_and_back_verifies() -> None:
    """It stands twice among the holds that are due, and ends once."""

    async def scene() -> None:
        house = await House().open()
        for name in ("1", "2"):
            await house.desk.place(house.order(name))
        moved = (("1", 950), ("2", 960), ("1", 970), ("1", 950))
        for number, (order, seconds) in enumerate(moved):
            row = house.operation(str(number), order, EXTEND, quantity=seconds)
            assert (await house.desk.operate(row)).outcomes["reason"].tolist() == [0]
        house.clock.pass_s(1_000)
        assert house.desk.machine.due().tolist() == []  # the moment of the last batch
        house.look()
        await house.settled()
        assert [en.read_expired(frame.body).tolist() for frame in house.frames(en.EXPIRED)] == [
            [3, 4]
        ]
        told = verify(house.journal, made.SEED, Capacity.small())
        assert (told.fault, told.expired) == ("", 2)

    run(scene())


@pytest.mark.parametrize(
    ("hi", "lo"), [(0, 0), (0, 1), (2**64 - 1, 0), (0, 2**64 - 1), (2**64 - 1, 2**64 - 1)]
)
def test_ids_at_the_bounds_of_128_bits_are_ids_like_any_other(hi: int, lo: int) -> None:
    async def scene() -> None:
        house = await House().open()
        rows = house.rows(["1", "2"])
        rows["id_hi"], rows["id_lo"] = hi, lo
        rows["id_lo"][1] ^= np.uint64(2)
        first = await house.desk.place_rows(rows)
        again = await house.desk.place_rows(rows)
        assert first.outcomes[["reason", "flags"]].tolist() == [(0, 0), (0, 0)]
        assert again.outcomes[["reason", "flags"]].tolist() == [(0, 1), (0, 1)]
        assert int(house.desk.machine.state.cells[0, 0]["committed"]) == 2

    run(scene())


def test_a_stop_answers_what_waits_and_what_is_on_its_way() -> None:
    async def scene() -> None:
        house = await House().open()
        waiting = [house.desk.place(house.order(str(number))) for number in range(5)]
        pause = house.say(f.SetFlag("shop", "paused", True))
        await house.desk.stop()
        answers = await asyncio.gather(*waiting, pause)
        assert [answer.reason for answer in answers] == [Reason.SHOP_PAUSED] * 5 + [0]
        assert house.frames(en.ORDERS)

    run(scene())
