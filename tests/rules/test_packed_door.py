"""The packed door: frames of every wrong kind, slow and deaf front processes, bounds on both.

A real socket and the real desk; the front process is a plain socket of the test's.
"""

import asyncio
import importlib.util
import socket
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tidegate.desk.inbox import LINES_MAX
from tidegate.domain.reasons import Reason
from tidegate.journal.protocol import Head
from tidegate.packed import door as door_module
from tidegate.packed import wire
from tidegate.packed.doors import require_short
from tidegate.record import facts as f
from tidegate.record.lines import (
    OUTCOME,
    PAY,
    Array,
)

spec = importlib.util.spec_from_file_location(
    "packed_front", Path(__file__).with_name("packed_front.py")
)
assert spec is not None
assert spec.loader is not None
made: Any = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
Front, asked, scene = made.Front, made.asked, made.scene
hello, told = made.hello, made.told

pytestmark = pytest.mark.timeout(60)
U64 = 2**64 - 1
HEAD = wire.ASK.pack


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "begin with TGPK"),
        (HEAD(b"TGPA", 1, 1, 1, 0), "begin with TGPK"),
        (HEAD(b"TGPK", 1, 1, 1, 1), "end its head with zero"),
        (HEAD(b"TGPK", 3, 1, 1, 0), "kind 3 with 1 rows: kinds are 0-2, rows 1 to 16384"),
        (HEAD(b"TGPK", 2**32 - 1, U64, 2**32 - 1, 0), "kinds are 0-2"),
        (HEAD(b"TGPK", 0, 1, 0, 0), "kind 0 with 0 rows"),
        (HEAD(b"TGPK", 0, 1, 257, 0), "a hello has at most 256 bytes"),
        (HEAD(b"TGPK", 1, 1, 1, 0), "say hello with a key first"),
        (HEAD(b"TGPK", 1, 1, 1, 0) + bytes(96), "say hello with a key first"),
        (hello("own:nobody"), "this key may not write orders to any shop here"),
        (hello("own:reader"), "this key may not write orders"),
        (hello("other:all"), "this key may not write orders"),
        (hello("all"), "this key may not write orders"),
        (hello(":"), "this key may not write orders"),
    ],
)
def test_who_begins_wrongly_is_told_why_and_hung_up_on(
    tmp_path: Path, data: bytes, why: str
) -> None:
    async def play(front: Front) -> None:
        answers = told(await front.said(data))
        assert [(status, tag) for status, tag, _ in answers] == [(wire.REFUSED, 0)]
        assert why in answers[0][2]

    scene(tmp_path, play)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"x" * 24, "begin with TGPK"),
        (HEAD(b"TGPK", 1, 2, wire.ROWS_MAX + 1, 0), "rows 1 to 16384"),
        (HEAD(b"TGPK", 2, 2, 0, 0), "rows 1 to 16384"),
        (HEAD(b"TGPK", 1, 2, 2**31, 0), "rows 1 to 16384"),
        (hello("own:nobody"), "this key may not write orders"),
    ],
)
def test_a_broken_frame_ends_the_connection_after_the_answers_that_are_due(
    tmp_path: Path, data: bytes, why: str
) -> None:
    async def play(front: Front) -> None:
        rows = front.house.rows(["1", "2"])
        frame = HEAD(b"TGPK", wire.ORDERS, 8, 2, 0) + rows.tobytes()
        answers = told(await front.said(hello() + frame + data + frame))
        assert answers[:2] == [(wire.DECIDED, 7, ""), (wire.DECIDED, 8, "2 outcomes")]
        assert answers[2][:2] == (wire.REFUSED, 0)
        assert why in answers[2][2]
        assert len(answers) == 3

    scene(tmp_path, play)


def test_a_frame_may_come_byte_by_byte_and_frames_may_come_together(tmp_path: Path) -> None:
    async def play(front: Front) -> None:
        rows = front.house.rows(["1"])
        frame = HEAD(b"TGPK", wire.ORDERS, 8, 1, 0) + rows.tobytes()
        reader, writer = await asyncio.open_unix_connection(str(front.path))
        for byte in hello() + frame:
            writer.write(bytes([byte]))
            await writer.drain()
        writer.write(frame * 40)
        size = wire.ANSWER.size * 42 + OUTCOME.itemsize * 41
        answers = told(await asyncio.wait_for(reader.readexactly(size), 20))
        assert answers == [(0, 7, ""), *[(0, 8, "1 outcomes")] * 41]
        writer.close()

    scene(tmp_path, play)


