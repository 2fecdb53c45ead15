"""The people's stream: durable before it is known, one person's decisions one after the other."""

import threading

import pytest

from tidegate.journal.memory import MemoryJournal, MemoryStore
from tidegate.people.canonical import NotCanonical, canonical, digest_of
from tidegate.people.stream import PeopleStream, Place, Recorded, StreamFailed, recorded_in


def opened(store: MemoryStore) -> tuple[PeopleStream, list[Recorded]]:
    seen: list[Recorded] = []
    return PeopleStream(MemoryJournal(store), "test", [seen.append]), seen


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore("people:own")


def event(number: int) -> dict[str, object]:
    return {"kind": "x", "at_ms": number}


def test_an_event_is_folded_where_it_stands_and_again_when_opened_anew(store: MemoryStore) -> None:
    stream, seen = opened(store)
    assert stream.record(1, event(1)) == Place(2, 0)  # entry 1 is the claim
    placed = stream.commit(1, lambda: [event(2), event(3)])
    assert [one.place for one in placed] == [Place(3, 0), Place(3, 1)]
    assert [one.event["at_ms"] for one in seen] == [1, 2, 3]
    again, folded = opened(store)
    assert folded == seen
    with pytest.raises(StreamFailed):
        stream.record(1, event(4))  # another owner is there
    assert again.record(1, event(4)).seq == again.head.seq == 5


def test_what_a_decision_raises_is_its_askers_and_nothing_is_recorded(store: MemoryStore) -> None:
    stream, seen = opened(store)

    def refuse() -> list[dict[str, object]]:
        raise LookupError("no")

    with pytest.raises(LookupError):
        stream.commit(1, refuse)
    assert (stream.commit(1, list), seen, stream.head.seq) == ([], [], 1)


def test_nothing_is_folded_that_is_not_stored(store: MemoryStore) -> None:
    stream, seen = opened(store)
    store.next_fault = "full"
    with pytest.raises(StreamFailed):
        stream.record(1, event(1))
    assert seen == []
    store.next_fault = "unknown_stored"
    assert stream.record(1, event(2)) == Place(2, 0)
    store.next_fault = "unknown_lost"
    assert stream.record(1, event(3)) == Place(3, 0)
    store.next_fault = "sync"
    with pytest.raises(StreamFailed):
        stream.record(1, event(4))
    with pytest.raises(StreamFailed):
        stream.record(1, event(5))
    assert [one.event["at_ms"] for one in seen] == [2, 3]


def test_one_persons_decisions_see_each_other(store: MemoryStore) -> None:
    stream, seen = opened(store)

    def once() -> list[dict[str, object]]:
        if seen:
            raise LookupError("answered")
        return [event(1)]

    refused: list[int] = []

    def ask() -> None:
        try:
            stream.commit("same", once)
        except LookupError:
            refused.append(1)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(seen), len(refused), len(store.entries)) == (1, 15, 2)


def test_entries_read_back_as_they_were_written(store: MemoryStore) -> None:
    stream, seen = opened(store)
    stream.commit(1, lambda: [{"kind": "x", "at_ms": 1, "text": "换\n行"}, event(2)])
    assert recorded_in(store.entries[-1]) == seen


def test_one_spelling_for_equal_values() -> None:
    assert canonical({"b": [1, True, None], "a": '潮\u001f"\\/\n'}) == (
        '{"a":"潮\\u001f\\"\\\\/\\n","b":[1,true,null]}'.encode()
    )
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    for wrong in (1.5, 2**53, {"é": 1}, {"a": [0.0]}):
        with pytest.raises(NotCanonical):
            canonical(wrong)
