"""What every journal promises, whatever stands behind it: one suite, run by each home.

Always against the protocol. Never a home's own faults: those are in tests/faults.
"""

import os
import random
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from tidegate.journal.chain import Chain, check_whole
from tidegate.journal.protocol import (
    BATCH,
    CLAIM,
    GENESIS,
    PAYLOAD_BYTES_MAX,
    AppendUnknown,
    Entry,
    Fenced,
    Journal,
    JournalReader,
    PayloadRefused,
    Pruned,
    StoreFull,
)
from tidegate.testing.journals import HOMES, STREAM, Home

WORKER = Path(__file__).with_name("journal_worker.py")
SOURCE = Path(__file__).resolve().parents[2] / "src"
RACE_ROUNDS = 30
RACE_WRITERS = 4
KILLS = 5


@pytest.fixture(params=sorted(HOMES))
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    return HOMES[request.param](tmp_path)


@pytest.fixture
def journal(home: Home) -> Iterator[Journal]:
    opened = home.writer()
    yield opened
    opened.close()


def everything(reader: JournalReader) -> list[Entry]:
    return reader.read(1, 1 << 40)


def test_an_empty_journal_has_no_head(home: Home, journal: Journal) -> None:
    for reader in (journal, home.reader()):
        assert reader.stream == STREAM
        assert reader.head() == GENESIS
        assert reader.base() == GENESIS
        assert reader.read(1) == []


def test_a_claim_is_an_entry_with_the_next_epoch(journal: Journal) -> None:
    head = journal.claim("till 1")
    (entry,) = everything(journal)
    assert (head.seq, head.epoch) == (1, 1)
    assert entry == Entry(1, 1, CLAIM, bytes(32), head.hash, b"till 1")


@pytest.mark.parametrize("owner", ["", "x" * 201])
def test_an_owner_has_a_name_of_some_length(journal: Journal, owner: str) -> None:
    with pytest.raises(PayloadRefused):
        journal.claim(owner)
    assert journal.head() == GENESIS


def test_the_hash_covers_stream_place_and_payload(journal: Journal) -> None:
    first = journal.claim("me")
    second = journal.append(1, b"hello")
    by_hand = sha256(
        b"tidegate journal entry v1\0"
        + bytes([len(STREAM)])
        + STREAM.encode()
        + struct.pack(">QQB", 2, 1, BATCH)
        + first.hash
        + struct.pack(">I", 5)
        + sha256(b"hello").digest()
    ).digest()
    assert second == (2, 1, by_hand)
    assert everything(journal)[1] == Entry(2, 1, BATCH, first.hash, by_hand, b"hello")


def test_nobody_appends_who_has_not_claimed(journal: Journal) -> None:
    with pytest.raises(Fenced):
        journal.append(0, b"x")
    assert journal.head() == GENESIS


@pytest.mark.parametrize("expected_seq", [0, 1, 3, 99])
def test_an_append_at_another_sequence_is_refused(journal: Journal, expected_seq: int) -> None:
    journal.claim("me")
    head = journal.append(1, b"x")
    with pytest.raises(Fenced):
        journal.append(expected_seq, b"y")
    assert journal.head() == head
    assert journal.append(2, b"z").seq == 3


def test_a_second_owner_fences_the_first(home: Home, journal: Journal) -> None:
    first = journal.claim("first")
    other = home.writer()
    second = other.claim("second")
    assert (second.seq, second.epoch) == (2, 2)
    for _ in range(2):
        with pytest.raises(Fenced):
            journal.append(first.seq, b"late")
    assert other.append(2, b"on time").seq == 3
    assert [entry.payload for entry in everything(other)] == [b"first", b"second", b"on time"]
    assert journal.claim("first again") == other.head()
    assert journal.head().epoch == 3
    other.close()


def test_a_claim_at_an_old_sequence_is_refused(home: Home, journal: Journal) -> None:
    journal.claim("first")
    other = home.writer()
    with pytest.raises(Fenced):
        other.claim("second", expected_seq=0)
    assert other.claim("second", expected_seq=1).seq == 2
    other.close()


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview])
def test_any_buffer_is_a_payload(journal: Journal, make: type) -> None:
    journal.claim("me")
    journal.append(1, make(b"abc"))
    assert everything(journal)[1].payload == b"abc"
    assert type(everything(journal)[1].payload) is bytes


