"""Setting up, from every state that `.venv` can be in, with the two programs it runs replaced.

Always ends with a `.venv` that is whole and stamped, or with none that looks so.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tidegate.front_door import setup
from tidegate.front_door.installed import LOCKS, Place
from tidegate.front_door.python import CannotGoOn

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 20


class FakeTools:
    """Stands in for `python -m venv` and pip: makes what they make, fails where it is told to."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.fail_at: int | None = None
        self.failure: BaseException = CannotGoOn("no network", "wait")

    def run_step(
        self, place: Place, command: Sequence[str], lock: int, tool: str, total: int = 0
    ) -> None:
        self.ran.append(tool)
        if tool == "venv":
            (place.venv / "bin").mkdir()
            (place.venv / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
            os.symlink(os.path.realpath(sys.executable), place.python)
        if len(self.ran) == self.fail_at:
            raise self.failure
        if tool == "venv":
            (place.venv / "bin" / "tool").write_text(f"#!{place.python}\n", "utf-8")
            (place.venv / "pyvenv.cfg").write_text("home = /usr/bin\n", "utf-8")


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> FakeTools:
    fake = FakeTools()
    monkeypatch.setattr(setup, "run_step", fake.run_step)
    monkeypatch.setattr(setup, "find", lambda: sys.executable)
    monkeypatch.setattr(setup, "check_room", lambda *_: None)
    return fake


@pytest.fixture
def place(tmp_path: Path) -> Place:
    root = tmp_path / "checkout"
    root.mkdir()
    for name in ("tidegate", *LOCKS.values()):
        shutil.copy(ROOT / name, root / name)
    return Place(str(root))


def test_from_nothing_it_makes_and_installs_and_stamps(place: Place, tools: FakeTools) -> None:
    assert not place.is_ready("run")
    setup.set_up(place, "run")
    assert tools.ran == ["venv", "pip"]
    assert place.is_ready("run")
    assert not place.is_ready("test")
    assert not place.unfinished_file.exists()
    (link,) = place.venv.glob("lib/*/site-packages/tidegate.pth")
    assert link.read_text("utf-8") == "../../../../src\n"


def test_a_second_set_up_does_nothing(place: Place, tools: FakeTools) -> None:
    setup.set_up(place, "run")
    setup.set_up(place, "run")
    assert tools.ran == ["venv", "pip"]


def test_tests_are_added_to_what_is_there_and_serve_both(place: Place, tools: FakeTools) -> None:
    setup.set_up(place, "run")
    setup.set_up(place, "test")
    assert tools.ran == ["venv", "pip", "pip"]
    assert place.is_ready("run")
    assert place.is_ready("test")


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), CannotGoOn("no network", "wait")])
@pytest.mark.parametrize("fail_at", [1, 2])
def test_an_interrupted_set_up_is_made_again_from_nothing(
    place: Place, tools: FakeTools, fail_at: int, failure: BaseException
) -> None:
    tools.fail_at, tools.failure = fail_at, failure
    with pytest.raises(type(failure)):
        setup.set_up(place, "run")
    assert not place.is_ready("run")
    left_over = place.venv / "half unpacked"
    left_over.write_text("x", "utf-8")
    tools.ran.clear()
    tools.fail_at = None
    setup.set_up(place, "run")
    assert tools.ran == ["venv", "pip"]
    assert place.is_ready("run")
    assert not left_over.exists()
    assert not place.discarded.exists()


def test_adding_tests_that_is_interrupted_throws_all_away(place: Place, tools: FakeTools) -> None:
    setup.set_up(place, "run")
    tools.fail_at = 3
    with pytest.raises(CannotGoOn):
        setup.set_up(place, "test")
    assert not place.is_ready("run")
    assert not place.is_ready("test")


def test_a_changed_lock_is_installed_over_what_is_there(place: Place, tools: FakeTools) -> None:
    setup.set_up(place, "run")
    with place.lock_file("run").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert not place.is_ready("run")
    setup.set_up(place, "run")
    assert tools.ran == ["venv", "pip", "pip"]
    assert place.is_ready("run")


def test_another_python_under_it_means_a_new_environment(place: Place, tools: FakeTools) -> None:
    setup.set_up(place, "run")
    place.write_stamp(place.stamp() | {"python": "/gone/python3.11"})
    assert not place.is_ready("run")
    setup.set_up(place, "run")
    assert tools.ran == ["venv", "pip", "venv", "pip"]
    assert place.is_ready("run")


