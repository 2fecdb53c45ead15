"""Figures are quoted from one round, targets are judged as they stand, the report says so."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from tidegate.bench import report
from tidegate.bench.figures import HIGHER, LOWER, Round, best, round_from_json
from tidegate.bench.record import BEGIN, END, NoMarks, record
from tidegate.bench.registry import BENCHES, TARGETS, Target, chosen
from tidegate.bench.runner import Options, Outcome


def round_of(rate: float, p99_ms: float) -> Round:
    made = Round(foreign={"postgres.c16": rate / 1e6}, beside={"fdatasync_4k_per_s": 4000.0})
    made.add("postgres.c16.decisions_per_s", rate, "1/s", HIGHER)
    made.add("postgres.c16.p99_ms", p99_ms, "ms", LOWER)
    return made


def test_all_figures_of_a_part_come_from_the_round_with_the_best_headline() -> None:
    found = best([round_of(1_000, 5.0), round_of(2_000, 9.0), round_of(1_500, 1.0)])
    assert [(part.part, part.round_number, part.foreign) for part in found] == [
        ("postgres.c16", 1, 0.002)
    ]
    assert [figure.value for figure in found[0].figures] == [2_000, 9.0]


def test_the_lowest_headline_wins_where_lower_is_better() -> None:
    rounds = [Round(), Round()]
    for made, seconds in zip(rounds, (2.5, 2.1), strict=True):
        made.add("restart.first_answer.seconds", seconds, "s", LOWER)
    assert best(rounds)[0].figures[0].value == 2.1


def test_a_round_survives_the_pipe() -> None:
    made = round_of(1_000, 5.0)
    made.remarks.append("a remark")
    assert round_from_json(json.loads(json.dumps(made.as_json()))) == made


def test_a_ratio_is_taken_against_the_best_of_the_other_side() -> None:
    target = Target("x", "http.order.orders_per_s", "at least", 12.0, "x", ("a.b.c", "a.d.c"))
    assert (
        target.measured({"http.order.orders_per_s": 30_000, "a.b.c": 1_000, "a.d.c": 2_000}) == 15
    )
    assert target.measured({"http.order.orders_per_s": 30_000}) is None
    assert target.measured({"a.b.c": 1_000}) is None


@pytest.mark.parametrize(
    ("relation", "value", "verdict"),
    [
        ("at least", 10.0, True), ("at least", 9.99, False),
        ("at most", 10.0, True), ("at most", 10.01, False),
        ("exactly", 10.0, True), ("exactly", 11.0, False),
    ],
)  # fmt: skip
def test_a_target_is_met_at_its_value_and_not_past_it(
    relation: str, value: float, verdict: bool
) -> None:
    assert Target("x", "a.b", relation, 10.0, "").met(value) is verdict


def test_benches_are_chosen_by_name_in_the_registrys_order() -> None:
    assert [bench.name for bench in chosen(["postgres", "machine"])] == ["machine", "postgres"]
    assert [bench.name for bench in BENCHES if bench not in chosen([])] == ["kill-long"]
    assert [bench.name for bench in chosen(["kill-long"])] == ["kill-long"]
    with pytest.raises(ValueError, match="no bench nonsense; there are machine, echo"):
        chosen(["nonsense"])


def machine() -> dict[str, object]:
    disk = {"filesystem": "ext4", "device": "vda", "write_cache": "write back"}
    return {
        "cpu": "a processor", "cores": 2, "memory_bytes": 24 << 30, "disk": disk,
        "kernel": "Linux 6", "python": "CPython 3.11.7", "commit": "0" * 40, "dirty": True,
    }  # fmt: skip


def test_the_report_prints_pass_miss_and_what_was_not_measured() -> None:
    made = Round()
    made.add("restart.first_answer.seconds", 3.5, "s", LOWER)
    made.add("memory.live_order.bytes", 90, "B", LOWER)
    outcome = Outcome(BENCHES[0], rounds=[made])
    whole = report.as_json([outcome], machine(), Options(), "2026-11-23T00:00:00+00:00")
    verdicts = {row["target"]: row["verdict"] for row in whole["targets"]}
    assert len(verdicts) == len(TARGETS)
    assert verdicts["restart to first answer"] == "MISS"
    assert verdicts["live single-line order"] == "PASS"
    assert verdicts["in process, mixed"] == "not measured"
    stream = io.StringIO()
    report.show(Console(file=stream, width=160), whole, [outcome])
    assert "commit 000000000000 with changes" in stream.getvalue()
    assert "MISS" in stream.getvalue()


def test_the_comparison_with_another_checkout_is_best_against_best() -> None:
    outcome = Outcome(BENCHES[0], rounds=[round_of(900, 1), round_of(1_000, 1)])
    outcome.against = [round_of(500, 1), round_of(400, 1)]
    whole = report.as_json([outcome], machine(), Options(), "2026-11-23T00:00:00+00:00")
    assert whole["against"] == [
        {
            "figure": "postgres.c16.decisions_per_s",
            "this": 1_000.0,
            "other": 500.0,
            "ratio": 2.0,
            "better": "higher",
        }
    ]


MACHINE = {
    "cpu": "a processor", "cores": 2, "memory_bytes": 2**34, "kernel": "Linux", "python": "CPython",
    "disk": {"filesystem": "ext4", "device": "vda", "write_cache": "write back"},
    "commit": "abc", "dirty": False,
}  # fmt: skip


def test_figures_are_written_between_the_marks_of_a_page_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"before\n{BEGIN} Filled from a report. -->\nold\n{END}\nafter\n", "utf-8")
    postgres = next(bench for bench in BENCHES if bench.name == "postgres")
    outcomes = [Outcome(postgres, rounds=[round_of(1_500, 5.0)])]
    made = report.as_json(outcomes, MACHINE, Options(), "2026-10-26T00:00:00+00:00")
    for _ in range(2):
        record(page, made)
    lines = page.read_text("utf-8").splitlines()
    assert lines[:2] == ["before", f"{BEGIN} Filled from a report. -->"]
    assert lines[-2:] == [END, "after"]
    assert lines[2] == (
        "2026-10-26, a processor, 2 cores, 16 GiB, ext4 on vda (write cache: write back), Linux, "
        "CPython, commit abc; best of three, foreign CPU at most 0%."
    )
    assert len(lines) == 4 + 4 + len(TARGETS)
    assert all(line.endswith(f"| {report.UNMEASURED} |") for line in lines[6:-2])


def test_a_page_without_marks_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("no place", "utf-8")
    made = report.as_json([], MACHINE, Options(), "2026-10-26T00:00:00+00:00")
    with pytest.raises(NoMarks):
        record(page, made)
    assert page.read_text("utf-8") == "no place"
