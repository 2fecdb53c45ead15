"""`./tidegate` as a process: what it becomes, how soon, and what it says when it cannot.

Always a copy of this checkout in a folder of its own, with an environment that holds nothing but
PATH and an empty HOME. The tests that install for real are long.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tidegate.front_door.installed import LOCKS, Place
from tidegate.front_door.main import pytest_arguments
from tidegate.front_door.python import fits, probe
from tidegate.front_door.steps import clean_environment

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 300
SECOND_RUN_S = 0.5
NOBODY = 65534
CLOSED_INDEX = "http://127.0.0.1:9/simple"  # the discard port: nothing listens there


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "潮 闸"
    shutil.copytree(ROOT / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("tidegate", *LOCKS.values()):
        shutil.copy(ROOT / name, root / name)
    return root


def environment(root: Path, **settings: str) -> dict[str, str]:
    """PATH, an empty HOME, and this machine's way to packages where it has one of its own."""
    home = root.with_name("home")
    home.mkdir(exist_ok=True)
    names = ("SSL_CERT_FILE", "HTTPS_PROXY", "PIP_INDEX_URL", "PIP_CERT", "PIP_FIND_LINKS")
    given = {name: os.environ[name] for name in names if name in os.environ}
    return {"PATH": os.environ["PATH"], "HOME": str(home), **given, **settings}


def run(
    root: Path, arguments: Sequence[str], **settings: str
) -> "subprocess.CompletedProcess[str]":
    """Run `./tidegate` to its end."""
    return subprocess.run(
        [sys.executable, str(root / "tidegate"), *arguments],
        env=environment(root, **settings),
        cwd=root.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )


@pytest.fixture
def ready(checkout: Path) -> Path:
    """A checkout that counts as set up, whose Python prints what it is asked to run."""
    place = Place(str(checkout))
    (place.venv / "bin").mkdir(parents=True)
    place.python.write_text('#!/bin/sh\necho "$@"; echo "${PYTHONPATH-none}"; exit 7\n', "utf-8")
    place.python.chmod(0o755)
    place.write_stamp(place.stamp_for("test") | {"root": str(checkout)})
    return checkout


def test_it_becomes_the_command_with_its_arguments_and_exit_code(ready: Path) -> None:
    done = run(ready, ["version", "--json", "a b"], PYTHONPATH="/elsewhere")
    assert done.stdout == "-P -m tidegate.cli.main version --json a b\nnone\n"
    assert (done.returncode, done.stderr) == (7, "")


def test_tests_are_pytest_in_the_checkout(ready: Path) -> None:
    (ready / "tests" / "rules").mkdir(parents=True)
    done = run(ready, ["test", "--long", "rules", "-k", "rules"])
    assert done.stdout == "-P -m pytest --long tests/rules -k rules\nnone\n"


def test_a_later_run_starts_its_command_within_half_a_second(ready: Path) -> None:
    seconds = []
    for _ in range(5):
        started_s = time.monotonic()
        assert run(ready, ["version"]).returncode == 7
        seconds.append(time.monotonic() - started_s)
    assert min(seconds) < SECOND_RUN_S, seconds


def test_before_set_up_help_installs_nothing(checkout: Path) -> None:
    for arguments in ([], ["--help"], ["-h"]):
        done = run(checkout, arguments)
        assert done.returncode == 0
        assert "./tidegate demo" in done.stderr
    assert not (checkout / ".venv").exists()


def test_a_checkout_that_is_not_whole_is_named(checkout: Path) -> None:
    shutil.rmtree(checkout / "src")
    done = run(checkout, ["version"])
    assert done.returncode == 3
    assert "this checkout is not whole" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_lock_file_that_is_missing_is_named(checkout: Path) -> None:
    (checkout / "requirements.lock").unlink()
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "tidegate.stamp").write_text('{"run": ""}', "utf-8")
    done = run(checkout, ["version"])
    assert done.returncode == 3
    assert "requirements.lock is missing" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_network_it_says_so_and_how_to_go_on(checkout: Path) -> None:
    done = run(checkout, ["version"], PIP_INDEX_URL=CLOSED_INDEX, PIP_RETRIES="1")
    assert done.returncode == 3
    assert "No package index could be reached" in done.stderr
    assert "PIP_NO_INDEX=1 PIP_FIND_LINKS=wheels" in done.stderr
    assert "Traceback" not in done.stderr


