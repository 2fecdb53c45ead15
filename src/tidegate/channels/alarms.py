"""Channel alarms: what was read back and is not right, kept until a person has looked at it.

Always: an alarm stands in the ledger before anybody is told, once as long as it is open; a price in
doubt is also a flag of the desk, so that nothing at that price is released. Never: an alarm ends by
itself, but one whose only trouble was that a price could not be read.
"""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tidegate.channels.ledger import Ledger
from tidegate.channels.ports import Shop
from tidegate.record.facts import SetFlag

PRICE_DIFFERS, BELOW_FLOOR = "price_differs", "price_below_floor"
UNREADABLE, FIRST_ORDER = "price_unreadable", "first_order_differs"
SHOWS_MORE, ON_SHELF, OFF_SHELF = "shows_more_than_granted", "on_shelf_again", "off_shelf_there"
RATIOS = "ratios_over_all"
LIST_MAX = 500
FLAG_NOTE = "channel"

# Kind: what it says, in English and Chinese; figures come in by name.
WORDS: dict[str, tuple[str, str]] = {
    PRICE_DIFFERS: (
        "{channel}: {sku} costs a buyer {read_fen} fen there, {price_fen} fen here",
        "{channel}：{sku} 到手价 {read_fen} 分，本店应为 {price_fen} 分",
    ),
    BELOW_FLOOR: (
        "{channel}: {sku} costs a buyer {read_fen} fen there, its floor is {floor_fen} fen",
        "{channel}：{sku} 到手价 {read_fen} 分，低于底价 {floor_fen} 分",
    ),
    UNREADABLE: (
        "{channel}: prices cannot be read {sku}{promotion}",
        "{channel}：无法读取到手价 {sku}{promotion}",
    ),
    FIRST_ORDER: (
        "{channel}: a first order after {promotion} began brings {read_fen} fen, not {price_fen}",
        "{channel}：{promotion} 开始后首批订单实收 {read_fen} 分，应为 {price_fen} 分",
    ),
    SHOWS_MORE: (
        "{channel}: {sku} shows {shown} units, {granted} were granted",
        "{channel}：{sku} 显示库存 {shown}，实际授予 {granted}",
    ),
    ON_SHELF: ("{channel}: {sku} is on the shelf again", "{channel}：{sku} 被重新上架"),
    OFF_SHELF: ("{channel}: {sku} was taken off the shelf there", "{channel}：{sku} 在平台被下架"),
    RATIOS: (
        "{channel}: of {sku} in pool {pool} more than all is promised ({ratio_bp} of 10000)",
        "{channel}：{sku} 在库存池 {pool} 的同步比例合计 {ratio_bp}/10000，超过全部",
    ),
}


class ChannelAlarm(NamedTuple):
    """One alarm. `scope` and `target`: what the desk was asked to flag, "" = nothing."""

    id: int
    at_ms: int
    channel: str
    kind: str
    sku: str
    item: str
    promotion: str
    figures: dict[str, object]
    scope: str
    target: str
    flag: str
    settled_ms: int
    settled_by: str
    note: str

    @property
    def english(self) -> str:
        """The alarm as a sentence."""
        return self._said(0)

    @property
    def chinese(self) -> str:
        """The same in Chinese."""
        return self._said(1)

    def _said(self, language: int) -> str:
        fields = {"channel": self.channel, "sku": self.sku, "promotion": self.promotion}
        return WORDS[self.kind][language].format_map({**fields, **self.figures}).strip()


SETTLE = (
    "UPDATE alarm SET settled_ms = ?, settled_by = ?, note = ?, flag = CASE flag"
    " WHEN 'set' THEN 'clearing' WHEN 'wanted' THEN '' ELSE flag END WHERE settled_ms = 0"
)
FIELDS = ", ".join(ChannelAlarm._fields)


class Wish(NamedTuple):
    """An alarm that is to be raised."""

    channel: str
    kind: str
    sku: str
    item: str
    promotion: str
    figures: dict[str, object]
    flags: tuple[str, str]