def test_a_front_that_goes_in_the_middle_of_a_frame_or_before_its_answers_harms_nobody(
    tmp_path: Path,
) -> None:
    async def play(front: Front) -> None:
        rows = front.house.rows([str(number) for number in range(100)])
        whole = HEAD(b"TGPK", wire.ORDERS, 8, 100, 0) + rows.tobytes()
        for data in (hello()[:11], hello() + whole[:-1], hello() + whole):
            _, writer = await asyncio.open_unix_connection(str(front.path))
            writer.write(data)
            await writer.drain()
            writer.transport.abort()
        await front.house.until(lambda: front.doors.connections == 0)
        client = await front.client()
        answer = await asked(client, rows)
        assert (answer.outcomes["reason"] == 0).all()
        again = await asked(client, rows)
        assert (again.outcomes["flags"] == 1).all()
        client.close()

    scene(tmp_path, play)


def test_a_second_frame_is_answered_while_the_first_is_whole_in_the_buffer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more asks under way than there may be, although more stand in the buffer."""

    async def play(front: Front) -> None:
        seen = []
        operate = front.house.desk.operate

        def counted(rows: Array) -> Any:  # noqa: ANN401 -- a future
            seen.append(max(len(door._answers) for door in front.doors._open))
            return operate(rows)

        monkeypatch.setattr(front.house.desk, "operate", counted)
        row = front.house.operation("1", "none", PAY)
        frame = HEAD(b"TGPK", wire.OPERATIONS, 8, 1, 0) + row.tobytes()
        reader, writer = await asyncio.open_unix_connection(str(front.path))
        writer.write(hello() + frame * 1_000)
        size = wire.ANSWER.size * 1_001 + OUTCOME.itemsize * 1_000
        answers = told(await asyncio.wait_for(reader.readexactly(size), 20))
        assert answers == [(0, 7, ""), *[(0, 8, "1 outcomes")] * 1_000]
        assert len(seen) == 1_000
        assert max(seen) <= door_module.ASKS_WAITING_MAX
        writer.close()

    scene(tmp_path, play)


def test_a_front_that_does_not_read_is_not_read_from(tmp_path: Path) -> None:
    """Answers of 256 KiB a frame; what is not read stays within what the system holds."""

    async def play(front: Front) -> None:
        frame = HEAD(b"TGPK", wire.OPERATIONS, 8, wire.ROWS_MAX, 0)
        frame += np.repeat(front.house.operation("1", "none", PAY), wire.ROWS_MAX).tobytes()
        deaf = socket.socket(socket.AF_UNIX)
        deaf.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(deaf, str(front.path))
        await loop.sock_sendall(deaf, hello())
        # Sending stops, because nobody reads it.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(loop.sock_sendall(deaf, frame * 40), 1.0)
        (door,) = front.doors._open
        held = door._transport.get_write_buffer_size()
        # One answer more than the bound may be there: it came before reading stopped.
        most = door_module.UNREAD_BYTES_MAX + wire.ROWS_MAX * OUTCOME.itemsize + wire.ANSWER.size
        assert held <= most
        other = await front.client()
        assert (await asked(other, front.house.rows(["1"]))).status == wire.DECIDED
        other.close()
        deaf.close()

    scene(tmp_path, play)


def test_a_front_may_send_as_much_as_the_inbox_holds_before_it_reads(tmp_path: Path) -> None:
    """One thread that sends first and then reads, as `PackedClient` does, must not hang."""

    async def play(front: Front) -> None:
        client = await front.client()
        rows = np.repeat(front.house.operation("1", "none", PAY), wire.ROWS_MAX)
        frames = LINES_MAX // wire.ROWS_MAX
        assert frames * wire.ROWS_MAX * OUTCOME.itemsize > 1 << 19  # far above a default buffer

        def send_then_read() -> list[int]:
            for _ in range(frames):
                client.ask(rows)
            return [client.read().status for _ in range(frames)]

        assert await asyncio.to_thread(send_then_read) == [wire.DECIDED] * frames
        client.close()

    scene(tmp_path, play)


def test_connections_are_bounded_and_one_too_many_hears_so(tmp_path: Path) -> None:
    async def play(front: Front) -> None:
        clients = [await front.client() for _ in range(2)]
        answers = told(await front.said(b""))
        assert answers == [(wire.REFUSED, 0, "2 connections are open: close one of them")]
        with pytest.raises(PermissionError, match="close one of them"):
            await front.client()
        clients.pop().close()
        await front.house.until(lambda: front.doors.connections == 1)
        clients.append(await front.client())
        for client in clients:
            client.close()

    scene(tmp_path, play, connections_max=2)


def test_who_says_no_hello_in_time_is_hung_up_on_and_held_little_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_module, "HELLO_S", 0.05)

    async def play(front: Front) -> None:
        answers = told(await front.said(hello()[:20]))
        assert answers == [(wire.REFUSED, 0, "no hello within 0.05 s")]
        client = await front.client()
        (door,) = front.doors._open
        assert door._view.nbytes == door_module.BUFFER_BYTES
        await asyncio.sleep(0.1)  # the deadline was the hello's alone
        assert (await asked(client, front.house.rows(["1"]))).status == wire.DECIDED
        client.close()

    scene(tmp_path, play)


def test_before_its_hello_a_connection_has_room_for_a_hello_only(tmp_path: Path) -> None:
    async def play(front: Front) -> None:
        _, writer = await asyncio.open_unix_connection(str(front.path))
        await front.house.until(lambda: front.doors.connections == 1)
        (door,) = front.doors._open
        assert door._view.nbytes == wire.ASK.size + 256
        writer.close()
        await front.house.until(lambda: front.doors.connections == 0)

    scene(tmp_path, play)


def test_a_busy_and_an_unready_desk_say_so_and_the_connection_goes_on(tmp_path: Path) -> None:
    async def play(front: Front) -> None:
        client = await front.client()
        front.house.desk._inbox.lines += LINES_MAX
        answer = await asked(client, front.house.rows(["1"]))
        assert (answer.status, answer.text) == (
            wire.BUSY, "the inbox is full; repeat the same id after 1 s",
        )  # fmt: skip
        front.house.desk._inbox.lines -= LINES_MAX
        front.house.clock.wall_ms += 360_000
        front.house.look()
        answer = await asked(client, front.house.rows(["2"]))
        assert answer.status == wire.UNREADY
        assert "a person must confirm it" in answer.text
        await front.house.say(f.ConfirmClock(), "confirm")
        answer = await asked(client, front.house.rows(["2"]))
        assert answer.outcomes["reason"].tolist() == [0]
        front.house.store.next_fault = "full"
        answer = await asked(client, front.house.rows(["3"]))
        assert (answer.status, answer.text) == (
            wire.UNDECIDED, "whether it was stored is not known: repeat the same id",
        )  # fmt: skip
        client.close()

    scene(tmp_path, play)


def test_a_stop_answers_what_was_asked_before_it_hangs_up(tmp_path: Path) -> None:
    async def play(front: Front) -> None:
        client = await front.client()
        rows = front.house.rows([str(number) for number in range(1_000)])
        append, may_go_on = front.house.journal.append, threading.Event()

        def held(expected_seq: int, payload: bytes) -> Head:
            assert may_go_on.wait(20)
            return append(expected_seq, payload)

        front.house.journal.append = held
        tags = [await asyncio.to_thread(client.ask, rows) for _ in range(5)]
        await front.house.until(lambda: len(front.doors._open[0]._answers) == 5)
        stopping = asyncio.ensure_future(front.house.desk.stop())
        await asyncio.sleep(0)
        late = client.ask(rows[:1])
        await front.house.until(lambda: len(front.doors._open[0]._answers) == 6)
        may_go_on.set()
        await stopping
        ending = asyncio.ensure_future(front.doors.end())
        answers = [await asyncio.to_thread(client.read) for _ in tags]
        refused = await asyncio.to_thread(client.read)
        assert (refused.tag, refused.status, refused.text) == (
            late, wire.UNREADY, "the server is stopping: repeat the same id",
        )  # fmt: skip
        assert [(answer.status, len(answer.outcomes)) for answer in answers] == [(0, 1_000)] * 5
        with pytest.raises(EOFError):
            await asyncio.to_thread(client.read)
        await ending
        client.close()

    scene(tmp_path, play)


def test_a_repeat_and_other_content_by_the_packed_door(tmp_path: Path) -> None:
    async def play(front: Front) -> None:
        client = await front.client()
        rows = front.house.rows(["1"])
        first = await asked(client, rows)
        again = await asked(client, rows)
        rows["quantity"] = 2
        other = await asked(client, rows)
        found = [answer.outcomes[["reason", "flags"]].tolist() for answer in (first, again, other)]
        assert found == [[(0, 0)], [(0, 1)], [(int(Reason.ID_REUSED), 1)]]
        client.close()

    scene(tmp_path, play)


def test_a_socket_path_that_is_too_long_is_refused_in_words() -> None:
    require_short(Path("/" + "a" * 106))
    with pytest.raises(ValueError, match=r"has 108 bytes.* at most 107: give --store a shorter"):
        require_short(Path("/" + "a" * 107))
    with pytest.raises(ValueError, match="serve with --no-packed"):
        require_short(Path("/" + "潮" * 36))
