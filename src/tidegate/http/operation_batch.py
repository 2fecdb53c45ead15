"""Operations on many orders in one body: each line names its order, its operation and its own id.

A line asks for exactly what the operation's own route takes, and needs that route's scope for its
channel; fields of another operation are refused, never passed over.
"""

import numpy as np
from msgspec import UNSET

from tidegate.access.principal import Principal
from tidegate.access.roles import ORDERS_WRITE, RELEASE_WRITE
from tidegate.http.batch import LineGroup, patiently
from tidegate.http.bodies import decode
from tidegate.http.calls import ShopDoors
from tidegate.http.errors import UNPROCESSABLE, Answer, Problem
from tidegate.http.gate import Gate
from tidegate.http.ids import check_id
from tidegate.http.languages import Language
from tidegate.http.operations import operation_answer, operation_row
from tidegate.http.ports import Rows
from tidegate.http.schemas import Operation
from tidegate.record.lines import (
    ALL_LINES,
    CANCEL,
    EXTEND,
    HOLD,
    PAY,
    RELEASE,
    RETURN,
    RETURN_DEFECTIVE,
    SHIP,
)

_Read = tuple[str, Rows]  # the operation's own id, its row

_KINDS = {
    "pay": PAY, "cancel": CANCEL, "ship": SHIP, "return": RETURN, "release": RELEASE,
    "hold": HOLD, "extend": EXTEND,
}  # fmt: skip
_PART = frozenset(("line", "quantity"))
_MAY_HAVE = {"cancel": _PART, "ship": _PART, "return": _PART | {"defective"}}
_MUST_HAVE = {"pay": "amount_fen", "extend": "seconds"}
_FIELDS = ("line", "quantity", "amount_fen", "seconds", "defective")
_SCOPES = {"release": RELEASE_WRITE, "hold": RELEASE_WRITE}


class OperationGroup(LineGroup[_Read]):
    """Operations that are decided together."""

    def __init__(
        self, shop: ShopDoors, gate: Gate, principal: Principal, language: Language
    ) -> None:
        super().__init__(language)
        self.shop = shop
        self.gate = gate
        self.principal = principal

    def read(self, line: bytes) -> _Read:
        """An operation as a row."""
        asked = decode(line, Operation)
        scope = _SCOPES.get(asked.operation, ORDERS_WRITE)
        self.gate.require(self.principal, scope, self.shop.name, asked.channel)
        for name, text in (("id", asked.id), ("order", asked.order), ("channel", asked.channel)):
            check_id(text, name)
        require_own_fields(asked)
        kind = RETURN_DEFECTIVE if asked.defective is True else _KINDS[asked.operation]
        row = operation_row(
            self.shop.desk,
            asked.id,
            asked.channel,
            asked.order,
            kind,
            line=ALL_LINES if asked.line is UNSET else asked.line,
            quantity=asked.seconds or asked.quantity or 0,
            amount_fen=asked.amount_fen or 0,
        )
        return asked.id, row

    async def place(self, asked: list[tuple[int, _Read]], answers: list[Answer | None]) -> None:
        """Decide, word."""
        rows = np.concatenate([row for _, (_, row) in asked])
        decided = await patiently(lambda: self.shop.desk.operate(rows))
        for number, (place, (own_id, _)) in enumerate(asked):
            outcome, position = decided.outcomes[number], decided.position + number
            answers[place] = operation_answer(own_id, outcome, decided.seq, position, self.language)


def require_own_fields(asked: Operation) -> None:
    """Raise Problem unless the fields are those of the operation's own route."""
    needed = _MUST_HAVE.get(asked.operation)
    allowed = {needed} if needed else _MAY_HAVE.get(asked.operation, frozenset())
    for name in _FIELDS:
        is_there = getattr(asked, name) is not UNSET
        if is_there and name not in allowed:
            raise Problem(
                UNPROCESSABLE,
                f"{name}: not for {asked.operation}",
                f"{name}：不适用于 {asked.operation}",
            )
        if name == needed and not is_there:
            raise Problem(
                UNPROCESSABLE,
                f"{name}: needed for {asked.operation}",
                f"{name}：{asked.operation} 必填",
            )
