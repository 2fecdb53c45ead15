"""All connections of a server's packed door: how many there may be, and how they end.

Always: their number is bounded, and with it what they hold in memory. Never: a stop waits longer
than it was told to for a front process that does not read.
"""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from tidegate.access.principal import Principal
from tidegate.desk.desk import Desk
from tidegate.packed.door import PackedDoor
from tidegate.packed.grants import Grant, granted

CONNECTIONS_MAX = 64  # of 1.5 MB each, and their unanswered asks
END_S = 5.0
SOCKET_PATH_BYTES_MAX = 107  # of `sockaddr_un` on Linux


class PackedDoors:
    """The door of one server. Lives on its event loop."""

    def __init__(
        self,
        desks: Mapping[str, Desk],
        authenticate: Callable[[str], Principal | None],
        now_ms: Callable[[], int],
        connections_max: int = CONNECTIONS_MAX,
    ) -> None:
        """`desks`: by shop."""
        self._desks = desks
        self._authenticate = authenticate
        self._now_ms = now_ms
        self._connections_max = connections_max
        self._open: list[PackedDoor] = []
        self._all_gone = asyncio.Event()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._open)

    def connect(self) -> PackedDoor:
        """The protocol of a new connection; one too many hears so and is hung up on."""
        turned_away = ""
        if len(self._open) >= self._connections_max:
            turned_away = f"{self._connections_max} connections are open: close one of them"
        door = PackedDoor(self._grant, self._now_ms, self._lost, turned_away)
        self._open.append(door)
        return door

    async def end(self, wait_s: float = END_S) -> None:
        """Answer what was asked, then hang up on everybody."""
        for door in list(self._open):
            door.end()
        if self._open:
            self._all_gone.clear()
            try:
                await asyncio.wait_for(self._all_gone.wait(), wait_s)
            except TimeoutError:
                for door in list(self._open):
                    door.abort()

    def _grant(self, hello: str) -> Grant | None:
        return granted(hello, self._desks, self._authenticate)

    def _lost(self, door: PackedDoor) -> None:
        self._open.remove(door)
        if not self._open:
            self._all_gone.set()


def require_short(path: Path) -> None:
    """Raises ValueError when no Unix socket can lie there."""
    size = len(str(path).encode())
    if size > SOCKET_PATH_BYTES_MAX:
        raise ValueError(
            f"{path} has {size} bytes, a Unix socket's path at most {SOCKET_PATH_BYTES_MAX}: give"
            " --store a shorter path, or serve with --no-packed"
        )
