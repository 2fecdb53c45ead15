"""The one switch between compiled and uncompiled: `@kernel` marks a function of the engine.

Every kernel function is plain Python that Numba compiles; with TIDEGATE_UNCOMPILED=1 the same
source runs in the interpreter, and a test compares the two. Nothing here changes a result.

Reference counting of arrays is switched off (`_nrt`): a kernel function never allocates, and
counting references to some thirty tables at every call took nine tenths of the time. Calls are
inlined (`forceinline`): handing the tables on took half of what was left.

Compiled code is cached beside the sources. Numba looks only at the file that a function stands in;
since functions are inlined into each other, a cached one is used only while every source of the
kernel is what it was (`sources_stamp`). The watch has kernel functions and a stamp of its own, so
that a change in it leaves the engine's compiled code as it is.
"""

import functools
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

F = TypeVar("F", bound=Callable[..., Any])

# The integers of a kernel. To a type checker they are plain numbers: what NumPy calls a signed
# integer of 64 bits is what `int` means in a kernel.
i64: Any = np.int64
u64: Any = np.uint64
Word = Any  # a np.uint64

UNCOMPILED = os.environ.get("TIDEGATE_UNCOMPILED") == "1"
if UNCOMPILED:
    # Hashes and columns count modulo 2^64, as compiled code does without a word.
    np.seterr(over="ignore")
OPTIONS: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "_nrt": False,
    "forceinline": True,
}
KERNEL_PACKAGES = ("domain", "engine", "record")
WATCH_PACKAGES = ("domain", "record", "watch")
CONSTANTS = ("layout.py", "lines.py", "reasons.py")  # numbers that kernel functions are built with


def sources_stamp(package: Path, packages: tuple[str, ...] = KERNEL_PACKAGES) -> str:
    """A hash over every source file that a kernel function may be inlined from."""
    total = hashlib.sha256()
    for name in packages:
        for path in sorted((package / name).glob("*.py")):
            source = path.read_bytes()
            if b"\n@kernel\n" in source or path.name in CONSTANTS:
                total.update(f"{name}/{path.name}\0".encode() + source + b"\0")
    return total.hexdigest()


STAMP = "" if UNCOMPILED else sources_stamp(Path(__file__).parents[1])


@functools.cache
def watch_stamp() -> str:
    """The stamp of the watch's kernel functions, worked out when the first is needed."""
    return sources_stamp(Path(__file__).parents[1], WATCH_PACKAGES)


def kernel(function: F) -> F:
    """Compile a function of the engine (no Python objects, the interpreter lock released)."""
    if UNCOMPILED:
        return function
    from numba import njit  # not needed, and slow, where nothing is compiled

    compiled: Any = njit(**OPTIONS)(function)
    # Numba has no public way to say what else a cached function depends on.
    file = compiled._cache._cache_file  # noqa: SLF001 -- see above
    stamp = watch_stamp() if function.__module__.startswith("tidegate.watch.") else STAMP
    file._source_stamp = (file._source_stamp, stamp)  # noqa: SLF001 -- see above
    kept: F = compiled
    return kept
