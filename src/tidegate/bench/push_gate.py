"""How fast the gate answers: about one person, and about many for a push, in columns.

Always the real gate over a shop of persons who agreed, refused, withdrew and were never asked, each
by an event that was folded; every answer of a batch is compared with the answer about one.
"""

import time

import numpy as np
import numpy.typing as npt

from tidegate.bench.figures import HIGHER, LOWER, NEITHER, Context, Round
from tidegate.bench.foreign import ForeignCpu
from tidegate.people.consent.standing import GRANTED_EVENT, REFUSED_EVENT, WITHDRAWN_EVENT
from tidegate.people.gate import PeopleGate, Wish
from tidegate.people.refusals import GateReason
from tidegate.people.stream import Place, Recorded, token_text
from tidegate.testing.people_house import PERSONAL, PeopleHouse, example_notice

PERSONS, PERSONS_QUICK = 1_000_000, 20_000
BATCH = 4_096
ASKED_ALONE = 20_000
COMPARED = 2_000
FIELDS = frozenset(("phone",))


def run(context: Context) -> Round:
    """One round: fold the persons, ask about single ones, then about everybody in batches."""
    result = Round()
    count = PERSONS_QUICK if context.quick else PERSONS
    rng = np.random.default_rng(context.seed)
    persons = np.unique(rng.integers(1, 2**63, count, np.uint64))
    rng.shuffle(persons)
    context.progress(0.0, f"folding {len(persons):,} persons")
    house = PeopleHouse(example_notice())
    _fold(result, house, persons)
    gate = house.people.gate
    wish = Wish(PERSONAL, FIELDS, "", "sms", house.now_ms)
    context.progress(0.5, "asking about one")
    _one(result, gate, wish, persons[:ASKED_ALONE].tolist())
    context.progress(0.7, "asking about many")
    _many(result, gate, wish, persons, context.seconds)
    _compare(gate, wish, persons[:COMPARED])
    return result


def _fold(result: Round, house: PeopleHouse, persons: npt.NDArray[np.uint64]) -> None:
    """Half agreed; of the rest some refused, some withdrew, some were never asked."""
    standing = house.people.standing
    started_s = time.perf_counter()
    for number, person in enumerate(persons.tolist()):
        kind = (GRANTED_EVENT, GRANTED_EVENT, REFUSED_EVENT, WITHDRAWN_EVENT, "")[number % 5]
        if not kind:
            continue
        event = {
            "kind": kind, "person": token_text(person), "purpose": PERSONAL, "generation": 1,
            "until_ms": 0, "by": "self", "at_ms": house.now_ms,
        }  # fmt: skip
        standing.fold(Recorded(Place(3 + number, 0), event))
    spent_s = time.perf_counter() - started_s
    result.add("push_gate.fold.events_per_s", len(persons) * 4 / 5 / spent_s, "1/s", HIGHER)


def _one(result: Round, gate: PeopleGate, wish: Wish, persons: list[int]) -> None:
    clock, may = time.perf_counter_ns, gate.may
    took_ns = np.zeros(len(persons), np.int64)
    with ForeignCpu() as cpu:
        for number, person in enumerate(persons):
            started_ns = clock()
            may(person, PERSONAL, FIELDS, "", "sms", wish.at_ms)
            took_ns[number] = clock() - started_ns
    result.add("push_gate.one.median_us", float(np.median(took_ns)) / 1000, "us", LOWER)
    result.add("push_gate.one.p99_us", float(np.percentile(took_ns, 99)) / 1000, "us", LOWER)
    if cpu.result is not None:
        result.foreign["push_gate.one"] = cpu.result.foreign


def _many(
    result: Round, gate: PeopleGate, wish: Wish, persons: npt.NDArray[np.uint64], seconds: float
) -> None:
    """Batches until the time is over; evidence of every allowed one is put together too."""
    decided = allowed = place = 0
    with ForeignCpu() as cpu:
        started_s = time.perf_counter()
        while time.perf_counter() - started_s < seconds:
            piece = persons[place : place + BATCH]
            place = place + BATCH if place + BATCH < len(persons) else 0
            many = gate.may_many(wish, piece)
            for number in np.flatnonzero(many.reasons == GateReason.ALLOWED).tolist():
                many.answer(number)
                allowed += 1
            decided += len(piece)
        spent_s = time.perf_counter() - started_s
    result.add("push_gate.many.decisions_per_s", decided / spent_s, "1/s", HIGHER)
    result.add("push_gate.many.allowed_share", allowed / decided, "", NEITHER)
    started_s = time.perf_counter()
    for start in range(0, len(persons), BATCH):
        gate.may_many(wish, persons[start : start + BATCH])
    spent_s = time.perf_counter() - started_s
    result.add("push_gate.columns.decisions_per_s", len(persons) / spent_s, "1/s", HIGHER)
    if cpu.result is not None:
        result.foreign["push_gate.many"] = cpu.result.foreign


def _compare(gate: PeopleGate, wish: Wish, persons: npt.NDArray[np.uint64]) -> None:
    many = gate.may_many(wish, persons)
    for number, person in enumerate(persons.tolist()):
        one = gate.may(person, PERSONAL, FIELDS, "", "sms", wish.at_ms)
        assert many.answer(number) == one, "a batch answers what is answered about one"
