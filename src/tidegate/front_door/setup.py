"""Bringing `.venv` to what the lock files say, from whatever state it is in.

Always: a set-up that was interrupted is thrown away and made again; only prebuilt packages whose
hash is locked are installed, so nothing is compiled or fetched besides. Never writes outside the
checkout, except to pip's own cache.
"""

import hashlib
import os
import re
import shutil
import tempfile
import time

from tidegate.front_door.installed import Place
from tidegate.front_door.python import CannotGoOn, find, fits, probe, say
from tidegate.front_door.steps import run_step

ROOM_MB = {"run": 1000, "test": 1400}  # what an installation takes, with pip's downloads beside it


def set_up(place: Place, level: str) -> None:
    """Install what the lock of that level says; returns when the stamp is written."""
    with place.one_at_a_time() as lock:
        if place.is_ready(level):
            return
        started_s = time.monotonic()
        clear_what_is_unusable(place)
        check_room(place, level)
        make_environment(place, lock)
        install(place, level, lock)
        link_package(place)
        place.write_stamp(place.stamp_for(level) | {"root": str(place.root)})
        place.unfinished_file.unlink()
        say(f"tidegate: set up in {time.monotonic() - started_s:.0f} s.")


def follow_a_move(place: Place) -> None:
    """Where the checkout was moved or copied, write its new path into the scripts of `.venv`.

    Tidegate itself runs without them; where `.venv` cannot be written they stay as they are.
    """
    if not place.has_moved() or not os.access(place.venv / "bin", os.W_OK):
        return
    with place.one_at_a_time():
        stamp = place.stamp()
        before, after = os.path.join(stamp["root"], ".venv").encode(), bytes(place.venv)
        for path in [*(place.venv / "bin").iterdir(), place.venv / "pyvenv.cfg"]:
            if path.is_symlink() or not path.is_file():
                continue
            text = path.read_bytes()
            if before in text and b"\0" not in text:
                path.write_bytes(text.replace(before, after))
        place.write_stamp(stamp | {"root": str(place.root)})


def clear_what_is_unusable(place: Place) -> None:
    """Throw away a `.venv` that is half made or whose Python is gone; keep any other."""
    discard(place, place.discarded)
    if not os.path.lexists(place.venv):
        return
    stamp = place.stamp()
    if place.unfinished_file.exists():
        say("tidegate: the last set-up did not finish; starting it again.")
        discard(place, place.venv)
    elif stamp and stamp.get("python") != os.path.realpath(place.python):
        say("tidegate: the Python that .venv was made with has changed; making it again.")
        discard(place, place.venv)
    elif not fits(probe(str(place.python), can_make_environments=False)):
        say("tidegate: .venv does not work with a Python that fits; making it again.")
        discard(place, place.venv)
    elif not stamp:
        say("tidegate: .venv was not made by this program; what it holds is kept, unchecked.")


def discard(place: Place, path: os.PathLike[str]) -> None:
    """Remove `.venv` or what is left of one; renamed first, so that it never looks whole."""
    if not os.path.lexists(path):
        return
    if path != place.discarded:
        os.rename(path, place.discarded)
    if place.discarded.is_symlink() or place.discarded.is_file():
        place.discarded.unlink()
    else:
        shutil.rmtree(place.discarded)


def check_room(place: Place, level: str) -> None:
    """Refuse to begin what the disk cannot hold."""
    for folder in (str(place.root), tempfile.gettempdir()):
        free_mb = shutil.disk_usage(folder).free // 1_000_000
        if free_mb < ROOM_MB[level]:
            raise CannotGoOn(
                f"The disk of {folder} has {free_mb} MB free; set-up needs {ROOM_MB[level]} MB.",
                "Free some room; for the temporary folder, TMPDIR=/another/folder will do.",
            )


def make_environment(place: Place, lock: int) -> None:
    """Make `.venv` where there is none; from its first moment it is marked as unfinished."""
    python = None if place.python.exists() else find()
    place.venv.mkdir(exist_ok=True)
    place.unfinished_file.write_text(
        "./tidegate was interrupted here; it will start over.\n", "utf-8"
    )
    if python:
        say(f"tidegate: making .venv with {python} ...")
        run_step(place, [python, "-I", "-m", "venv", str(place.venv)], lock, "venv")


def install(place: Place, level: str, lock: int) -> None:
    """Install every package of the lock: by hash, prebuilt, and none that the lock lacks."""
    total = len(re.findall(r"(?m)^\w(?!.*win32)", place.lock_file(level).read_text("utf-8")))
    say(f"tidegate: installing {total} packages of {place.lock_file(level).name} ...")
    command = [str(place.python), "-I", "-u", "-m", "pip", "install", "--require-hashes"]
    command += ["--no-deps", "--only-binary=:all:", "--no-user", "--no-input"]
    command += ["--disable-pip-version-check", "-r", str(place.lock_file(level))]
    run_step(place, command, lock, "pip", total)


def link_package(place: Place) -> None:
    """Put this checkout's `src` on the path of `.venv` by a relative line: a move is no matter."""
    (site,) = place.venv.glob("lib/python3.*/site-packages")
    line = os.path.relpath(place.root / "src", site)
    (site / "tidegate.pth").write_text(line + "\n", "utf-8")


def kernel_digest(place: Place) -> str:
    """A digest of name, size and time of every file that goes into the compiled kernel."""
    rows = []
    for package in ("domain", "record", "engine", "watch"):
        for path in sorted((place.root / "src" / "tidegate" / package).glob("*.py")):
            facts = path.stat()
            rows.append(f"{path.name} {facts.st_size} {facts.st_mtime_ns}")
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def is_kernel_warm(place: Place) -> bool:
    """Whether the kernel was compiled since its source last changed."""
    try:
        return place.kernel_stamp_file.read_text("utf-8") == kernel_digest(place)
    except OSError:
        return False


def warm_kernel(place: Place) -> None:
    """Compile the kernel once for each version of its source, so that no server start waits for it.

    Where that fails the command goes on: what is not compiled ahead is compiled where it is used.
    """
    if not (place.root / "src/tidegate/engine/warm.py").exists() or is_kernel_warm(place):
        return
    if not os.access(place.venv, os.W_OK):
        return
    with place.one_at_a_time() as lock:
        if is_kernel_warm(place):
            return
        say("tidegate: compiling the kernel for this machine (once for each version) ...")
        digest = kernel_digest(place)
        try:
            for kernel in ("tidegate.engine.warm", "tidegate.watch.warm"):
                run_step(place, [str(place.python), "-P", "-m", kernel], lock, "it")
        except CannotGoOn as problem:
            say(f"tidegate: the kernel was not compiled ahead: {problem}\nGoing on without.")
            return
        place.kernel_stamp_file.write_text(digest, "utf-8")
