"""Engine and journal through crashes: one seed draws clock, kills, faults, repeats and order.

A failure names its seed; the head of the report names the commit. Canaries prove that the rig
reports what it is there for.
"""

import pytest

from tidegate.testing.crash_rig import FAULTS, Broken, run

STEPS = 120


def test_no_answer_changes_and_nothing_is_sold_twice() -> None:
    events: dict[str, int] = {}
    answers = 0
    for seed in range(120):
        rig = run(seed, STEPS)
        answers += len(rig.answers)
        for event, count in rig.events.items():
            events[event] = events.get(event, 0) + count
    print(f"seeds 0..119: {answers} orders answered, {events}")
    assert set(events) == {
        "Fenced", "StoreFull", "answer lost", "full", "killed", "killed before the append",
        "stored", "taken over", "unknown_lost", "unknown_stored",
    }  # fmt: skip
    assert min(events.values()) >= 120


@pytest.mark.parametrize("fault", FAULTS)
def test_a_canary_is_reported_with_its_seed(fault: str) -> None:
    def all_seeds() -> None:
        for seed in range(40):
            run(seed, STEPS, fault)

    with pytest.raises(Broken, match=r"seed \d+: "):
        all_seeds()


def test_the_same_seed_is_the_same_run() -> None:
    first, second = run(11, STEPS), run(11, STEPS)
    assert first.machine.digest() == second.machine.digest()
    assert (first.answers, first.events) == (second.answers, second.events)


@pytest.mark.long
def test_many_seeds() -> None:
    for seed in range(1_000, 4_000):
        run(seed, STEPS)
