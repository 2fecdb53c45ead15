"""The command prints what it measured and writes the same as JSON."""

import json
from pathlib import Path

from typer.testing import CliRunner

from tidegate.bench.registry import BENCHES, TARGETS
from tidegate.cli.bench import app


def test_the_list_names_every_bench() -> None:
    result = CliRunner().invoke(app, ["--list"])
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == [b.name for b in BENCHES]


def test_an_unknown_bench_is_refused_with_the_names_there_are() -> None:
    result = CliRunner().invoke(app, ["nonsense"])
    assert result.exit_code == 2
    assert "no bench nonsense; there are machine, echo" in result.output


def test_a_quick_run_writes_a_report_with_machine_figures_and_targets(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    arguments = ["machine", "--quick", "--json", str(file), "--folder", str(tmp_path)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    report = json.loads(file.read_text(encoding="utf-8"))
    assert report["quick"] is True
    assert [bench["name"] for bench in report["benches"]] == ["machine"]
    parts = [part["part"] for part in report["benches"][0]["best"]]
    assert parts == ["disk.append_4k", "disk.append_256k", "memory.copy", "sha256.chain"]
    assert len(report["targets"]) == len(TARGETS)
    assert {row["verdict"] for row in report["targets"]} == {"not measured"}
