"""A disk that fails where a test says, and what is left on it when the power goes.

Always: a program runs on the real files, and beside them an image grows of what would survive a
power cut: each file as of its last successful sync. Never: it works without a C compiler; tests
then say so and skip.
"""

import ctypes
import os
import random
import shutil
import struct
import subprocess
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).with_suffix(".c")
_EXTENT = struct.Struct("=QQ")
_SECTOR_BYTES = 512


class Fault(NamedTuple):
    """What goes wrong, counted from 1 over the watched files; 0 for never."""

    nth_write: int = 0  # this write and all after it fail; with ENOSPC only three
    nth_sync: int = 0  # this sync fails, and what it should have kept is lost
    nth_operation: int = 0  # the power goes at this write or sync
    error: int = 5  # errno of a failed write


def compiler() -> str | None:
    """A C compiler, if this machine has one."""
    return shutil.which("gcc") or shutil.which("cc")


def build(directory: Path) -> Path:
    """Compile the library; its path goes into LD_PRELOAD."""
    library = directory / "faulty_disk.so"
    program = compiler()
    assert program is not None, "ask compiler() first"
    subprocess.run(
        [program, "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-lpthread"],
        check=True,
    )
    return library


def arm(directory: Path, image: Path, fault: Fault) -> None:
    """From now on, in this process, files directly in `directory` are on the faulty disk."""
    library = ctypes.CDLL(None)
    library.faulty_disk_arm(
        *(ctypes.c_char_p(os.fsencode(path)) for path in (directory, image)),
        *(ctypes.c_long(count) for count in fault[:3]),
        ctypes.c_int(fault.error),
    )


def operations() -> tuple[int, int]:
    """Writes and syncs since `arm`."""
    library = ctypes.CDLL(None)
    library.faulty_disk_writes.restype = library.faulty_disk_syncs.restype = ctypes.c_long
    return int(library.faulty_disk_writes()), int(library.faulty_disk_syncs())


def cut_power(directory: Path, image: Path, keep: random.Random | None = None) -> None:
    """Leave in `directory` what survives: files as of their last successful sync.

    With `keep`, each sector written since then has an even chance to have reached the disk anyway.
    """
    for path in [path for path in directory.iterdir() if path.is_file()]:
        durable = image / path.name
        if keep is not None:
            _keep_some(path, durable, keep)
        if durable.exists():
            shutil.copyfile(durable, path)
        else:
            path.unlink()  # the lock, shared memory, and files that were never synced
    for dirty in image.glob("*.dirty"):
        dirty.unlink()


def _keep_some(path: Path, durable: Path, keep: random.Random) -> None:
    dirty = durable.with_name(durable.name + ".dirty")
    if not dirty.exists() or not durable.exists():
        return
    content = path.read_bytes()
    with durable.open("r+b") as file:
        for offset, size in _EXTENT.iter_unpack(dirty.read_bytes()):
            for start in range(offset, offset + size, _SECTOR_BYTES):
                if keep.random() < 0.5:
                    file.seek(start)
                    file.write(content[start : min(start + _SECTOR_BYTES, offset + size)])
