"""Running one program of the set-up: its output to the log, a progress line, its failure in words.

Always: a failure becomes a CannotGoOn that names what to do. Never shows a traceback of pip's, and
never lets a Python or pip setting of the machine move the installation somewhere else.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence

from tidegate.front_door.installed import Place
from tidegate.front_door.python import CannotGoOn

# Which index, mirror or proxy pip uses is the machine's business; where it installs is ours.
PIP_SETTINGS_KEPT = re.compile(
    r"PIP_((EXTRA_)?INDEX_URL|NO_INDEX|FIND_LINKS|TRUSTED_HOST|(CLIENT_)?CERT|PROXY|CACHE_DIR"
    r"|NO_CACHE_DIR|(DEFAULT_)?TIMEOUT|RETRIES|CONFIG_FILE|KEYRING_PROVIDER|USE_FEATURE)"
)
PYTHON_SETTINGS_DROPPED = ("PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__")
TAIL_LINES = 12
BAR_WIDTH = 30

# Each: what the tool says (a pattern), what that means ({} is the pattern's group), what to do.
EXPLANATIONS = (
    (
        r"No space left on device|Disk quota exceeded",
        "The disk became full while packages were being installed.",
        "Free some room (about 1.4 GB, here and in the temporary folder), then run the same again.",
    ),
    (
        r"DO NOT MATCH THE HASHES",
        "A package is not the one that was locked: its hash differs. It was not installed.",
        "A mirror or proxy may have changed the file: try another. If there is none, report it.",
    ),
    (
        (
            r"(?i)NewConnectionError|name resolution|ConnectTimeout|Read timed out|SSLError"
            r"|Connection refused|Network is unreachable|ProxyError|Connection aborted"
            r"|ConnectionResetError|CERTIFICATE_VERIFY_FAILED"
        ),
        "No package index could be reached, so the packages could not be fetched.",
        (
            "Check the network. Behind a proxy: set HTTPS_PROXY. With a mirror: set PIP_INDEX_URL\n"
            "(for its certificate: PIP_CERT). With no network at all: on a machine that has one\n"
            "and the same Python, run\n"
            "    pip download --require-hashes --no-deps -r requirements-test.lock -d wheels\n"
            "then bring the folder here and run\n"
            "    PIP_NO_INDEX=1 PIP_FIND_LINKS=wheels ./tidegate ..."
        ),
    ),
    (
        r"No matching distribution found for (\S+)",
        "The package source in use gave no prebuilt {} for this Python and system.",
        (
            "Either it could not be reached: check the network (a proxy: HTTPS_PROXY; a mirror:\n"
            "PIP_INDEX_URL). Or it has none: use Python 3.11 to 3.14 on Linux (x86-64 or ARM,\n"
            "glibc) or macOS, and look whether PIP_NO_INDEX, PIP_FIND_LINKS or a mirror is set."
        ),
    ),
    (
        r"(?i)ensurepip is not\s+available|No module named '?ensurepip",
        "This Python lacks the module that makes virtual environments.",
        "On Debian or Ubuntu: apt install python3-venv, then run the same again.",
    ),
    (
        r"No module named '?pip",
        "The folder .venv here was not made by this program, and it has no pip.",
        "Rename or remove .venv, then run the same again.",
    ),
    (
        r"Permission denied|Read-only file system",
        "A folder that the set-up must write to is not writable for this user.",
        "Run as the owner of this checkout, or copy the checkout to a folder of your own.",
    ),
)


def run_step(place: Place, command: Sequence[str], lock: int, tool: str, total: int = 0) -> None:
    """Run one program to its end; `total` packages give a progress line. Raises CannotGoOn.

    The program inherits the lock's descriptor, so that the lock lasts as long as it does.
    """
    lines: list[str] = []
    with (
        place.log.open("a", encoding="utf-8") as log,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=clean_environment(os.environ),
            cwd=place.root,
            pass_fds=(lock,),
            encoding="utf-8",
            errors="replace",
        ) as child,
    ):
        assert child.stdout is not None
        done = 0
        for line in child.stdout:
            log.write(line)
            lines.append(line.rstrip())
            if line.startswith(("Collecting ", "Requirement already satisfied")):
                done += 1
                show_progress(done, total, line)
            elif line.startswith("Installing collected packages"):
                show_progress(total, total, "unpacking them")
    show_progress(0, 0, "")
    if child.returncode != 0:
        raise explain(place, tool, lines)


def show_progress(done: int, total: int, what: str) -> None:
    """One line that is written over, on a terminal only; a total of zero wipes it."""
    if not sys.stderr.isatty():
        return
    filled = BAR_WIDTH * done // total if total else 0
    bar = "#" * filled + "." * (BAR_WIDTH - filled)
    text = f"  [{bar}] {done}/{total} {what.strip()[:40]}" if total else ""
    sys.stderr.write("\r\033[K" + text)
    sys.stderr.flush()


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what would make a Python or pip install, or import, elsewhere."""
    return {
        name: value
        for name, value in environment.items()
        if name not in PYTHON_SETTINGS_DROPPED
        and (not name.startswith("PIP_") or PIP_SETTINGS_KEPT.fullmatch(name))
    }


def explain(place: Place, tool: str, lines: Sequence[str]) -> CannotGoOn:
    """What a failed step means, from what the tool said."""
    text = "\n".join(lines)
    for pattern, what, how in EXPLANATIONS:
        found = re.search(pattern, text)
        if found:
            return CannotGoOn(what.format(*found.groups()), how)
    tail = "\n".join("  | " + line for line in lines[-TAIL_LINES:])
    return CannotGoOn(
        f"{tool} stopped with an error that this program does not know:\n{tail}",
        f"The whole of it is in {place.log}. Running the same again starts over.",
    )
