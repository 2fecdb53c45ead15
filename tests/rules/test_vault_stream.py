"""The vault's stream: who waits shares a sync, destructions stand alone, faults reach who asked."""

import threading

import pytest

from tidegate.journal.memory import MemoryJournal, MemoryStore
from tidegate.journal.protocol import Head, Payload, StoreFull
from tidegate.people.vault.events import AnyEvent, PersonFound, PersonShredded
from tidegate.people.vault.stream import EventStream

READERS = 20


def found(number: int) -> PersonFound:
    return PersonFound(number, "0", "", "phone", "order.fulfil", "")


def shredded(number: int) -> PersonShredded:
    return PersonShredded(number, "0", f"{number:016x}", (), "asked")


class SlowJournal(MemoryJournal):
    """The first append waits until it is let go: meanwhile others queue up."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.begun, self.go_on = threading.Event(), threading.Event()

    def append(self, expected_seq: int, payload: Payload) -> Head:
        self.begun.set()
        assert self.go_on.wait(30)
        return super().append(expected_seq, payload)


def together(stream: EventStream, journal: SlowJournal, events: list[AnyEvent]) -> dict[int, int]:
    """Append each from a thread of its own while the first append waits; entry by event."""
    seqs: dict[int, int] = {}

    def put(event: AnyEvent) -> None:
        seqs[event.at_ms] = stream.append(event)

    threads = [threading.Thread(target=put, args=(event,)) for event in events]
    threads[0].start()
    assert journal.begun.wait(30)
    for thread in threads[1:]:
        count = len(stream._waiting)
        thread.start()
        while len(stream._waiting) == count:
            pass  # until it is queued: the order is the test's
    journal.go_on.set()
    for thread in threads:
        thread.join(30)
    return seqs


def test_whoever_waits_at_once_shares_an_entry() -> None:
    journal = SlowJournal(MemoryStore("vault:tea"))
    stream = EventStream(journal, "test")
    seqs = together(stream, journal, [found(number) for number in range(READERS)])
    assert seqs == {0: 2} | dict.fromkeys(range(1, READERS), 3)
    events = [(recorded.seq, recorded.number) for recorded in stream.after(0)]
    assert events == [(2, 0), *((3, number) for number in range(READERS - 1))]


def test_a_destruction_has_an_entry_of_its_own() -> None:
    journal = SlowJournal(MemoryStore("vault:tea"))
    stream = EventStream(journal, "test")
    events = [found(0), found(1), shredded(2), shredded(3), found(4), found(5)]
    assert together(stream, journal, events) == {0: 2, 1: 3, 2: 4, 3: 5, 4: 6, 5: 6}


def test_a_full_disk_reaches_who_asked_and_the_next_one_is_recorded() -> None:
    store = MemoryStore("vault:tea")
    stream = EventStream(MemoryJournal(store), "test")
    store.next_fault = "full"
    with pytest.raises(StoreFull):
        stream.append(found(1))
    assert stream.append(found(2)) == 2
    assert [recorded.event.at_ms for recorded in stream.after(0)] == [2]


@pytest.mark.parametrize("fault", ["unknown_stored", "unknown_lost"])
def test_an_unknown_append_is_read_back_and_recorded_once(fault: str) -> None:
    store = MemoryStore("vault:tea")
    stream = EventStream(MemoryJournal(store), "test")
    store.next_fault = fault  # type: ignore[assignment]
    assert stream.append(found(1)) == 2
    assert [recorded.event.at_ms for recorded in stream.after(0)] == [1]
