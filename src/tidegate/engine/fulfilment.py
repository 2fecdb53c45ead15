"""What an accepted operation does to an order and to stock: payment, shipment and so on.

Called when an operation is decided and when its record is folded. Cannot fail, judges nothing.
"""

import numpy as np

from tidegate.domain.jit import i64, kernel
from tidegate.domain.reasons import Reason
from tidegate.engine import blocks as bk
from tidegate.engine.effects import (
    build_block,
    close_order,
    end_hold,
    give_back_units,
    heap_push,
    reverse_line,
)
from tidegate.engine.guards import known_sku
from tidegate.engine.layout import (
    COMMITTED,
    EXPIRED,
    NOW_MS,
    ON_HOLD,
    PRE_HELD,
    RELEASED,
    State,
)
from tidegate.engine.orders import order_lines_back
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
    Array,
)

OVERRIDE = 1  # OPERATION flag of RELEASE: a person decided; `quantity` may name an exception
# What a marketplace sold past these guards is released under an exception, which two approved.
FLOOR_BITS = (1 << int(Reason.PRICE_BELOW_FLOOR)) | (1 << int(Reason.COST_MISSING))
LIMIT_BITS = (1 << int(Reason.LIMIT_EXCEEDED)) | (1 << int(Reason.ORDER_TOO_LARGE))
TWO_PEOPLE_BITS = FLOOR_BITS | LIMIT_BITS


@kernel
def units_open(s: State, line: int, flags: int, kind: int) -> int:
    """How many units of a line an operation of this kind may still take."""
    if kind == RETURN or kind == RETURN_DEFECTIVE:
        shipped = bk.line_units(s, line, flags, bk.SHIPPED)
        return shipped - bk.line_units(s, line, flags, bk.RETURNED)
    return bk.line_open(s, line, flags)


@kernel
def apply_payment(s: State, row: int) -> None:
    """An order is paid: its claims move from pre_held to committed, or are taken again if late."""
    block = i64(s.orders[row]["block"])
    if s.orders[row]["state"] == EXPIRED:
        count = order_lines_back(s, row)
        bk.block_free(s, block)
        s.orders[row]["block"] = np.uint32(build_block(s, s.scratch_lines, 0, count, 0, 0, False))
        s.orders[row]["state"] = COMMITTED
        return
    flags = bk.block_flags(s, block)
    line = bk.first_line(s, block)
    for _ in range(bk.block_lines(s, block)):
        move_units(
            s, line, flags, bk.line_open(s, line, flags) - bk.line_short(s, line, flags), PAY
        )
        line = bk.next_line(s, line, flags)
    end_hold(s, block)
    s.orders[row]["state"] = COMMITTED


@kernel
def move_units(s: State, line: int, flags: int, units: int, kind: int) -> None:
    """Move covered units of a line, part by part, as one kind of operation does."""
    sku = i64(s.blocks[line + bk.L_SKU])
    if not known_sku(s, sku):
        return
    pool = bk.line_pool(s, line)
    recipe = bk.line_recipe(s, line, flags)
    if recipe == 0:
        move_cell(s, pool, sku, units, kind)
        return
    for p in range(s.recipes[recipe]):
        part = i64(s.recipes[recipe + 1 + 2 * p])
        move_cell(s, pool, part, units * i64(s.recipes[recipe + 2 + 2 * p]), kind)


@kernel
def move_cell(s: State, pool: int, sku: int, units: int, kind: int) -> None:
    """Move units of one SKU in one pool."""
    c = s.cells[pool, sku]
    if kind == PAY:
        c["pre_held"] -= units
        c["committed"] += units
    elif kind == RELEASE:
        c["released"] += units
    elif kind == SHIP:
        c["committed"] -= units
        c["on_hand"] -= units
        c["shipped"] += units
    elif kind == RETURN:
        c["on_hand"] += units
        c["returned"] += units
    elif kind == RETURN_DEFECTIVE:
        c["defective"] += units


@kernel
def apply_units(s: State, row: int, op: Array) -> None:
    """Cancel, ship or return units of one line or of all."""
    block = i64(s.orders[row]["block"])
    state = i64(s.orders[row]["state"])
    flags = bk.block_flags(s, block)
    kind = i64(op["kind"])
    whole = kind == CANCEL and ends_order(s, block, op)
    line = bk.first_line(s, block)
    for i in range(bk.block_lines(s, block)):
        units = units_open(s, line, flags, kind)
        if op["quantity"] != 0:
            units = i64(op["quantity"])
        if units > 0 and (op["line"] == ALL_LINES or i64(op["line"]) == i):
            if kind == CANCEL:
                give_back_units(s, line, flags, units, state)
                reverse_line(s, block, line, flags, units, whole)
                bk.add_units(s, line, flags, bk.CANCELLED, units)
            elif kind == SHIP:
                move_units(s, line, flags, units, SHIP)
                if state == RELEASED:
                    unrelease(s, line, flags, units)
                bk.add_units(s, line, flags, bk.SHIPPED, units)
            else:
                move_units(s, line, flags, units, kind)
                reverse_line(s, block, line, flags, units, False)
                bk.add_units(s, line, flags, bk.RETURNED, units)
        elif whole:
            # What is counted once an order may stand on a line that was cancelled before.
            reverse_line(s, block, line, flags, 0, True)
        line = bk.next_line(s, line, flags)
    if nothing_left(s, block):
        if state == PRE_HELD:
            end_hold(s, block)
        close_order(s, row)


