"""What the front door says when it cannot go on: what is missing, and how to get it.

Always the exact first words and the advice; never a traceback.
"""

import ast
import errno
import sys
from pathlib import Path

import pytest

from tidegate.front_door import main, python, steps
from tidegate.front_door.installed import Place

ROOT = Path(__file__).resolve().parents[2]
PARSED_BY_OLD_PYTHON = ("tidegate", "src/tidegate/__init__.py", "src/tidegate/front_door/python.py")

PIP_SAYS = [
    (
        "Retrying after connection broken by 'NewConnectionError(..)'\nNo matching distribution",
        "No package index could be reached",
        "HTTPS_PROXY",
    ),
    (
        "Temporary failure in name resolution",
        "No package index could be reached",
        "PIP_NO_INDEX=1 PIP_FIND_LINKS=wheels",
    ),
    (
        "ERROR: No matching distribution found for numba==0.68.1",
        "The package source in use gave no prebuilt numba==0.68.1 for this Python",
        "Python 3.11 to 3.14",
    ),
    (
        "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
        "A package is not the one that was locked",
        "mirror or proxy",
    ),
    (
        "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
        "The disk became full",
        "Free some room",
    ),
    (
        "The virtual environment was not created successfully because ensurepip is not\navailable.",
        "This Python lacks the module that makes virtual environments",
        "apt install python3-venv",
    ),
    ("/x/python: No module named pip", "The folder .venv here was not made", "Rename or remove"),
    ("[Errno 13] Permission denied: '/x'", "A folder that the set-up must write", "owner"),
    ("something new", "pip stopped with an error that this program does not know", "tidegate.log"),
]


@pytest.mark.parametrize(("said", "what", "how"), PIP_SAYS)
def test_each_failure_of_pip_becomes_words_and_advice(said: str, what: str, how: str) -> None:
    problem = steps.explain(Place("/x"), "pip", said.splitlines())
    assert str(problem).startswith(what)
    assert how in problem.how


@pytest.mark.parametrize(
    ("number", "what"),
    [
        (errno.ENOSPC, "The disk is full (/x)."),
        (errno.EACCES, "/x is not open to this user"),
        (errno.EROFS, "/x is not open to this user"),
        (errno.ENOENT, "/x is missing, or not what it should be."),
    ],
)
def test_each_error_of_the_system_becomes_words(number: int, what: str) -> None:
    problem = main.explain_os_error(OSError(number, "words", "/x"))
    assert str(problem).startswith(what)


def test_an_error_that_nobody_can_mend_is_not_hidden() -> None:
    assert main.explain_os_error(OSError(errno.EIO, "words", "/x")) is None


@pytest.mark.parametrize(
    ("running", "what", "how"),
    [
        ((3, 8), "Tidegate needs Python 3.11 to 3.14; this is Python 3.8", "apt install python3"),
        ((3, 12), "Python 3.12 lacks the module", "apt install python3-venv"),
        ((3, 12), "Python 3.12 lacks the module", "python3.12-venv"),
        ((3, 19), "Tidegate needs Python 3.11 to 3.14; this is Python 3.19", "TIDEGATE_PYTHON="),
    ],
)
def test_without_a_python_it_says_which_and_how(
    running: tuple[int, int], what: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TIDEGATE_PYTHON", raising=False)
    monkeypatch.setattr(sys, "version_info", (*running, 1, "final", 0))
    monkeypatch.setattr(python, "probe", lambda *_: None)
    with pytest.raises(python.CannotGoOn) as stopped:
        python.find()
    assert str(stopped.value).startswith(what)
    assert how in stopped.value.how


def test_a_python_named_by_hand_that_does_not_fit_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TIDEGATE_PYTHON", "/nowhere/python3")
    with pytest.raises(python.CannotGoOn, match="TIDEGATE_PYTHON names /nowhere/python3"):
        python.find()


def test_another_python_is_taken_where_this_one_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {sys.executable: (3, 8), "/a/python3.9": (3, 9), "/b/python3.13": (3, 13)}
    monkeypatch.delenv("TIDEGATE_PYTHON", raising=False)
    monkeypatch.setattr(python, "candidates", lambda: ["/a/python3.9", "/b/python3.13"])
    monkeypatch.setattr(python, "probe", versions.get)
    assert python.find() == "/b/python3.13"


@pytest.mark.parametrize("name", PARSED_BY_OLD_PYTHON)
def test_an_old_python_can_read_what_tells_it_that_it_is_old(name: str) -> None:
    tree = ast.parse((ROOT / name).read_text("utf-8"), feature_version=(3, 6))
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert imported <= {"glob", "os", "shutil", "subprocess", "sys"}
    features = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert [node.module for node in features if node.module == "__future__"] == []


def test_everything_it_uses_is_in_the_standard_library() -> None:
    found = set()
    for path in (ROOT / "src/tidegate/front_door").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add((node.module or "").partition(".")[0])
    assert sorted(found - set(sys.stdlib_module_names)) == ["tidegate"]
