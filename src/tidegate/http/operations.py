"""Operations on orders as the desk's rows, and what came of them as answers.

The same for one operation a request and for many; nothing here decides.
"""

from typing import Any

import numpy as np

from tidegate.desk.names import OPERATIONS
from tidegate.domain.reasons import Reason
from tidegate.http.calls import json_answer
from tidegate.http.errors import NOT_FOUND, REFUSED, Answer, Problem, refusal_document
from tidegate.http.languages import Language
from tidegate.http.ports import Desk, Rows
from tidegate.http.schemas import OperationDone
from tidegate.record.lines import ALL_LINES, DUPLICATE, OPERATION


def operation_row(
    desk: Desk,
    command_id: str,
    channel: str,
    order_id: str,
    kind: int,
    *,
    line: int = ALL_LINES,
    quantity: int = 0,
    amount_fen: int = 0,
) -> Rows:
    """One OPERATION row. Raises Problem for a channel that is not there."""
    if desk.catalogue.channel_number(channel) is None:
        raise Problem(NOT_FOUND, "this shop has no such channel", "该店铺没有此渠道")
    row = np.zeros(1, OPERATION)
    row["id_hi"], row["id_lo"] = desk.order_key(OPERATIONS, command_id)
    row["order_hi"], row["order_lo"] = desk.order_key(channel, order_id)
    row["amount_fen"], row["quantity"], row["line"], row["kind"] = amount_fen, quantity, line, kind
    return row


def operation_answer(
    command_id: str,
    outcome: Any,  # noqa: ANN401  one OUTCOME row
    seq: int,
    position: int,
    language: Language,
) -> Answer:
    """What came of one operation."""
    reason = Reason(int(outcome["reason"]))
    duplicate = bool(outcome["flags"] & DUPLICATE)
    if reason != Reason.ACCEPTED:
        place = {"id": command_id, "seq": seq, "position": position}
        figures = place | ({"duplicate": True} if duplicate else {})
        return json_answer(refusal_document(reason, language, "", figures), REFUSED)
    return json_answer(OperationDone(command_id, "accepted", seq, position, duplicate))
