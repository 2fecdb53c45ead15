"""`./tidegate ARGUMENTS`: make sure that everything is set up, then become the command.

Always: a second run starts its command within half a second. Never shows a traceback for what a
person can mend: those end with what is missing, how to get it, and exit code 3.
"""

import errno
import os
import re
from collections.abc import Sequence
from pathlib import Path

from tidegate.front_door.installed import Place
from tidegate.front_door.python import CannotGoOn, say
from tidegate.front_door.setup import follow_a_move, set_up, warm_kernel
from tidegate.front_door.steps import clean_environment

EXIT_CANNOT_GO_ON = 3
EXIT_INTERRUPTED = 130
HELP = ("--help", "-h")
WITHOUT_KERNEL = ("version", *HELP)  # these never wait for the kernel to be compiled
PYTEST_OPTIONS_WITH_VALUE = ("-k", "-m", "-p", "-o", "-c", "-W", "-r")

USAGE = """Tidegate: orders, stock and promotions of a shop, decided exactly and on record.

  ./tidegate demo      the night of 26 October against a real server on this machine
  ./tidegate test      the tests, at most 15 minutes on two cores (--long: the rest as well)

Not set up yet: the first command makes .venv here and installs into it, which takes a minute or
two. From then on ./tidegate --help shows every command. README.md tells more."""


def main(root: str, arguments: Sequence[str]) -> int:
    """Run, and turn what stops us into words and an exit code."""
    try:
        run(Place(root), arguments)
    except KeyboardInterrupt:
        say("\ntidegate: interrupted. Nothing is left half done: run the same again.")
        return EXIT_INTERRUPTED
    except CannotGoOn as problem:
        return stop(problem)
    except OSError as error:
        explained = explain_os_error(error)
        if explained is None:
            raise
        return stop(explained)
    return 0


def run(place: Place, arguments: Sequence[str]) -> None:
    """Set up what the command needs and become it; returns only where usage was shown instead."""
    first = arguments[0] if arguments else ""
    level = "test" if first == "test" else "run"
    if not place.is_ready(level):
        if first in ("", *HELP):
            say(USAGE)
            return
        set_up(place, level)
    follow_a_move(place)
    if first and first not in WITHOUT_KERNEL:
        warm_kernel(place)
    hand_over(place, arguments)


def hand_over(place: Place, arguments: Sequence[str]) -> None:
    """Become the command: this process is replaced, so exit code and signals are the command's."""
    command = [str(place.python), "-P", "-m"]  # -P: a file in the current folder is never imported
    if arguments[:1] == ["test"]:
        os.chdir(place.root)
        command += ["pytest", *pytest_arguments(place.root / "tests", arguments[1:])]
    else:
        command += ["tidegate.cli.main", *arguments]
    os.execve(command[0], command, clean_environment(os.environ))  # noqa: S606  no shell is wanted


def pytest_arguments(tests: Path, arguments: Sequence[str]) -> list[str]:
    """What pytest is given: an area's name (`rules`) stands for its folder; a file likewise."""
    given = []
    for position, argument in enumerate(arguments):
        is_value = position > 0 and arguments[position - 1] in PYTEST_OPTIONS_WITH_VALUE
        is_area = re.match(r"\w", argument) and (tests / argument).exists()
        given.append(f"tests/{argument}" if is_area and not is_value else argument)
    return given


def stop(problem: CannotGoOn) -> int:
    """Say what is missing and how to get it; the exit code."""
    say(f"tidegate cannot go on: {problem}\n\nWhat to do: {problem.how}")
    return EXIT_CANNOT_GO_ON


def explain_os_error(error: OSError) -> CannotGoOn | None:
    """What an error of the operating system means here; None where a person cannot mend it."""
    where = error.filename or "the checkout's disk"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return CannotGoOn(f"The disk is full ({where}).", "Free about 1.4 GB, then run again.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return CannotGoOn(
            f"{where} is not open to this user: the set-up goes beside this program.",
            "Run as the owner of this checkout, or copy the checkout to a folder of your own.",
        )
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EEXIST):
        return CannotGoOn(
            f"{where} is missing, or not what it should be.",
            "If this checkout is not whole, check it out again; else remove .venv and run again.",
        )
    return None
