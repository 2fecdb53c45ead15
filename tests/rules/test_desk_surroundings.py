"""A desk whose clock jumps or whose disk fills up: what is refused, what passes, how it ends."""

import asyncio
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from tidegate.desk.answers import Decision, DeskUnready, Undecided
from tidegate.desk.desk import Desk
from tidegate.desk.surroundings import LOW_DISK_BYTES
from tidegate.domain.reasons import Reason
from tidegate.engine.layout import Capacity
from tidegate.journal.protocol import Head
from tidegate.record import facts as f
from tidegate.record.lines import CANCEL, PAY

spec = importlib.util.spec_from_file_location(
    "desk_house", Path(__file__).with_name("desk_house.py")
)
assert spec is not None
assert spec.loader is not None
made: Any = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
House, run, NOW_MS, MINUTE_MS = made.House, made.run, made.NOW_MS, made.MINUTE_MS

pytestmark = pytest.mark.timeout(60)  # a desk that waits for itself would hang for good
MUST_CONFIRM = r"the clock moved {} s against itself: a person must confirm it .*clock confirm"


@pytest.mark.parametrize(("minutes", "said"), [(6, r"\+360"), (-6, "-360")])
def test_a_jump_refuses_orders_and_lets_everything_else_go_on_at_the_old_time(
    minutes: int, said: str
) -> None:
    async def scene() -> None:
        house = await House().open()
        await house.desk.place(house.order("before"))
        house.clock.wall_ms += minutes * MINUTE_MS
        house.clock.pass_s(1)
        house.look()
        for ask in (
            lambda: house.desk.place(house.order("meanwhile")),
            lambda: house.desk.place_rows(house.rows(["meanwhile"])),
        ):
            with pytest.raises(DeskUnready, match=MUST_CONFIRM.format(said)):
                ask()
        status = house.desk.status()
        assert not status.ready
        assert "a person must confirm it" in status.why
        paid = await house.desk.operate(house.operation("1", "before", PAY, amount_fen=1_000))
        assert paid.outcomes["reason"].tolist() == [0]
        assert (await house.say(f.SetFlag("shop", "paused", True))).reason == 0
        assert house.moments()[-2:] == [NOW_MS + 1_000] * 2

    run(scene())


@pytest.mark.parametrize("minutes", [4, -4, 5, -5])
def test_a_step_of_five_minutes_at_most_changes_nothing(minutes: int) -> None:
    async def scene() -> None:
        house = await House().open()
        house.clock.wall_ms += minutes * MINUTE_MS
        house.look()
        assert (await house.desk.place(house.order("1"))).reason == 0
        # Time on record never goes back.
        assert house.moments()[-1] == NOW_MS + max(0, minutes) * MINUTE_MS

    run(scene())


@pytest.mark.parametrize("minutes", [6, -6])
def test_orders_go_on_when_a_person_has_confirmed_the_time(minutes: int) -> None:
    async def scene() -> None:
        house = await House().open()
        house.clock.wall_ms += minutes * MINUTE_MS
        house.look()
        answer = await house.say(f.ConfirmClock("compared with the wall"), "confirm 1")
        assert answer.fact == f.ClockConfirmed("compared with the wall")
        assert house.desk.status().ready
        placed_at_ms = house.clock.wall_ms
        assert (await house.desk.place(house.order("1", placed_at_ms=placed_at_ms))).reason == 0
        assert house.moments()[-1] == NOW_MS + max(0, minutes) * MINUTE_MS
        assert made.folded(house.store).digest() == house.desk.machine.digest()

    run(scene())


def test_an_old_confirmation_again_or_one_of_nobody_confirms_nothing() -> None:
    async def scene() -> None:
        house = await House().open()
        for minutes in (6, 12):
            house.clock.wall_ms += minutes * MINUTE_MS
            house.look()
            nobody = await house.say(f.ConfirmClock(), f"nobody {minutes}", actor=0)
            assert nobody.reason == Reason.APPROVAL_MISSING
            again = await house.say(f.ConfirmClock(), "confirm 1")
            assert again.duplicate == (minutes == 12)
        assert not house.desk.status().ready
        assert (await house.say(f.ConfirmClock(), "confirm 2")).reason == 0
        assert house.desk.status().ready

    run(scene())


def test_a_confirmation_counts_when_it_is_durable() -> None:
    async def scene() -> None:
        house = await House().open()
        house.clock.wall_ms += 6 * MINUTE_MS
        house.look()
        house.store.next_fault = "full"
        with pytest.raises(Undecided):
            await house.say(f.ConfirmClock(), "confirm")
        await house.until(lambda: house.rebuilt == 2 and not house.desk._is_reading_anew)
        assert not house.desk.status().ready
        assert (await house.say(f.ConfirmClock(), "confirm")).duplicate is False
        assert house.desk.status().ready

    run(scene())