def test_a_python_that_is_gone_means_a_new_environment(place: Place, tools: FakeTools) -> None:
    setup.set_up(place, "run")
    place.python.unlink()
    place.python.symlink_to("/gone/python3.11")
    assert not place.is_ready("run")
    setup.set_up(place, "run")
    assert tools.ran == ["venv", "pip", "venv", "pip"]


def test_an_environment_of_somebody_else_is_kept(place: Place, tools: FakeTools) -> None:
    (place.venv / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    (place.venv / "bin").mkdir()
    place.python.symlink_to(os.path.realpath(sys.executable))
    theirs = place.venv / "theirs"
    theirs.write_text("x", "utf-8")
    setup.set_up(place, "run")
    assert tools.ran == ["pip"]
    assert theirs.exists()
    assert place.is_ready("run")


def test_a_moved_checkout_stays_ready_and_its_scripts_follow(
    place: Place, tools: FakeTools
) -> None:
    setup.set_up(place, "run")
    moved = Place(str(place.root.with_name("移动 了")))
    place.root.rename(moved.root)
    assert moved.is_ready("run")
    assert moved.has_moved()
    setup.follow_a_move(moved)
    assert (moved.venv / "bin" / "tool").read_text("utf-8") == f"#!{moved.python}\n"
    assert moved.stamp()["root"] == str(moved.root)
    assert not moved.has_moved()
    assert tools.ran == ["venv", "pip"]


def test_a_stamp_that_is_torn_counts_as_none(place: Place, tools: FakeTools) -> None:
    setup.set_up(place, "run")
    whole = place.stamp_file.read_text("utf-8")
    for torn in ("", whole[: len(whole) // 2], "[]", "null"):
        place.stamp_file.write_text(torn, "utf-8")
        assert not place.is_ready("run")
        assert place.stamp() == {}


def test_too_little_room_is_said_before_anything_is_made(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(place.root)._replace(free=300_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(CannotGoOn, match=r"has 300 MB free; set-up needs 1000 MB"):
        setup.set_up(place, "run")
    assert not place.venv.exists()


def start(program: str, place: Place) -> "subprocess.Popen[str]":
    """A Python process with our source on its path and the place's root as its argument."""
    return subprocess.Popen(
        [sys.executable, "-c", program, str(place.root)],
        env=dict(os.environ, PYTHONPATH=str(ROOT / "src")),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


TAKE_THE_LOCK = """
import sys
from tidegate.front_door.installed import Place
with Place(sys.argv[1]).one_at_a_time():
    print("mine", flush=True)
"""

START_A_CHILD_AND_DIE = """
import os, signal, subprocess, sys
from tidegate.front_door.installed import Place
with Place(sys.argv[1]).one_at_a_time() as lock:
    child = subprocess.Popen([sys.executable, "-c", "input()"], pass_fds=(lock,))
    print(child.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_second_set_up_waits_and_says_so(place: Place) -> None:
    with place.one_at_a_time():
        second = start(TAKE_THE_LOCK, place)
        assert second.stderr is not None
        assert "waiting" in second.stderr.readline()
        assert second.poll() is None
    out, _ = second.communicate(timeout=DEADLINE_S)
    assert out == "mine\n"


def is_held(place: Place) -> bool:
    """Whether a process has the lock; asked from one of its own, which waits for none."""
    program = (
        "import fcntl, sys; fcntl.flock(open(sys.argv[1], 'rb'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    )
    command = [sys.executable, "-c", program, str(place.root / "tidegate")]
    return subprocess.run(command, capture_output=True, check=False).returncode != 0


def wait_until(condition: Callable[[], bool]) -> None:
    """Poll until it holds; the deadline is far beyond what it takes."""
    end_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end_s


def test_a_pip_that_outlives_its_parent_keeps_the_lock(place: Place) -> None:
    parent = start(START_A_CHILD_AND_DIE, place)
    assert parent.stdin is not None
    assert parent.stdout is not None
    int(parent.stdout.readline())
    parent.wait(DEADLINE_S)
    assert is_held(place)
    parent.stdin.close()  # the child reads the same pipe, and ends
    wait_until(lambda: not is_held(place))
    parent.stdout.close()
    assert parent.stderr is not None
    parent.stderr.close()


def test_the_stamp_names_what_was_installed(place: Place, tools: FakeTools) -> None:
    setup.set_up(place, "test")
    stamp = json.loads(place.stamp_file.read_text("utf-8"))
    assert stamp == {
        "python": os.path.realpath(sys.executable),
        "root": str(place.root),
        "run": place.lock_digest("run"),
        "test": place.lock_digest("test"),
    }
