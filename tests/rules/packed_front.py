"""A packed door on a real socket before the real desk, for tests of the door.

Always closed with nobody left connected. Never: a front process of the product's own is needed.
"""

import asyncio
import contextlib
import importlib.util
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tidegate.access.principal import Principal
from tidegate.access.roles import Role
from tidegate.access.store import AccessUnavailable
from tidegate.packed import wire
from tidegate.packed.client import PackedClient
from tidegate.packed.doors import PackedDoors
from tidegate.record import facts as f
from tidegate.record.lines import OUTCOME, Array

spec = importlib.util.spec_from_file_location(
    "desk_house", Path(__file__).with_name("desk_house.py")
)
assert spec is not None
assert spec.loader is not None
made: Any = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
House, run, NOW_MS, folded = made.House, made.run, made.NOW_MS, made.folded


def principal(*scopes: str, channels: frozenset[str] | None = None) -> Principal:
    """A machine's key."""
    return Principal(9, False, Role(0), frozenset(scopes), frozenset({"own"}), channels, "k1")


class Front:
    """A shop with a packed door on a Unix socket, and connections to it."""

    def __init__(self, folder: Path, connections_max: int = 4) -> None:
        self.house = House()
        self.keys: dict[str, Principal] = {
            "all": principal("orders:write", "sales:write", "release:write"),
            "orders": principal("orders:write"),
            "sales": principal("sales:write"),
            "web": principal("orders:write", channels=frozenset({"web", "gone"})),
            "reader": principal("orders:read"),
        }
        self.is_readable = True
        self.folder = folder
        self.connections_max = connections_max

    def authenticate(self, key: str) -> Principal | None:
        """The keys of this test."""
        if not self.is_readable:
            raise AccessUnavailable("access.db cannot be read")
        return self.keys.get(key)

    async def open(self) -> "Front":
        """Listen."""
        await self.house.open(units=1_000_000)
        await self.house.say(f.PutChannel("till"))
        self.doors = PackedDoors(
            {"own": self.house.desk}, self.authenticate, self.house.clock.now_ms,
            self.connections_max,
        )  # fmt: skip
        self.path = self.folder / "p.sock"
        loop = asyncio.get_running_loop()
        self.server = await loop.create_unix_server(self.doors.connect, str(self.path))
        return self

    async def close(self) -> None:
        """Hang up on everybody."""
        self.server.close()
        await self.house.desk.stop()
        await self.doors.end(1.0)
        assert self.doors.connections == 0

    async def client(self, key: str = "all", shop: str = "own") -> PackedClient:
        """A connection that said hello."""
        return await asyncio.to_thread(PackedClient, self.path, f"{shop}:{key}", 10.0)

    async def said(self, data: bytes) -> bytes:
        """Everything that the door says to these bytes until it hangs up."""
        reader, writer = await asyncio.open_unix_connection(str(self.path))
        writer.write(data)
        answer = b""
        with contextlib.suppress(ConnectionResetError):  # hung up on with our bytes unread
            while piece := await asyncio.wait_for(reader.read(4_096), 20):
                answer += piece
        writer.close()
        return answer


def scene(folder: Path, play: Callable[[Front], Awaitable[None]], connections_max: int = 4) -> None:
    """Play with an open front."""

    async def played() -> None:
        front = await Front(folder, connections_max).open()
        await play(front)
        await front.close()

    run(played())


async def asked(client: PackedClient, rows: Array) -> Any:  # noqa: ANN401 -- a PackedAnswer
    """One frame and its answer."""
    await asyncio.to_thread(client.ask, rows)
    return await asyncio.to_thread(client.read)


def hello(key: str = "own:all") -> bytes:
    """A hello's frame."""
    return wire.ASK.pack(wire.ASK_MAGIC, wire.HELLO, 7, len(key), 0) + key.encode()


def told(answer: bytes) -> list[tuple[int, int, str]]:
    """Answers as (status, tag, text)."""
    found = []
    while answer:
        _, status, tag, rows, _, seq = wire.ANSWER.unpack(answer[: wire.ANSWER.size])
        size = rows * (OUTCOME.itemsize if seq else 1)
        text = answer[wire.ANSWER.size : wire.ANSWER.size + size]
        found.append((status, tag, f"{rows} outcomes" if seq else text.decode()))
        answer = answer[wire.ANSWER.size + size :]
    return found