def test_a_pause_in_the_same_batch_as_orders_is_decided_when_the_jump_is_first_seen() -> None:
    """The desk looks around ten times a second; here the batch comes before the look."""

    async def scene() -> None:
        house = await House().open()
        house.clock.wall_ms += 6 * MINUTE_MS
        order = house.desk.place(house.order("1"))
        pause = house.say(f.SetFlag("shop", "paused", True))
        told = await asyncio.gather(order, pause, return_exceptions=True)
        assert isinstance(told[0], DeskUnready)
        assert told[1].reason == 0

    run(scene())


@pytest.mark.parametrize("jumped", [False, True])
def test_a_note_is_written_and_never_waited_for(jumped: bool) -> None:
    async def scene() -> None:
        house = await House().open()
        house.clock.wall_ms += jumped * 6 * MINUTE_MS
        house.desk.note(f.Note("snapshot", 3, "abc"))
        order = house.desk.place(house.order("1"))
        told = await asyncio.gather(order, return_exceptions=True)
        assert isinstance(told[0], DeskUnready) is jumped
        await house.settled()
        house.look()
        await house.settled()
        assert house.notes() == [f.Note("snapshot", 3, "abc")]

    run(scene())


def test_a_note_that_was_lost_with_its_batch_is_written_with_the_next() -> None:
    async def scene() -> None:
        house = await House().open()
        house.desk.note(f.Note("snapshot", 3, "abc"))
        house.store.next_fault = "full"
        house.look()
        await house.until(lambda: house.rebuilt == 2 and not house.desk._is_reading_anew)
        assert house.notes() == []
        house.look()
        await house.settled()
        assert house.notes() == [f.Note("snapshot", 3, "abc")]

    run(scene())


def test_a_start_with_a_clock_behind_the_journal_waits_for_a_person() -> None:
    async def scene() -> None:
        first = await House().open()
        await first.desk.stop()
        clock = made.HandClock()
        clock.wall_ms -= 60 * MINUTE_MS
        house = House(first.store, clock)
        house.start()
        house.look()
        with pytest.raises(DeskUnready, match=MUST_CONFIRM.format("-3600")):
            house.desk.place(house.order("1"))
        assert (await house.say(f.ConfirmClock(), "confirm")).reason == 0
        assert (await house.desk.place(house.order("1"))).reason == 0
        assert house.moments() == [NOW_MS] * len(house.moments())  # it stands until it is caught up

    run(scene())


def test_low_disk_refuses_orders_with_the_figures_until_there_is_room() -> None:
    async def scene() -> None:
        house = await House().open()
        await house.desk.place(house.order("before"))
        house.store.free_bytes = LOW_DISK_BYTES - 1
        house.clock.pass_s(1)
        house.look()
        with pytest.raises(DeskUnready, match="511 MiB of disk are free, 512 are needed"):
            house.desk.place(house.order("1"))
        with pytest.raises(DeskUnready, match="archive old segments"):
            house.desk.place_rows(house.rows(["1"]))
        cancelled = await house.desk.operate(house.operation("1", "before", CANCEL))
        assert cancelled.outcomes["reason"].tolist() == [0]
        house.store.free_bytes = LOW_DISK_BYTES
        house.look()
        assert not house.desk.status().ready  # the disk is asked once a second
        house.clock.pass_s(1)
        house.look()
        assert house.desk.status().ready
        assert (await house.desk.place(house.order("1"))).reason == 0

    run(scene())


