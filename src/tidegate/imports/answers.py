"""What the desk answered, and from that the row of every line that was still open.

An order's reason counts for every line of it, but for one: where the price of an item lies below
its floor, that item's lines are refused for it and the others were refused with the order.
Decides nothing and asks nothing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidegate.domain.reasons import REASON_TEXTS, Reason
from tidegate.imports import tally
from tidegate.imports.order_lines import RETURN, WRITE_OFF
from tidegate.imports.parsed_columns import ABSENT, Integers
from tidegate.imports.plan import Plan

NOT_ASKED = 254
NO_MATCH = 255  # of a cancellation: no order to give back


@dataclass
class Answers:
    """By part, and by file line for returns and write-offs: a Reason, NO_MATCH or NOT_ASKED."""

    part: NDArray[np.uint8]
    line: NDArray[np.uint8]
    repeated: int = 0  # parts that the desk had decided before
    unshipped: int = 0  # accepted parts whose shipment was refused


def no_answers(plan: Plan) -> Answers:
    """Answers before anything was asked."""
    return Answers(
        np.full(len(plan.sales.part_order), NOT_ASKED, dtype=np.uint8),
        np.full(len(plan.lines), NOT_ASKED, dtype=np.uint8),
    )


def settle_lines(plan: Plan, answers: Answers, sku_floor_fen: Integers) -> None:
    """Give every line that has no row yet the row of its answer. Asserts that none stays open."""
    _settle_sales(plan, answers, sku_floor_fen)
    lines, counts = plan.lines, plan.lines.tally
    for kind, done, refused in (
        (RETURN, tally.RETURN_MATCHED, tally.RETURN_REFUSED),
        (WRITE_OFF, tally.WRITTEN_OFF, tally.WRITE_OFF_REFUSED),
    ):
        rows = counts.open_lines()
        rows = rows[lines.kind[rows] == kind]
        for reason in np.unique(answers.line[rows]).tolist():
            chosen = rows[answers.line[rows] == reason]
            if reason == NO_MATCH:
                counts.assign(chosen, tally.RETURN_UNMATCHED)
            else:
                counts.assign(chosen, done if reason == 0 else refused + reason_name(reason))
    assert len(counts.open_lines()) == 0, "a line of the file stands in no row"


def _settle_sales(plan: Plan, answers: Answers, sku_floor_fen: Integers) -> None:
    sales, counts = plan.sales, plan.lines.tally
    lines = counts.open_lines()
    lines = lines[sales.row_of_line[lines] != ABSENT]
    part_of_row = sales.part_of_row
    row = sales.row_of_line[lines]
    reasons = answers.part[part_of_row[row]]
    below = _below_floor(plan, part_of_row, sku_floor_fen)
    blamed = np.zeros(len(sales.part_order), dtype=np.bool_)
    blamed[part_of_row[below]] = True
    beside = (reasons == Reason.PRICE_BELOW_FLOOR) & blamed[part_of_row[row]] & ~below[row]
    counts.assign(lines[beside], tally.REFUSED_WITH_ORDER)
    for reason in np.unique(reasons).tolist():
        name = tally.ACCEPTED if reason == 0 else tally.REFUSED + reason_name(reason)
        counts.assign(lines[(reasons == reason) & ~beside], name)


def _below_floor(plan: Plan, part_of_row: Integers, sku_floor_fen: Integers) -> NDArray[np.bool_]:
    """By row: whether its item's lines in this part, taken together, lie below the floor."""
    sales = plan.sales
    sku = sales.rows["sku"].astype(np.int64)
    group_key = part_of_row * max(len(sku_floor_fen), 1) + sku
    _, group = np.unique(group_key, return_inverse=True)
    groups = int(group.max(initial=-1)) + 1
    receivable = np.zeros(groups, dtype=np.int64)
    np.add.at(receivable, group, sales.rows["receivable_fen"])
    floor = np.zeros(groups, dtype=np.int64)
    np.add.at(floor, group, sku_floor_fen[sku] * sales.rows["quantity"].astype(np.int64))
    below: NDArray[np.bool_] = (receivable < floor)[group]
    return below


def reason_name(reason: int) -> str:
    """The public name of a reason."""
    return REASON_TEXTS[Reason(reason)].name