@kernel
def unrelease(s: State, line: int, flags: int, units: int) -> None:
    """Shipped units no longer wait in the warehouse."""
    pool = bk.line_pool(s, line)
    recipe = bk.line_recipe(s, line, flags)
    if recipe == 0:
        s.cells[pool, i64(s.blocks[line + bk.L_SKU])]["released"] -= units
        return
    for p in range(s.recipes[recipe]):
        part = i64(s.recipes[recipe + 1 + 2 * p])
        s.cells[pool, part]["released"] -= units * i64(s.recipes[recipe + 2 + 2 * p])


@kernel
def ends_order(s: State, block: int, op: Array) -> bool:
    """Whether a cancellation takes the last open units of an order of which nothing was shipped."""
    flags = bk.block_flags(s, block)
    line = bk.first_line(s, block)
    for i in range(bk.block_lines(s, block)):
        if bk.line_units(s, line, flags, bk.SHIPPED) != 0:
            return False
        left = bk.line_open(s, line, flags)
        if op["line"] == ALL_LINES or i64(op["line"]) == i:
            left -= i64(op["quantity"]) if op["quantity"] != 0 else left
        if left != 0:
            return False
        line = bk.next_line(s, line, flags)
    return True


@kernel
def nothing_left(s: State, block: int) -> bool:
    """Whether no unit of the order can be cancelled, shipped or returned any more."""
    flags = bk.block_flags(s, block)
    line = bk.first_line(s, block)
    for _ in range(bk.block_lines(s, block)):
        if units_open(s, line, flags, SHIP) != 0 or units_open(s, line, flags, RETURN) != 0:
            return False
        line = bk.next_line(s, line, flags)
    return True


@kernel
def exception_units(s: State, line: int, flags: int) -> int:
    """How many units of an exception a line draws when it is released under one."""
    gone = bk.line_units(s, line, flags, bk.CANCELLED) + bk.line_units(s, line, flags, bk.RETURNED)
    return bk.line_units(s, line, flags, bk.ORDERED) - gone


@kernel
def draw_exception(s: State, block: int, op: Array) -> None:
    """Released past a guard that needs two: lines that name no exception draw on, and name, this.

    Cancelled or returned units go back to it, as to the one that an order named itself.
    """
    number = i64(op["quantity"])
    flags = bk.block_flags(s, block)
    if op["flags"] & OVERRIDE == 0 or not flags & bk.IS_FACT or number <= 0:
        return
    if i64(s.blocks[block + 2]) & TWO_PEOPLE_BITS == 0 or number >= s.exceptions.shape[0]:
        return
    line = bk.first_line(s, block)
    for _ in range(bk.block_lines(s, block)):
        if i64(s.blocks[line + bk.L_OFFER]) >> 16 == 0:
            s.exceptions[number]["units_left"] -= exception_units(s, line, flags)
            s.blocks[line + bk.L_OFFER] |= np.uint32(number << 16)
        line = bk.next_line(s, line, flags)


@kernel
def apply_release(s: State, row: int) -> None:
    """Cover what was short and mark the order as gone to the warehouse."""
    block = i64(s.orders[row]["block"])
    flags = bk.block_flags(s, block)
    line = bk.first_line(s, block)
    for _ in range(bk.block_lines(s, block)):
        short = bk.line_short(s, line, flags)
        if short > 0:
            cover_short(s, line, flags, short)
            s.blocks[bk.short_place(line, flags)] = np.uint32(0)
        move_units(s, line, flags, bk.line_open(s, line, flags), RELEASE)
        line = bk.next_line(s, line, flags)
    s.orders[row]["state"] = RELEASED


@kernel
def apply_hold(s: State, row: int) -> None:
    """Keep an order back; units that waited in the warehouse wait there no more."""
    block = i64(s.orders[row]["block"])
    flags = bk.block_flags(s, block)
    if s.orders[row]["state"] == RELEASED:
        line = bk.first_line(s, block)
        for _ in range(bk.block_lines(s, block)):
            unrelease(s, line, flags, bk.line_open(s, line, flags))
            line = bk.next_line(s, line, flags)
    s.orders[row]["state"] = ON_HOLD


@kernel
def cover_short(s: State, line: int, flags: int, units: int) -> None:
    """Stock that came since covers a debt."""
    pool = bk.line_pool(s, line)
    recipe = bk.line_recipe(s, line, flags)
    parts = s.recipes[recipe] if recipe != 0 else 1
    for p in range(parts):
        part, each = i64(s.blocks[line + bk.L_SKU]), 1
        if recipe != 0:
            part = i64(s.recipes[recipe + 1 + 2 * p])
            each = i64(s.recipes[recipe + 2 + 2 * p])
        s.cells[pool, part]["debt"] -= units * each
        s.cells[pool, part]["committed"] += units * each


@kernel
def apply_extend(s: State, row: int, op: Array) -> None:
    """Move an unpaid hold's end to so many seconds from now."""
    block = i64(s.orders[row]["block"])
    expires_s = s.scalars[NOW_MS] // 1000 + i64(op["quantity"])
    if i64(s.blocks[block]) == expires_s and not bk.block_flags(s, block) & bk.IN_QUEUE:
        return  # stands in the heap already
    s.blocks[block] = np.uint32(expires_s)
    bk.leave_queue(s, block)
    heap_push(s, expires_s, row)


@kernel
def apply_operation(s: State, op: Array, row: int) -> None:
    """Everything an accepted operation does."""
    kind = op["kind"]
    if kind == PAY:
        apply_payment(s, row)
    elif kind == RELEASE:
        draw_exception(s, i64(s.orders[row]["block"]), op)
        apply_release(s, row)
    elif kind == HOLD:
        apply_hold(s, row)
    elif kind == EXTEND:
        apply_extend(s, row, op)
    else:
        apply_units(s, row, op)
