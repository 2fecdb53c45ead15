"""A shop before and after its history: channel, items and opening stock, and what is closed again.

Items that the catalogue lacks get the policy's floor while history is decided, and no known cost
afterwards: until the merchant imports costs they sell at list price only. Items that the catalogue
had are never changed. All commands have ids made of the file's SHA-256, so repeating does nothing.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from tidegate.imports.answers import reason_name
from tidegate.imports.order_prepared import PreparedOrders
from tidegate.imports.ports import DeskPort, NamedCommand
from tidegate.imports.refusal import ImportRefused
from tidegate.record.facts import PutChannel, PutSku, ReceiveStock

COMMANDS_PER_CALL_MAX = 1_000


class OpeningShop:
    """`defined[s]`: item s of the file was not in the catalogue when the import began."""

    def __init__(
        self, prepared: PreparedOrders, port: DeskPort, defined: NDArray[np.bool_]
    ) -> None:
        self._prepared = prepared
        self._port = port
        self.defined = defined

    def open(self) -> None:
        """Define what is missing and receive the opening stock, at the file's first moment."""
        now_ms = max(self._port.now_ms(), self._prepared.plan.first_ms)
        codes = self._prepared.lines.sku_codes
        if self._port.channel_number(self._prepared.channel) is None:
            channel = PutChannel(self._prepared.channel)
            self._ask([self._named("channel", channel.code, channel)], now_ms)
        self._ask((self._definition(i) for i in np.flatnonzero(self.defined).tolist()), now_ms)
        units = self._prepared.opening_units
        self._ask(
            (
                self._named("opening", codes[i], ReceiveStock(codes[i], int(units[i])))
                for i in np.flatnonzero(units > 0).tolist()
            ),
            now_ms,
        )

    def close(self) -> None:
        """Forget that the cost of the defined items was taken as zero for history."""
        now_ms = self._port.now_ms()
        self._ask(
            (self._definition(i, closed=True) for i in np.flatnonzero(self.defined).tolist()),
            now_ms,
        )
        self._port.sync()

    def _definition(self, item: int, *, closed: bool = False) -> NamedCommand:
        code = self._prepared.lines.sku_codes[item]
        list_price_fen = (int(self._prepared.twice_median_fen[item]) + 1) // 2
        floor_fen = int(self._prepared.floors_fen[item])
        if closed:
            return self._named("close", code, PutSku(code, list_price_fen, None, floor_fen))
        return self._named("define", code, PutSku(code, list_price_fen, 0, floor_fen))

    def _named(
        self, word: str, code: str, command: PutChannel | PutSku | ReceiveStock
    ) -> NamedCommand:
        return NamedCommand(f"history/{self._prepared.file.sha256}/{word}/{code}", command)

    def _ask(self, asked: Iterable[NamedCommand], now_ms: int) -> None:
        commands = list(asked)
        for begin in range(0, len(commands), COMMANDS_PER_CALL_MAX):
            chunk = commands[begin : begin + COMMANDS_PER_CALL_MAX]
            reasons = self._port.commands(chunk, now_ms)
            if bool(reasons.any()):
                first = int(np.flatnonzero(reasons)[0])
                raise ImportRefused(
                    f"the shop refused to {chunk[first].id.split('/')[2]} "
                    f"{chunk[first].id.split('/', 3)[3]!r} ({reason_name(int(reasons[first]))})"
                )
