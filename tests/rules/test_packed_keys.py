"""What a key may do by the packed door: its scopes, its channels, until it is revoked."""

import asyncio
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from tidegate.packed import wire
from tidegate.record.lines import (
    CANCEL,
    FACT,
    HOLD,
    PAID,
    PAY,
    RELEASE,
    Array,
)

spec = importlib.util.spec_from_file_location(
    "packed_front", Path(__file__).with_name("packed_front.py")
)
assert spec is not None
assert spec.loader is not None
made: Any = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
Front, asked, scene = made.Front, made.asked, made.scene

pytestmark = pytest.mark.timeout(60)


def kinds(front: Front, kind: int, flags: int = PAID, channel: int = 0) -> Array:
    """A frame's rows: kind 0 = an order."""
    if kind:
        return front.house.operation("op", "none", kind)
    return front.house.rows(["1", "2"], flags=flags, channel=channel)


@pytest.mark.parametrize(
    ("key", "rows", "why"),
    [
        ("all", (0, PAID), ""),
        ("all", (0, PAID | FACT), ""),
        ("all", (PAY,), ""),
        ("all", (RELEASE,), ""),
        ("orders", (0, PAID), ""),
        ("orders", (0, PAID | FACT), "row 0 is a marketplace's sale: this key lacks sales:write"),
        ("orders", (CANCEL,), ""),
        ("orders", (RELEASE,), "row 0 releases or holds: this key lacks release:write"),
        ("orders", (HOLD,), "row 0 releases or holds: this key lacks release:write"),
        ("sales", (0, PAID), "row 0 is an order: this key lacks orders:write"),
        ("sales", (0, PAID | FACT), ""),
        ("sales", (PAY,), "this key lacks orders:write"),
        ("web", (0, PAID), ""),
        ("web", (0, PAID, 1), "row 0: this key is not for channel number 1"),
        ("web", (0, PAID, 200), "row 0: this key is not for channel number 200"),
        ("web", (PAY,), "this key is bound to channels: its operations go by HTTP"),
    ],
)
def test_a_key_does_what_its_scopes_and_channels_say(
    tmp_path: Path, key: str, rows: tuple[int, ...], why: str
) -> None:
    async def play(front: Front) -> None:
        before = front.house.desk.status().decided
        client = await front.client(key)
        answer = await asked(client, kinds(front, *rows))
        assert answer.text.startswith(why)
        assert bool(answer.text) is bool(why)
        assert answer.status == (wire.REFUSED if why else wire.DECIDED)
        assert (front.house.desk.status().decided > before) is (not why and rows[0] == 0)
        client.close()

    scene(tmp_path, play)


def test_one_foreign_row_among_many_refuses_the_frame(tmp_path: Path) -> None:
    async def play(front: Front) -> None:
        client = await front.client("web")
        rows = front.house.rows([str(number) for number in range(50)])
        rows["channel"][37] = 1
        answer = await asked(client, rows)
        assert answer.text == "row 37: this key is not for channel number 1"
        rows["channel"][37] = 0
        rows["flags"][20] |= FACT
        answer = await asked(client, rows)
        assert answer.text == "row 20 is a marketplace's sale: this key lacks sales:write"
        assert front.house.desk.status().decided == 0
        client.close()

    scene(tmp_path, play)


def test_a_revoked_key_ends_its_connection_at_the_next_frame(tmp_path: Path) -> None:
    async def play(front: Front) -> None:
        client = await front.client()
        assert (await asked(client, front.house.rows(["1"]))).status == wire.DECIDED
        del front.keys["all"]
        answer = await asked(client, front.house.rows(["2"]))
        assert (answer.status, answer.text) == (
            wire.REFUSED, "this key does not work here any more",
        )  # fmt: skip
        with pytest.raises(EOFError):
            await asyncio.to_thread(client.read)
        assert front.house.desk.status().decided == 1
        client.close()

    scene(tmp_path, play)


def test_while_keys_cannot_be_read_nobody_is_let_in_and_the_connection_stays(
    tmp_path: Path,
) -> None:
    async def play(front: Front) -> None:
        client = await front.client()
        front.is_readable = False
        answer = await asked(client, front.house.rows(["1"]))
        assert (answer.status, answer.text) == (wire.UNREADY, "access.db cannot be read")
        with pytest.raises(PermissionError, match=r"access\.db cannot be read"):
            await front.client()
        front.is_readable = True
        assert (await asked(client, front.house.rows(["1"]))).status == wire.DECIDED
        client.close()

    scene(tmp_path, play)
