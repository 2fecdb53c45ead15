"""What a reading of the vault costs with a million persons in it: gate, cells, keys, unsealing.

Always the parts that serve a shop, on SQLite files in the bench's folder, and persons drawn at
random for each reading; the best of three windows counts, the worst is printed, and the processor
time of single readings beside them, which says what others' load did. The sync of the access record
is measured apart, on a journal of its own: timed readings put their record into one in memory.
"""

import random
import time
from collections.abc import Sequence
from pathlib import Path

from tidegate.bench.figures import LOWER, Context, Round
from tidegate.journal.memory import MemoryJournal, MemoryStore
from tidegate.people.gate_port import Allow, Answer
from tidegate.people.vault.blind_index import BlindIndex, Entry
from tidegate.people.vault.cells import Cell, CellStore
from tidegate.people.vault.events import FieldsRead
from tidegate.people.vault.key_store import KeyStore
from tidegate.people.vault.parts import Asking, VaultParts
from tidegate.people.vault.reading import Reading
from tidegate.people.vault.register import PurposeEnds, load_register
from tidegate.people.vault.root_key import FileRootKey
from tidegate.people.vault.stream import EventStream
from tidegate.people.vault.tombstones import TombstoneLog

PERSONS = 1_000_000
QUICK_PERSONS = 20_000
BATCH = 10_000
WINDOWS = 3  # filling takes a minute: the best of three is taken of windows, not of rounds
NOW_MS = 1_795_500_000_000
DAY = NOW_MS // 86_400_000
CONTACT = 2
PURPOSE = "order.fulfil"
ASKING = Asking(0x0A, PURPOSE, ticket="bench")


class OpenGate:
    """Allows: what the gate itself costs is another figure."""

    def may(
        self,
        person: int,  # noqa: ARG002 - the port's names
        purpose: str,  # noqa: ARG002 - as above
        fields: frozenset[str],  # noqa: ARG002 - as above
        recipient: str,  # noqa: ARG002 - as above
        channel: str,  # noqa: ARG002 - as above
        at_ms: int,  # noqa: ARG002 - as above
    ) -> Answer:
        """Yes."""
        return Allow("bench")


def run(context: Context) -> Round:
    """One round: fill, read whole values, find by value, and sync single records."""
    result = Round()
    persons = QUICK_PERSONS if context.quick else PERSONS
    parts = open_parts(context.folder)
    started_s = time.perf_counter()
    tokens = filled(parts, persons, context)
    result.add("vault.fill.persons_per_s", persons / (time.perf_counter() - started_s), "1/s")
    reading, draw = Reading(parts), random.Random(context.seed)
    # A quick round has its own names: its figures are of another size and meet no target.
    name = f"vault.quick_{persons}" if context.quick else "vault.read"
    windows = [readings_us(reading, tokens, draw, context.seconds) for _ in range(WINDOWS)]
    spent_us = min(windows, key=lambda spent: quantile(spent, 99))
    processor_us = own_us(reading, tokens, draw, context.seconds)
    result.add("vault.own.p99_ms", quantile(processor_us, 99) / 1000, "ms")
    result.add("vault.worst.p99_ms", max(quantile(one, 99) for one in windows) / 1000, "ms")
    result.add(f"{name}.p99_ms", quantile(spent_us, 99) / 1000, "ms", LOWER)
    result.add(f"{name}.median_us", quantile(spent_us, 50), "us", LOWER)
    result.add(f"{name}.persons", persons, "")
    found_us = findings_us(reading, persons, draw, context.seconds)
    result.add("vault.find.p99_ms", quantile(found_us, 99) / 1000, "ms", LOWER)
    result.add("vault.find.median_us", quantile(found_us, 50), "us", LOWER)
    synced_us = records_us(context.folder / "record", context.seconds)
    result.add("vault.record.p99_ms", quantile(synced_us, 99) / 1000, "ms", LOWER)
    result.add("vault.record.median_us", quantile(synced_us, 50), "us", LOWER)
    for file in (parts.keys, parts.cells, parts.index):
        file.close()
    return result


