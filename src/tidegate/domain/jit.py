"""The one switch between compiled and uncompiled: `@kernel` marks a function of the engine.

Every kernel function is plain Python that Numba compiles; with TIDEGATE_UNCOMPILED=1 the same
source runs in the interpreter, and a test compares the two. Nothing here changes a result.
"""

import os
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

UNCOMPILED = os.environ.get("TIDEGATE_UNCOMPILED") == "1"


def kernel(function: F) -> F:
    """Compile a function of the engine (no Python objects, the interpreter lock released)."""
    if UNCOMPILED:
        return function
    from numba import njit

    compiled: F = njit(
        cache=True, nogil=True, error_model="numpy", _nrt=False, forceinline=True
    )(function)
    return compiled
