"""What holds for every test: long ones run on demand, a skip says why, each area has its time.

Always prints what each area took beside its allotment (pyproject.toml), so that the ordinary run
stays under 15 minutes. Never lets a test pass by being skipped without a reason.
"""

import os
import platform
import re
import subprocess
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Generator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LONG_TIMEOUT_S = 1800  # for a long test that names no time of its own
NO_REASON = ("", "unconditional skip", "no reason given", "<Skipped instance>")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --long; TIDEGATE_LONG=1 says the same where arguments cannot be given."""
    parser.addoption(
        "--long",
        action="store_true",
        default=os.environ.get("TIDEGATE_LONG") == "1",
        help="run the tests marked `long` as well",
    )


def pytest_report_header(config: pytest.Config) -> str:
    """Say which commit and machine the result is for."""
    try:
        found = subprocess.run(
            ["git", "-C", str(ROOT), "describe", "--always", "--dirty"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip()
    except OSError:
        found = ""
    kind = "with long tests" if config.getoption("--long") else "ordinary run (--long for all)"
    machine = f"{os.cpu_count()} cores, {platform.machine()}"
    return f"tidegate: commit {found or 'unknown'}, {machine}, {kind}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep long tests for --long, and give them time there."""
    for item in items:
        if item.get_closest_marker("long") is None:
            continue
        if not config.getoption("--long"):
            item.add_marker(pytest.mark.skip(reason="long: runs with --long"))
        elif item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(LONG_TIMEOUT_S))


def unexplained(report: pytest.TestReport | pytest.CollectReport) -> bool:
    """Whether a test was skipped, or expected to fail, without anybody saying why."""
    if report.outcome != "skipped":
        return False
    if hasattr(report, "wasxfail"):
        reason = str(report.wasxfail)
    else:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return re.sub(r"^(reason:|Skipped:?)", "", reason).strip() in NO_REASON


def fail_if_unexplained(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip that gives no reason into a failure that asks for one."""
    if unexplained(report):
        if hasattr(report, "wasxfail"):
            del report.wasxfail
        report.outcome = "failed"
        report.longrepr = "A test that is skipped or expected to fail must say why: reason=..."


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look at the outcome of each phase of each test."""
    report = yield
    fail_if_unexplained(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Look at modules that skip themselves as a whole."""
    report = yield
    fail_if_unexplained(report)
    return report


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print each area's tests and seconds beside its allotment."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    allotment_s = settings["tool"]["tidegate"]["allotment_s"]
    seconds: dict[str, float] = defaultdict(float)
    tests: Counter[str] = Counter()
    for outcome in ("passed", "failed", "skipped", "xfailed", "xpassed", "error", ""):
        for report in terminalreporter.stats.get(outcome, ()):
            if isinstance(report, pytest.TestReport):
                area = report.nodeid.removeprefix("tests/").split("/", 1)[0]
                seconds[area] += report.duration
                tests[area] += report.when == "call"
    figures = [
        str(value)
        for report in terminalreporter.stats.get("passed", ())
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, value in report.user_properties
        if name == "figure"
    ]
    if figures:
        terminalreporter.section("figures that tests found")
        for figure in figures:
            terminalreporter.write_line(figure)
    terminalreporter.section("seconds by area, and its allotment in an ordinary run")
    for area in sorted(seconds):
        allotted = allotment_s.get(area)
        over = allotted is not None and seconds[area] > allotted and not config.getoption("--long")
        terminalreporter.write_line(
            f"{area:<12} {tests[area]:5d} tests {seconds[area]:8.1f} s of "
            + (f"{allotted:4d} s" if allotted else "none: give it one in pyproject.toml")
            + ("  OVER" if over else ""),
            red=over,
        )


def pytest_unconfigure() -> None:
    """Nothing is said behind the closing line: DuckDB's binding counts what Python's end leaves."""
    if "duckdb" in sys.modules:
        sys.stderr.flush()
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            os.dup2(nowhere.fileno(), 2)