@pytest.mark.parametrize("size", [1, 600_000, PAYLOAD_BYTES_MAX])
def test_payloads_come_back_whole(home: Home, journal: Journal, size: int) -> None:
    payload = random.Random(size).randbytes(size)
    journal.claim("me")
    head = journal.append(1, payload)
    assert home.reader().read(2)[0].payload == payload
    assert check_whole(STREAM, everything(journal)) == head


@pytest.mark.parametrize("size", [0, PAYLOAD_BYTES_MAX + 1])
def test_payloads_have_bounds(journal: Journal, size: int) -> None:
    head = journal.claim("me")
    with pytest.raises(PayloadRefused):
        journal.append(1, bytes(size))
    assert journal.head() == head
    assert journal.append(1, b"x").seq == 2


def test_reads_are_in_order_and_bounded(home: Home, journal: Journal) -> None:
    journal.claim("me")
    for seq in range(1, 10):
        journal.append(seq, bytes([seq]) * 100)
    reader = home.reader()
    assert [entry.seq for entry in reader.read(1)] == list(range(1, 11))
    assert [entry.seq for entry in reader.read(3, 250)] == [3, 4, 5]
    assert [entry.seq for entry in reader.read(3, 200)] == [3, 4]
    assert [entry.seq for entry in reader.read(3, 1)] == [3]
    assert reader.read(11) == []
    assert reader.read(1000) == []
    with pytest.raises(ValueError, match="start at 1"):
        reader.read(0)


def test_a_reopened_journal_continues(home: Home) -> None:
    journal = home.writer()
    journal.claim("one")
    journal.append(1, b"x")
    head = journal.head()
    journal.close()
    journal.close()
    again = home.writer()
    assert again.head() == head
    with pytest.raises(Fenced):
        again.append(2, b"not claimed yet")
    assert again.claim("two")[:2] == (3, 2)
    assert again.append(3, b"y")[:2] == (4, 2)
    check_whole(STREAM, everything(again))
    again.close()


def test_low_space_refuses_and_goes_on_by_itself(home: Home, journal: Journal) -> None:
    journal.claim("me")
    home.set_free_bytes(1000)
    with pytest.raises(StoreFull):
        journal.append(1, bytes(8 << 20))  # so much is always checked
    with pytest.raises(StoreFull):
        journal.append(1, bytes(8 << 20))
    assert journal.head().seq == 1
    assert journal.free_bytes() == 1000
    home.set_free_bytes(1 << 40)
    assert journal.append(1, b"x").seq == 2


@pytest.mark.parametrize("stored", [True, False])
def test_an_unknown_outcome_is_read_back(home: Home, journal: Journal, stored: bool) -> None:
    journal.claim("me")
    home.lose_next_answer(journal, stored)
    with pytest.raises(AppendUnknown) as lost:
        journal.append(1, b"x")
    home.answer_again(journal)
    attempt = lost.value.attempt
    assert attempt.seq == 2
    with pytest.raises(AppendUnknown):  # nothing goes on before it is resolved
        journal.append(1, b"x")
    assert journal.read_back(1, attempt.hash) == (attempt if stored else None)
    head = attempt if stored else journal.append(1, b"x")
    assert head == attempt
    assert journal.append(2, b"y").seq == 3
    assert [entry.payload for entry in everything(journal)] == [b"me", b"x", b"y"]


def test_reading_back_another_owners_entry_fences(home: Home, journal: Journal) -> None:
    head = journal.claim("me")
    attempt = Chain(STREAM).link(2, 1, BATCH, head.hash, b"x")
    other = home.writer()
    other.claim("other")
    with pytest.raises(Fenced):
        journal.read_back(1, attempt)
    with pytest.raises(Fenced):
        journal.append(1, b"x")
    other.close()


