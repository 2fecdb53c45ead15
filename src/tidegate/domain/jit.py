"""The one switch between compiled and uncompiled: `@kernel` marks a function of the engine.

Every kernel function is plain Python that Numba compiles; with TIDEGATE_UNCOMPILED=1 the same
source runs in the interpreter, and a test compares the two. Nothing here changes a result.

Reference counting of arrays is switched off (`_nrt`): a kernel function never allocates, and
counting references to some thirty tables at every call took nine tenths of the time. Calls are
inlined (`forceinline`): handing the tables on took half of what was left.
"""

import os
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

F = TypeVar("F", bound=Callable[..., Any])

# The integers of a kernel. To a type checker they are plain numbers: what NumPy calls a signed
# integer of 64 bits is what `int` means in a kernel.
i64: Any = np.int64
u64: Any = np.uint64
Word = Any  # a np.uint64

UNCOMPILED = os.environ.get("TIDEGATE_UNCOMPILED") == "1"
OPTIONS: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "_nrt": False,
    "forceinline": True,
}


def kernel(function: F) -> F:
    """Compile a function of the engine (no Python objects, the interpreter lock released)."""
    if UNCOMPILED:
        return function
    from numba import njit  # noqa: PLC0415 -- not needed, and slow, where nothing is compiled

    compiled: F = njit(**OPTIONS)(function)
    return compiled
