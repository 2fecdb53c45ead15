"""Why a desk takes nothing: what each fault of a journal means for the desk, in words.

Always: a text says what to do. Never: a fault that is not known here is taken for a passing one.
"""

from tidegate.journal.protocol import AppendUnknown, Fenced, StoreBusy, StoreFull, SyncFailed

STOPPING = "the server is stopping: repeat the same id"
READING = "the shop is read anew after a failed write: repeat the same id"
UNKNOWN = "whether it was stored is not known: repeat the same id"
TABLES_FULL = "the shop's tables are full: serve with --orders-max"
ENGINE_FAILED = "the engine failed on a batch, of which nothing was kept: restart the server"

PASSING = (StoreFull, StoreBusy, AppendUnknown)  # reading the shop anew helps, sooner or later
AGAIN_S, AGAIN_S_MAX = 1.0, 30.0


def lasting_why(error: BaseException | None) -> str:
    """Why nothing passes until a person acts; "" when reading the shop anew may help."""
    if isinstance(error, PASSING):
        return ""
    if isinstance(error, Fenced):
        return "another server took this shop over: send orders there"
    if isinstance(error, SyncFailed):
        return "the disk failed under a write: restart the server"
    return f"the journal failed: {error}"


class Patience:
    """When to read a shop anew once more, each time after a longer while."""

    def __init__(self) -> None:
        self._wait_s = AGAIN_S
        self._due_s: float | None = None

    def again(self, now_s: float) -> None:
        """It failed once more."""
        self._due_s = now_s + self._wait_s
        self._wait_s = min(2 * self._wait_s, AGAIN_S_MAX)

    def rest(self, *, worked: bool = False) -> None:
        """It is being tried, or it worked."""
        self._due_s = None
        if worked:
            self._wait_s = AGAIN_S

    def is_due(self, now_s: float) -> bool:
        """Whether it is time."""
        return self._due_s is not None and now_s >= self._due_s