def test_pruned_entries_are_named(home: Home, journal: Journal) -> None:
    journal.claim("me")
    for seq in range(1, 100):
        journal.append(seq, b"x" * seq)
    kept = everything(journal)
    assert journal.prune(70) == kept[69].head
    for reader in (journal, home.reader()):
        assert reader.base() == kept[69].head
        assert reader.read(71) == kept[70:]
        with pytest.raises(Pruned) as pruned:
            reader.read(70)
        assert (pruned.value.from_seq, pruned.value.first_seq) == (70, 71)
    assert journal.prune(10**9) == kept[-1].head
    assert journal.head() == kept[-1].head
    assert journal.read(101) == []
    assert journal.append(100, b"after").seq == 101


def test_readers_see_exactly_a_prefix(home: Home, journal: Journal) -> None:
    journal.claim("me")
    acknowledged = [journal.head()]
    done = threading.Event()
    reader = home.reader()

    def watch() -> int:
        polls = 0
        while not done.is_set() or polls == 0:
            before = acknowledged[-1].seq
            head = check_whole(STREAM, everything(reader))
            assert head.seq in range(before, acknowledged[-1].seq + 2)
            polls += 1
        return polls

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch)
        for seq in range(1, 150):
            acknowledged += [journal.append(seq, bytes([seq]) * 3000)]
        done.set()
        watching.result(timeout=60)
    assert check_whole(STREAM, everything(reader)) == acknowledged[-1]


def test_one_thread_wins_each_claim(home: Home) -> None:
    journals = [home.writer() for _ in range(RACE_WRITERS)]
    start = threading.Barrier(RACE_WRITERS)

    def compete(journal: Journal) -> list[int]:
        won = []
        for seq in range(RACE_ROUNDS):
            start.wait(timeout=60)
            try:
                journal.claim("racer", expected_seq=seq)
                won.append(seq)
            except Fenced:
                with pytest.raises(Fenced):
                    journal.append(seq, b"late")
        return won

    with ThreadPoolExecutor(RACE_WRITERS) as pool:
        won = [seq for wins in pool.map(compete, journals) for seq in wins]
    assert sorted(won) == list(range(RACE_ROUNDS))
    assert check_whole(STREAM, everything(journals[0]))[:2] == (RACE_ROUNDS, RACE_ROUNDS)
    for journal in journals:
        journal.close()


def start_worker(home: Home, *task: str) -> subprocess.Popen[str]:
    if not home.processes:
        pytest.skip(f"the {home.name} journal is not shared between processes")
    worker = subprocess.Popen(
        [sys.executable, str(WORKER), home.name, str(home.place), *task],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=dict(os.environ, PYTHONPATH=str(SOURCE)),
    )
    assert heard(worker) == "ready\n"
    return worker


def heard(worker: subprocess.Popen[str]) -> str:
    assert worker.stdout is not None
    return worker.stdout.readline()


def tell(worker: subprocess.Popen[str], line: str) -> None:
    assert worker.stdin is not None
    worker.stdin.write(line)
    worker.stdin.flush()


def test_one_process_wins_each_claim(home: Home) -> None:
    workers = [start_worker(home, "compete") for _ in range(3)]
    for seq in range(RACE_ROUNDS):
        for worker in workers:
            tell(worker, f"{seq}\n")
        assert sorted(heard(worker) for worker in workers) == ["lost\n"] * 2 + ["won\n"]
    for worker in workers:
        worker.communicate(timeout=60)
    assert check_whole(STREAM, everything(home.reader()))[:2] == (RACE_ROUNDS, RACE_ROUNDS)


@pytest.mark.parametrize("size", [300, 200_000])
def test_a_killed_writer_loses_nothing_acknowledged(home: Home, size: int) -> None:
    dice = random.Random(size)
    for _ in range(KILLS):
        worker = start_worker(home, "append", str(size))
        acknowledged = [heard(worker) for _ in range(dice.randrange(1, 60))]
        worker.send_signal(signal.SIGKILL)
        acknowledged += worker.communicate(timeout=60)[0].splitlines(keepends=True)
        journal = home.writer()
        entries = everything(journal)
        journal.close()
        check_whole(STREAM, entries)
        stored = [f"{entry.seq} {entry.hash.hex()}\n" for entry in entries]
        first = stored.index(acknowledged[0])
        kept = stored[first:]
        assert kept[: len(acknowledged)] == acknowledged
        assert len(kept) <= len(acknowledged) + 1  # at most the one that was on its way