def python_for_anybody() -> str:
    """A Python that a user without rights can run; the tests' own may be in a private folder."""
    for candidate in (
        os.path.realpath(sys.executable),
        "/usr/bin/python3",
        "/usr/local/bin/python3",
    ):
        private = any(not os.stat(folder).st_mode & 0o001 for folder in Path(candidate).parents)
        if os.path.exists(candidate) and not private and fits(probe(candidate)):
            return candidate
    pytest.skip("no Python 3.11 or newer here that every user may run")


def test_a_folder_of_somebody_else_is_named(checkout: Path) -> None:
    python = python_for_anybody()
    user = NOBODY if os.geteuid() == 0 else None
    for folder in [checkout, *list(checkout.parents)[:3]]:
        if os.stat(folder).st_uid == os.geteuid():
            folder.chmod(0o555 if folder == checkout else 0o755)
    done = subprocess.run(
        [python, str(checkout / "tidegate"), "version"],
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        user=user,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )
    checkout.chmod(0o755)
    assert done.returncode == 3, done.stderr
    assert "is not open to this user" in done.stderr
    assert "copy the checkout to a folder of your own" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_machines_package_source_is_kept_and_its_other_settings_are_not() -> None:
    given = {
        "PIP_INDEX_URL": "a",
        "PIP_FIND_LINKS": "b",
        "PIP_NO_INDEX": "1",
        "PIP_TARGET": "/elsewhere",
        "PIP_USER": "1",
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PIP_CONSTRAINT": "c",
        "PYTHONHOME": "/elsewhere",
        "PYTHONHASHSEED": "1",
    }
    kept = ("PIP_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PYTHONHASHSEED")
    assert clean_environment(given) == {name: given[name] for name in kept}


def test_an_area_stands_for_its_folder_but_not_as_a_value(tmp_path: Path) -> None:
    (tmp_path / "http").mkdir()
    assert pytest_arguments(tmp_path, ["http", "-k", "http", "-x"]) == [
        "tests/http",
        "-k",
        "http",
        "-x",
    ]
    (tmp_path / "http" / "test_a.py").touch()
    assert pytest_arguments(tmp_path, ["http/test_a.py"]) == ["tests/http/test_a.py"]
    assert pytest_arguments(tmp_path, ["tests/http/a.py", "-x"]) == ["tests/http/a.py", "-x"]


def kill_while_pip_runs(root: Path) -> None:
    """Start `./tidegate`, and kill it as soon as pip has begun to fetch."""
    door = subprocess.Popen(
        [sys.executable, str(root / "tidegate"), "version"],
        env=environment(root),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    log = root / ".venv" / "tidegate.log"
    end_s = time.monotonic() + DEADLINE_S
    while not (log.exists() and "Collecting" in log.read_text("utf-8", "replace")):
        assert time.monotonic() < end_s
        assert door.poll() is None
    door.send_signal(signal.SIGKILL)
    door.wait(DEADLINE_S)


@pytest.mark.long
def test_a_clean_copy_sets_itself_up_after_being_killed_half_way(checkout: Path) -> None:
    kill_while_pip_runs(checkout)
    assert not Place(str(checkout)).is_ready("run")
    first = run(checkout, ["version"])
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("tidegate ")
    assert "set up in" in first.stderr
    started_s = time.monotonic()
    second = run(checkout, ["version"])
    assert time.monotonic() - started_s < 4 * SECOND_RUN_S  # with the command itself
    assert (second.stdout, second.stderr) == (first.stdout, "")


@pytest.mark.long
def test_two_at_once_set_up_once(checkout: Path) -> None:
    command = [sys.executable, str(checkout / "tidegate"), "version"]
    doors = [
        subprocess.Popen(
            command,
            env=environment(checkout),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [door.communicate(timeout=DEADLINE_S) for door in doors]
    assert [door.returncode for door in doors] == [0, 0]
    assert said[0][0] == said[1][0]
    assert sorted("set up in" in err for _, err in said) == [False, True]


@pytest.mark.long
def test_the_tests_own_packages_install_and_run(checkout: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", checkout / "pyproject.toml")
    area = checkout / "tests" / "sample"
    area.mkdir(parents=True)
    (area / "test_sample.py").write_text("def test_one():\n    assert 1 + 1 == 2\n", "utf-8")
    done = run(checkout, ["test", "sample", "-q"])
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("1 passed in ")