def test_a_disk_that_does_not_say_counts_as_full(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        house = await House().open()

        def failing() -> int:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(house.desk._surroundings, "_free_bytes", failing)
        house.clock.pass_s(1)
        house.look()
        with pytest.raises(DeskUnready, match=r"how much room is left .Input/output error."):
            house.desk.place(house.order("1"))

    run(scene())


def test_a_full_disk_is_got_over_when_room_comes_back() -> None:
    """Nothing is stored, not even the claim after it; the desk tries again by itself."""

    async def scene() -> None:
        house = await House().open()
        assert (await house.desk.place(house.order("kept"))).reason == 0
        house.store.free_bytes = house.store.reserve_bytes
        with pytest.raises(Undecided, match="repeat the same id"):
            await house.desk.place(house.order("lost"))
        tries = 0
        for seconds in (1, 2, 4, 8, 16, 30, 30):
            await house.until(lambda: not house.desk._is_reading_anew)
            status = house.desk.status()
            assert not status.ready
            assert "free some disk space" in status.why
            with pytest.raises(DeskUnready, match="free some disk space"):
                house.desk.place(house.order("lost"))
            house.clock.pass_s(seconds - 0.001)
            house.look()
            assert not house.desk._is_reading_anew
            house.clock.pass_s(0.001)
            house.look()
            assert house.desk._is_reading_anew
            tries += 1
        assert tries == 7
        await house.until(lambda: not house.desk._is_reading_anew)
        house.store.free_bytes = 1 << 40
        house.clock.pass_s(30)
        house.look()
        await house.until(lambda: house.desk.status().ready)
        for name, duplicate in (("kept", True), ("lost", False)):
            decision = await house.desk.place(house.order(name))
            assert (decision.reason, decision.duplicate) == (0, duplicate)
        await house.desk.stop()
        assert int(made.folded(house.store).state.cells[0, 0]["pre_held"]) == 2

    run(scene())


def test_an_outcome_that_stays_unknown_is_read_back_by_reading_the_shop_anew() -> None:
    async def scene() -> None:
        house = await House().open()
        append = house.journal.append

        def unknown_twice(expected_seq: int, payload: bytes) -> Head:
            house.store.next_fault = "unknown_lost"
            return append(expected_seq, payload)

        house.journal.append = unknown_twice
        with pytest.raises(Undecided):
            await house.desk.place(house.order("1"))
        house.journal.append = append
        await house.until(lambda: house.desk.status().ready)
        assert (await house.desk.place(house.order("1"))).duplicate is False

    run(scene())


def test_a_failed_sync_ends_everything_until_a_restart() -> None:
    async def scene() -> None:
        house = await House().open()
        house.store.next_fault = "sync"
        with pytest.raises(Undecided):
            await house.desk.place(house.order("1"))
        for _ in range(3):
            house.clock.pass_s(60)
            house.look()
        assert house.desk.status().why == "the disk failed under a write: restart the server"
        with pytest.raises(DeskUnready, match="restart the server"):
            house.desk.operate(house.operation("1", "1", CANCEL))
        with pytest.raises(DeskUnready, match="restart the server"):
            house.say(f.ConfirmClock())
        assert house.rebuilt == 1
        await house.desk.stop()

    run(scene())


def test_a_desk_that_lost_its_shop_stays_away_and_a_jump_does_not_bring_it_back() -> None:
    async def scene() -> None:
        house = await House().open()
        other = House(house.store)
        with pytest.raises(Undecided):
            await house.desk.place(house.order("1"))
        house.clock.wall_ms += 6 * MINUTE_MS
        house.look()
        with pytest.raises(DeskUnready, match="another server took this shop over"):
            house.say(f.ConfirmClock(), "confirm")
        assert other.rebuilt == house.rebuilt == 1

    run(scene())


def test_a_bug_in_the_engine_stops_the_shop_and_answers_everybody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> None:
        house = await House().open()
        before = len(house.store.entries)
        monkeypatch.setattr(house.desk.machine, "decide_orders", lambda rows: rows["no field"])
        waiting = [house.desk.place(house.order(str(number))) for number in range(3)]
        waiting.append(house.desk.operate(house.operation("1", "1", CANCEL)))
        told = await asyncio.gather(*waiting, return_exceptions=True)
        assert [str(error) for error in told] == [
            "the engine failed on a batch, of which nothing was kept: restart the server"
        ] * 4
        with pytest.raises(DeskUnready, match="restart the server"):
            house.say(f.SetFlag("shop", "paused", True))
        house.look()
        await house.desk.stop()
        assert len(house.store.entries) == before

    run(scene())


def test_a_fault_in_one_callback_takes_nobody_elses_answer() -> None:
    async def scene() -> None:
        house = await House().open()
        heard: list[Any] = []

        def done(answer: Decision, error: BaseException | None) -> None:
            heard.append(answer.reason)
            if len(heard) == 1:
                raise ConnectionResetError("gone")

        desk: Desk = house.desk
        for number in range(3):
            desk.submit(house.order(str(number)), done)
        await house.until(lambda: len(heard) == 3)
        assert heard == [0, 0, 0]
        await desk.stop()

    run(scene())


def test_full_tables_forget_what_is_past_its_time_and_orders_go_on() -> None:
    async def scene() -> None:
        rows = 1 << 12
        house = await House(capacity=Capacity(rows, rows, 2 * rows, 2 * rows, 64, 64)).open(9)
        for part in range(6):
            refused = house.rows([f"{part} {number}" for number in range(450)])
            refused["receivable_fen"] = 1
            await house.desk.place_rows(refused)
        more = house.rows([f"m{number}" for number in range(400)])
        with pytest.raises(DeskUnready, match="tables are full"):
            await house.desk.place_rows(more)
        house.clock.pass_s(25 * 3_600)
        later = house.rows([f"n{number}" for number in range(400)])
        later["placed_at_ms"] = house.clock.now_ms()
        answer = await house.desk.place_rows(later)
        assert len(answer.outcomes) == 400
        assert made.folded(house.store, house.capacity).digest() == house.desk.machine.digest()

    run(scene())