class Alarms:
    """One shop's channel alarms. Any thread may call; another process may open the ledger too."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def after(self, cursor: int, limit: int = LIST_MAX) -> list[ChannelAlarm]:
        """Alarms that were raised behind a cursor (an id; 0 = the first), oldest first."""
        return self._rows("id > ? ORDER BY id LIMIT ?", cursor, min(limit, LIST_MAX))

    def open(self) -> list[ChannelAlarm]:
        """Alarms that nobody has settled, oldest first."""
        return self._rows("settled_ms = 0 ORDER BY id LIMIT ?", LIST_MAX)

    def too_cheap(self, channel: str) -> set[str]:
        """SKUs that cost less than their floor on a channel, as far as anybody has looked."""
        rows = self._ledger.ask(
            "SELECT sku FROM alarm WHERE channel = ? AND kind = ? AND settled_ms = 0",
            (channel, BELOW_FLOOR),
        )
        return {sku for (sku,) in rows}

    def raise_one(
        self,
        channel: str,
        kind: str,
        now_ms: int,
        *,
        sku: str = "",
        item: str = "",
        promotion: str = "",
        figures: Mapping[str, object] | None = None,
        flags: tuple[str, str] = ("", ""),
    ) -> bool:
        """Raise an alarm; False where the same is open already. `flags`: scope and target."""
        wish = Wish(channel, kind, sku, item, promotion, dict(figures or {}), flags)
        return bool(self.raise_all([wish], now_ms))

    def raise_all(self, wishes: Sequence[Wish], now_ms: int) -> int:
        """Raise alarms that are not open yet, all at once; how many it was."""
        if not wishes:
            return 0
        with self._ledger.writing() as connection:
            return connection.executemany(
                "INSERT OR IGNORE INTO alarm (at_ms, channel, kind, sku, item, promotion, figures,"
                " scope, target, flag) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (now_ms, one.channel, one.kind, one.sku, one.item, one.promotion,
                     json.dumps(one.figures), *one.flags, "wanted" if one.flags[0] else "")
                    for one in wishes
                ],
            ).rowcount  # fmt: skip

    def open_count(self) -> int:
        """How many nobody has settled."""
        row = self._ledger.one("SELECT count(*) FROM alarm WHERE settled_ms = 0")
        return int(row[0]) if row else 0

    def unreadable(self, channel: str) -> set[str]:
        """SKUs of a channel whose price could not be read; "" = the channel itself."""
        rows = self._ledger.ask(
            "SELECT sku FROM alarm WHERE channel = ? AND kind = ? AND settled_ms = 0",
            (channel, UNREADABLE),
        )
        return {sku for (sku,) in rows}

    def settle(self, alarm: int, by: str, note: str, now_ms: int) -> bool:
        """A person has looked: the alarm is over, its flag is taken back; False = was not open."""
        return self._settle("id = ?", (alarm,), by, note, now_ms)

    def readable_again(self, channel: str, sku: str, now_ms: int) -> bool:
        """A price that could not be read was read, and is right."""
        where = "channel = ? AND kind = ? AND sku = ?"
        return self._settle(where, (channel, UNREADABLE, sku), "tidegate", "read again", now_ms)

    def _settle(
        self, where: str, values: tuple[object, ...], by: str, note: str, now_ms: int
    ) -> bool:
        with self._ledger.writing() as connection:
            found = connection.execute(
                f"{SETTLE} AND {where}",
                (max(1, now_ms), by, note[:200], *values),
            )
        return bool(found.rowcount)

    def _rows(self, where: str, *values: object) -> list[ChannelAlarm]:
        rows = self._ledger.ask(f"SELECT {FIELDS} FROM alarm WHERE {where}", values)  # noqa: S608 -- our own words
        return [ChannelAlarm._make((*row[:7], json.loads(row[7]), *row[8:])) for row in rows]


def token_of(by: str) -> int:
    """An operator's token as the ledger holds who decided; 0 for Tidegate itself."""
    return int(by.removeprefix("token:"), 16) if by.startswith("token:") else 0


def by_token(token: int) -> str:
    """Who decided, as the ledger holds it."""
    return f"token:{token:016x}"


class AlarmFlags:
    """Tells the desk of alarms: a flag is set with one, and taken back with the last of a target.

    The desk has one flag a target: what somebody set for a reason of their own is taken back with
    the last alarm of that target, too.
    """

    def __init__(self, ledger: Ledger, shop: Shop) -> None:
        self._ledger = ledger
        self._shop = shop

    def turn(self) -> int:
        """Tell what is to be told; how many alarms it was about. Raises what the desk raises."""
        waiting = self._ledger.ask(
            "SELECT id, scope, target, flag, settled_by FROM alarm"
            " WHERE flag IN ('wanted', 'clearing') ORDER BY id LIMIT ?",
            (LIST_MAX,),
        )
        groups: dict[tuple[str, str, str], list[tuple[int, str]]] = {}
        for number, scope, target, flag, by in waiting:
            groups.setdefault((scope, target, flag), []).append((number, by))
        for (scope, target, flag), alarms in groups.items():
            self._tell(scope, target, flag, alarms)
        return len(waiting)

    def _tell(self, scope: str, target: str, flag: str, alarms: Sequence[tuple[int, str]]) -> None:
        """One command for all alarms of a target."""
        is_on, (number, by) = flag == "wanted", alarms[-1]
        if is_on or not self._others(scope, target):
            command = SetFlag(scope, "alarm", is_on, target, f"{FLAG_NOTE} alarm {number}")
            self._shop.command(command, f"alarm\0{number}\0{flag}", token_of(by))
        with self._ledger.writing() as connection:
            connection.executemany(
                "UPDATE alarm SET flag = ? WHERE id = ? AND flag = ?",
                [("set" if is_on else "cleared", one, flag) for one, _ in alarms],
            )

    def _others(self, scope: str, target: str) -> bool:
        """Whether an alarm that is not settled keeps the same flag."""
        return bool(
            self._ledger.one(
                "SELECT 1 FROM alarm WHERE scope = ? AND target = ?"
                " AND flag IN ('wanted', 'set') LIMIT 1",
                (scope, target),
            )
        )
