"""Which Python runs Tidegate: the one in `.venv`, the one that was started, or another found here.

Always parses on Python 3.6, since an old Python must be able to say that it is too old. Never
installs or changes anything.
"""

import glob
import os
import shutil
import subprocess
import sys
from typing import List, Optional, Tuple

PYTHON_MIN = (3, 11)
PYTHON_MAX = (3, 14)  # the newest for which every locked package has a prebuilt file
PROBE_TIMEOUT_S = 20


class CannotGoOn(Exception):
    """Something is missing that only a person can bring: what it is, and how to get it."""

    def __init__(self, what: str, how: str) -> None:
        super().__init__(what)
        self.how = how


def say(text: str) -> None:
    """Tell the person at the terminal; standard output belongs to the command that is run."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def fits(version: Optional[Tuple[int, ...]]) -> bool:
    """Whether every locked package has a prebuilt file for that version of Python."""
    return version is not None and PYTHON_MIN <= version[:2] <= PYTHON_MAX


def probe(executable: str, can_make_environments: bool = True) -> Optional[Tuple[int, ...]]:
    """The version of that Python, or None where it does not run or lacks the venv modules."""
    modules = "from ensurepip import version; import venv; " if can_make_environments else ""
    code = modules + "import sys; print('%d %d' % sys.version_info[:2])"
    try:
        out = subprocess.check_output(
            [executable, "-I", "-c", code], stderr=subprocess.DEVNULL, timeout=PROBE_TIMEOUT_S
        )
        return tuple(int(part) for part in out.split())
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def candidates() -> List[str]:
    """Where a Python may be: by name on PATH, then the usual folders of the usual installers."""
    minors = range(PYTHON_MAX[1], PYTHON_MIN[1] - 1, -1)
    names = ["python3.%d" % minor for minor in minors] + ["python3"]
    folders = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"]
    for pattern in ("~/.pyenv/versions/*/bin", "~/.local/share/uv/python/*/bin"):
        folders += sorted(glob.glob(os.path.expanduser(pattern)), reverse=True)
    found = [shutil.which(name) for name in names]
    found += [os.path.join(folder, name) for folder in folders for name in names]
    existing = [path for path in found if path and os.path.exists(path)]
    return sorted(set(existing), key=existing.index)


def find() -> str:
    """A Python that fits and can make `.venv`: the one in TIDEGATE_PYTHON, this one, or another.

    Raises CannotGoOn where there is none.
    """
    named = os.environ.get("TIDEGATE_PYTHON")
    if named:
        if not fits(probe(named)):
            raise CannotGoOn(
                "TIDEGATE_PYTHON names %s, which is not a Python 3.11 to 3.14 with venv." % named,
                "Unset it, or name another: TIDEGATE_PYTHON=/path/to/python3.11 ./tidegate ...",
            )
        return named
    for candidate in [sys.executable] + candidates():
        if candidate and fits(probe(candidate)):
            return candidate
    raise what_is_missing(sys.version_info[:2])


def what_is_missing(running: Tuple[int, int]) -> CannotGoOn:
    """The error for a machine where no Python can make `.venv`, started with that version."""
    if fits(running):
        return CannotGoOn(
            "Python %d.%d lacks the module that makes virtual environments." % running,
            "On Debian or Ubuntu: apt install python3-venv (for this one: python%d.%d-venv).\n"
            "Elsewhere: install Python as your system packages it; venv is part of it." % running,
        )
    return CannotGoOn(
        "Tidegate needs Python 3.11 to 3.14; this is Python %d.%d and no other was found."
        % running,
        "On Debian 12, Ubuntu 24.04 or newer: apt install python3 python3-venv. On macOS: brew\n"
        "install python@3.13. If you have one: TIDEGATE_PYTHON=/path/to/python3.11 ./tidegate ...",
    )


def continue_with_one_that_fits(root: str) -> None:
    """Return at once where this Python is new enough; else start `./tidegate` with one that is.

    A Python newer than PYTHON_MAX goes on: an installation that exists may still work with it.
    """
    if sys.version_info[:2] >= PYTHON_MIN:
        return
    own = os.path.join(root, ".venv", "bin", "python")
    newer = own if fits(probe(own, can_make_environments=False)) else find()
    script = os.path.join(root, "tidegate")
    os.execv(newer, [newer, script] + sys.argv[1:])
