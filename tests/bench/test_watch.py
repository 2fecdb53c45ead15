"""The watch's bench measures both workloads and its memory, and its targets stand as asked."""

from pathlib import Path

from tidegate.bench import watch
from tidegate.bench.figures import Context
from tidegate.bench.registry import AT_LEAST, TARGETS
from tidegate.testing.workload import hot


def test_both_workloads_and_the_memory_are_measured(tmp_path: Path) -> None:
    made = watch.run(Context(0.01, tmp_path, 1, quick=True, progress=lambda _share, _text: None))
    assert [figure.name for figure in made.figures] == [
        "watch.hot.decisions_per_s",
        "watch.hot.batch_ms",
        "watch.hot.alarms",
        "watch.mixed.decisions_per_s",
        "watch.mixed.batch_ms",
        "watch.mixed.alarms",
        "watch.memory.save_ms",
        "watch.memory.load_ms",
        "watch.memory.bytes",
    ]


def test_an_entry_holds_whole_batches() -> None:
    assert [orders for _, orders in watch.entries_of(hot(10_000, 1))] == [4_096, 4_096, 1_808]


def test_half_a_million_decisions_a_second_are_asked_of_each() -> None:
    asked = [target for target in TARGETS if target.figure.startswith("watch.")]
    assert {(target.relation, target.value) for target in asked} == {(AT_LEAST, 500_000)}
    assert len(asked) == 2