def open_parts(folder: Path) -> VaultParts:
    """A vault whose stream is in memory."""
    stream = EventStream(MemoryJournal(MemoryStore("vault:bench")), "bench")
    drawn = random.Random(7).randbytes
    root = FileRootKey(bytes(range(32)), drawn)
    return VaultParts(
        "bench", load_register(), KeyStore(folder / "vault-keys.db", "bench", root, drawn),
        CellStore(folder / "vault.db"), BlindIndex(folder / "vault-index.db", bytes(32)), stream,
        TombstoneLog(folder / "tombstones.log"), OpenGate(), lambda: NOW_MS, lambda: DAY,
        lambda _: False, drawn,
    )  # fmt: skip


def phone_of(number: int) -> str:
    """The telephone number of a person."""
    return f"138{number:08d}"


def filled(parts: VaultParts, persons: int, context: Context) -> list[int]:
    """Every person with a telephone number; their tokens, random as real ones."""
    tokens = [random.Random(number).getrandbits(63) + 1 for number in range(persons)]
    ends = PurposeEnds({PURPOSE: DAY + 180}).text()
    bits = parts.register.fields["phone"].index_bits
    for at in range(0, persons, BATCH):
        context.progress(0.6 * at / persons, "persons come in")
        batch = tokens[at : at + BATCH]
        keys = parts.keys.keys_to_store_with([(token, CONTACT) for token in batch])
        cells, entries = [], []
        for place, (token, (key_number, key)) in enumerate(zip(batch, keys, strict=True), at):
            empty = Cell(token, "phone", "", CONTACT, key_number, 1, ends, NOW_MS, b"")
            cells.append(parts.sealed(empty, key, phone_of(place)))
            found = parts.index.bits_of("phone", "86" + phone_of(place), bits)
            entries.append(Entry("phone", found, token, CONTACT))
        parts.cells.add(cells)
        parts.index.add(entries)
    for file in (parts.keys, parts.cells, parts.index):
        file.clear_log()
    return tokens


def readings_us(
    reading: Reading, tokens: Sequence[int], draw: random.Random, seconds: float
) -> list[float]:
    """What single readings took."""
    spent_us: list[float] = []
    end_s = time.perf_counter() + seconds
    while time.perf_counter() < end_s:
        person = draw.choice(tokens)
        started_s = time.perf_counter()
        values = reading.read(ASKING, person, ("phone",), whole=True)
        spent_us.append((time.perf_counter() - started_s) * 1e6)
        assert len(values["phone"]) == 11
    return spent_us


def own_us(
    reading: Reading, tokens: Sequence[int], draw: random.Random, seconds: float
) -> list[float]:
    """What single readings took of the processor: without waiting for it, or for the disk."""
    spent_us: list[float] = []
    end_s = time.perf_counter() + seconds
    while time.perf_counter() < end_s:
        person = draw.choice(tokens)
        started_s = time.thread_time()
        reading.read(ASKING, person, ("phone",), whole=True)
        spent_us.append((time.thread_time() - started_s) * 1e6)
    return spent_us


def findings_us(reading: Reading, persons: int, draw: random.Random, seconds: float) -> list[float]:
    """What it took to find single persons by their number."""
    spent_us: list[float] = []
    end_s = time.perf_counter() + seconds
    while time.perf_counter() < end_s:
        value = phone_of(draw.randrange(persons))
        started_s = time.perf_counter()
        person = reading.find(ASKING, "phone", value)
        spent_us.append((time.perf_counter() - started_s) * 1e6)
        assert person
    return spent_us


def records_us(folder: Path, seconds: float) -> list[float]:
    """What it takes to make single access records durable, one after the other."""
    stream = EventStream.open(folder, "bench", "bench")
    event = FieldsRead(
        NOW_MS, "000000000000000a", "00000000000000aa", PURPOSE, "contract", ("phone",), "bench"
    )
    spent_us: list[float] = []
    end_s = time.perf_counter() + seconds
    while time.perf_counter() < end_s:
        started_s = time.perf_counter()
        stream.append(event)
        spent_us.append((time.perf_counter() - started_s) * 1e6)
    stream.close()
    return spent_us


def quantile(spent_us: Sequence[float], percent: int) -> float:
    """The value that so many of a hundred stay under."""
    return sorted(spent_us)[len(spent_us) * percent // 100]
