"""Payment, cancellation, shipment, return, release and hold of an order that exists.

Each operation has an id of its own and is decided once: judged by `judge_operation`, which changes
nothing, then applied by `apply_operation`, which cannot fail and which a fold calls alike.
"""

import numpy as np

from tidegate.domain.reasons import Reason
from tidegate.engine import blocks as bk
from tidegate.engine.effects import (
    build_block,
    close_order,
    end_hold,
    give_back_units,
    heap_push,
    known_sku,
    reverse_line,
)
from tidegate.engine.index import NONE
from tidegate.domain.jit import kernel
from tidegate.engine.judge import judge
from tidegate.engine.layout import (
    ALARM,
    COMMITTED,
    EXPIRED,
    HOLD_TTL_MAX_S,
    INCIDENT,
    NOW_MS,
    ON_HOLD,
    OPERATION_DONE,
    PRE_HELD,
    RELEASED,
    SHOP_FLAGS,
    Array,
    State,
)
from tidegate.engine.orders import answer_operation, forget, order_lines_back
from tidegate.engine.tables import find_id, hash_id, mix, remember_order, remember_refusal
from tidegate.record.lines import (
    ALL_LINES,
    CANCEL,
    EXTEND,
    HOLD,
    PAID,
    PAY,
    RELEASE,
    RETURN,
    RETURN_DEFECTIVE,
    SHIP,
)

OK = 0
OVERRIDE = 1  # OPERATION flag of RELEASE: approved, the judgement does not bind

UNKNOWN_ORDER = int(Reason.UNKNOWN_ORDER)
WRONG_STATE = int(Reason.WRONG_STATE)
QUANTITY_EXCEEDS_OPEN = int(Reason.QUANTITY_EXCEEDS_OPEN)
AMOUNT_MISMATCH = int(Reason.AMOUNT_MISMATCH)
REFUND_DUE = int(Reason.REFUND_DUE)
INCIDENT_OPEN = int(Reason.INCIDENT_OPEN)
ALARM_RAISED = int(Reason.ALARM_RAISED)
HELD_BY_PERSON = int(Reason.HELD_BY_PERSON)
PAYMENT_NOT_CONFIRMED = int(Reason.PAYMENT_NOT_CONFIRMED)
STOCK_SHORT_AT_RELEASE = int(Reason.STOCK_SHORT_AT_RELEASE)
STOCK_SHORT_BIT = 1 << int(Reason.STOCK_SHORT)


@kernel
def operation_print(s: State, op: Array) -> np.uint64:
    """A keyed hash of an operation's content."""
    w = s.secrets[0] + op["order_hi"] * s.secrets[8] + op["order_lo"] * s.secrets[9]
    w += np.uint64(op["amount_fen"]) * s.secrets[10]
    w += np.uint64(np.int64(op["quantity"])) * s.secrets[11]
    w += np.uint64(op["line"]) * s.secrets[12] + np.uint64(op["kind"]) * s.secrets[13]
    return mix(w + np.uint64(op["flags"]) * s.secrets[14])


@kernel
def units_open(s: State, line: int, kind: int) -> int:
    """How many units of a line an operation of this kind may still take."""
    if kind == RETURN or kind == RETURN_DEFECTIVE:
        return np.int64(s.blocks[line + bk.L_SHIPPED]) - np.int64(s.blocks[line + bk.L_RETURNED])
    return bk.line_open(s, line)


@kernel
def judge_quantity(s: State, block: int, op: Array) -> int:
    """The lines an operation names must exist and have the units it takes."""
    flags = bk.block_flags(s, block)
    place = bk.first_line(s, block)
    count = bk.block_lines(s, block)
    if op["quantity"] < 0 or (op["line"] == ALL_LINES and op["quantity"] != 0 and count > 1):
        return QUANTITY_EXCEEDS_OPEN
    total = 0
    for i in range(count):
        if op["line"] == ALL_LINES or np.int64(op["line"]) == i:
            left = units_open(s, place, np.int64(op["kind"]))
            if np.int64(op["quantity"]) > left:
                return QUANTITY_EXCEEDS_OPEN
            total += left
            if op["kind"] == SHIP and not on_hand_suffices(
                s, place, flags, np.int64(op["quantity"]) if op["quantity"] != 0 else left
            ):
                return STOCK_SHORT_AT_RELEASE
        place = bk.next_line(s, place, flags)
    return OK if total > 0 else QUANTITY_EXCEEDS_OPEN


@kernel
def on_hand_suffices(s: State, line: int, flags: int, units: int) -> bool:
    """Whether the units are covered and physically there, so that stock never goes below zero."""
    sku = np.int64(s.blocks[line + bk.L_SKU])
    if not known_sku(s, sku):
        return False
    covered = bk.line_open(s, line) - bk.line_short(s, line, flags)
    if units > covered:
        return False
    pool = bk.line_pool(s, line)
    recipe = bk.line_recipe(s, line, flags)
    if recipe == 0:
        return s.cells[pool, sku]["on_hand"] >= units
    for p in range(s.recipes[recipe]):
        part = np.int64(s.recipes[recipe + 1 + 2 * p])
        if s.cells[pool, part]["on_hand"] < units * np.int64(s.recipes[recipe + 2 + 2 * p]):
            return False
    return True


@kernel
def judge_payment(s: State, row: int, op: Array, out: Array) -> int:
    """Paid exactly, in time: accepted. Late: taken again through all guards, or to be refunded."""
    state = s.orders[row]["state"]
    block = np.int64(s.orders[row]["block"])
    if block == 0 or (state != PRE_HELD and state != EXPIRED):
        return REFUND_DUE
    if op["amount_fen"] != bk.payable_left(s, block):
        return AMOUNT_MISMATCH
    if state == PRE_HELD:
        return OK
    count = order_lines_back(s, row)
    s.scratch_lines[0]["flags"] |= np.uint8(PAID)
    if judge(s, s.scratch_lines, 0, count, out, True):
        return OK
    out["mask"] = np.uint32(1 << np.int64(out["reason"]))
    out["reason"] = 0
    return REFUND_DUE


@kernel
def scope_flags(s: State, block: int) -> int:
    """Flags of the shop and of every SKU and promotion in an order, together."""
    flags = np.int64(s.scalars[SHOP_FLAGS])
    place = bk.first_line(s, block)
    optional = bk.block_flags(s, block)
    for _ in range(bk.block_lines(s, block)):
        sku = np.int64(s.blocks[place + bk.L_SKU])
        if known_sku(s, sku):
            flags |= np.int64(s.skus[sku]["flags"])
        promotion = np.int64(s.blocks[place + bk.L_OFFER]) & 0xFFFF
        if promotion != 0:
            flags |= np.int64(s.promotions[promotion]["flags"])
        place = bk.next_line(s, place, optional)
    return flags


@kernel
def judge_release(s: State, row: int, op: Array, out: Array) -> int:
    """What may go to the warehouse: paid, no incident, no alarm, judged clean or approved, covered."""
    state = s.orders[row]["state"]
    block = np.int64(s.orders[row]["block"])
    if state == PRE_HELD:
        return PAYMENT_NOT_CONFIRMED
    if state != COMMITTED and state != ON_HOLD:
        return WRONG_STATE
    flags = scope_flags(s, block)
    if flags & INCIDENT:
        return INCIDENT_OPEN
    if op["flags"] & OVERRIDE == 0:
        if state == ON_HOLD:
            return HELD_BY_PERSON
        if flags & ALARM:
            return ALARM_RAISED
        if bk.block_flags(s, block) & bk.IS_FACT:
            mask = np.int64(s.blocks[block + 2]) & ~STOCK_SHORT_BIT
            for reason in range(32):
                if (mask >> reason) & 1:
                    out["mask"] = np.uint32(mask)
                    return reason
    return OK if release_covered(s, block) else STOCK_SHORT_AT_RELEASE


@kernel
def release_covered(s: State, block: int) -> bool:
    """Whether every line can be covered and physically served beside what is released already."""
    flags = bk.block_flags(s, block)
    place = bk.first_line(s, block)
    need = s.scratch_demand
    count = 0
    for _ in range(bk.block_lines(s, block)):
        sku = np.int64(s.blocks[place + bk.L_SKU])
        units = bk.line_open(s, place)
        short = bk.line_short(s, place, flags)
        pool = bk.line_pool(s, place)
        recipe = bk.line_recipe(s, place, flags)
        if not known_sku(s, sku):
            return False
        parts = s.recipes[recipe] if recipe != 0 else 1
        for p in range(parts):
            part, each = sku, 1
            if recipe != 0:
                part = np.int64(s.recipes[recipe + 1 + 2 * p])
                each = np.int64(s.recipes[recipe + 2 + 2 * p])
            d = 0
            while d < count and (need[d, 0] != part or need[d, 3] != pool):
                d += 1
            if d == count:
                need[d, 0], need[d, 1], need[d, 2], need[d, 3] = part, 0, 0, pool
                count += 1
            need[d, 1] += units * each
            need[d, 2] += short * each
        place = bk.next_line(s, place, flags)
    for d in range(count):
        c = s.cells[need[d, 3], need[d, 0]]
        free = c["on_hand"] - c["pre_held"] - c["committed"] - c["recalling"]
        if need[d, 2] > max(0, free) or c["released"] + need[d, 1] > c["on_hand"]:
            return False
    return True


@kernel
def judge_operation(s: State, op: Array, entry: int, out: Array) -> int:
    """The verdict on one operation; changes nothing."""
    if entry == NONE or entry & 0x80000000 or s.orders[entry]["state"] == OPERATION_DONE:
        return UNKNOWN_ORDER
    state = s.orders[entry]["state"]
    block = np.int64(s.orders[entry]["block"])
    kind = op["kind"]
    if kind == PAY:
        return judge_payment(s, entry, op, out)
    if block == 0 or state == EXPIRED:
        return WRONG_STATE
    if kind == CANCEL:
        return judge_quantity(s, block, op)
    if kind == SHIP:
        fact = bk.block_flags(s, block) & bk.IS_FACT != 0
        if state != RELEASED and (fact or state != COMMITTED):
            return WRONG_STATE
        return judge_quantity(s, block, op)
    if kind == RETURN or kind == RETURN_DEFECTIVE:
        return judge_quantity(s, block, op)
    if kind == RELEASE:
        return judge_release(s, entry, op, out)
    if kind == HOLD:
        return OK if state == COMMITTED else WRONG_STATE
    if kind == EXTEND:
        if state != PRE_HELD or s.blocks[block] == 0 or op["quantity"] <= 0:
            return WRONG_STATE
        if np.int64(op["quantity"]) > s.scalars[HOLD_TTL_MAX_S]:
            return QUANTITY_EXCEEDS_OPEN
        return OK
    return WRONG_STATE


@kernel
def apply_payment(s: State, row: int) -> None:
    """An order is paid: its claims move from pre_held to committed, or are taken again if late."""
    block = np.int64(s.orders[row]["block"])
    if s.orders[row]["state"] == EXPIRED:
        count = order_lines_back(s, row)
        s.scratch_lines[0]["flags"] |= np.uint8(PAID)
        for i in range(count):
            s.scratch_lines[i]["flags"] |= np.uint8(PAID)
        bk.block_free(s, block)
        s.orders[row]["block"] = np.uint32(build_block(s, s.scratch_lines, 0, count, 0, 0))
        s.orders[row]["state"] = COMMITTED
        return
    flags = bk.block_flags(s, block)
    line = bk.first_line(s, block)
    for _ in range(bk.block_lines(s, block)):
        move_units(s, line, flags, bk.line_open(s, line) - bk.line_short(s, line, flags), PAY)
        line = bk.next_line(s, line, flags)
    end_hold(s, block)
    s.orders[row]["state"] = COMMITTED


@kernel
def move_units(s: State, line: int, flags: int, units: int, kind: int) -> None:
    """Move covered units of a line, part by part, as one kind of operation does."""
    sku = np.int64(s.blocks[line + bk.L_SKU])
    if not known_sku(s, sku):
        return
    pool = bk.line_pool(s, line)
    recipe = bk.line_recipe(s, line, flags)
    if recipe == 0:
        move_cell(s, pool, sku, units, kind)
        return
    for p in range(s.recipes[recipe]):
        part = np.int64(s.recipes[recipe + 1 + 2 * p])
        move_cell(s, pool, part, units * np.int64(s.recipes[recipe + 2 + 2 * p]), kind)


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
    block = np.int64(s.orders[row]["block"])
    state = np.int64(s.orders[row]["state"])
    flags = bk.block_flags(s, block)
    kind = np.int64(op["kind"])
    b = s.blocks
    whole = kind == CANCEL and ends_order(s, block, op)
    line = bk.first_line(s, block)
    for i in range(bk.block_lines(s, block)):
        units = units_open(s, line, kind)
        if op["quantity"] != 0:
            units = np.int64(op["quantity"])
        if units > 0 and (op["line"] == ALL_LINES or np.int64(op["line"]) == i):
            if kind == CANCEL:
                give_back_units(s, line, flags, units, state)
                reverse_line(s, block, line, flags, units, whole)
                b[line + bk.L_CANCELLED] += np.uint32(units)
            elif kind == SHIP:
                move_units(s, line, flags, units, SHIP)
                if state == RELEASED:
                    unrelease(s, line, flags, units)
                b[line + bk.L_SHIPPED] += np.uint32(units)
            else:
                move_units(s, line, flags, units, kind)
                reverse_line(s, block, line, flags, units, False)
                b[line + bk.L_RETURNED] += np.uint32(units)
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
        s.cells[pool, np.int64(s.blocks[line + bk.L_SKU])]["released"] -= units
        return
    for p in range(s.recipes[recipe]):
        part = np.int64(s.recipes[recipe + 1 + 2 * p])
        s.cells[pool, part]["released"] -= units * np.int64(s.recipes[recipe + 2 + 2 * p])


@kernel
def ends_order(s: State, block: int, op: Array) -> bool:
    """Whether a cancellation takes the last open units of an order of which nothing was shipped."""
    flags = bk.block_flags(s, block)
    line = bk.first_line(s, block)
    for i in range(bk.block_lines(s, block)):
        if s.blocks[line + bk.L_SHIPPED] != 0:
            return False
        left = bk.line_open(s, line)
        if op["line"] == ALL_LINES or np.int64(op["line"]) == i:
            left -= np.int64(op["quantity"]) if op["quantity"] != 0 else left
        if left != 0:
            return False
        line = bk.next_line(s, line, flags)
    return True


@kernel
def nothing_left(s: State, block: int) -> bool:
    """Whether no unit of the order can be cancelled, shipped or returned any more."""
    flags = bk.block_flags(s, block)
    line = bk.first_line(s, block)
    b = s.blocks
    for _ in range(bk.block_lines(s, block)):
        shipped = np.int64(b[line + bk.L_SHIPPED])
        if bk.line_open(s, line) != 0 or shipped != np.int64(b[line + bk.L_RETURNED]):
            return False
        line = bk.next_line(s, line, flags)
    return True


@kernel
def apply_release(s: State, row: int) -> None:
    """Cover what was short and mark the order as gone to the warehouse."""
    block = np.int64(s.orders[row]["block"])
    flags = bk.block_flags(s, block)
    line = bk.first_line(s, block)
    for _ in range(bk.block_lines(s, block)):
        short = bk.line_short(s, line, flags)
        if short > 0:
            cover_short(s, line, flags, short)
            s.blocks[bk.short_place(line)] = np.uint32(0)
        move_units(s, line, flags, bk.line_open(s, line), RELEASE)
        line = bk.next_line(s, line, flags)
    s.orders[row]["state"] = RELEASED


@kernel
def cover_short(s: State, line: int, flags: int, units: int) -> None:
    """Stock that came since covers a debt."""
    pool = bk.line_pool(s, line)
    recipe = bk.line_recipe(s, line, flags)
    parts = s.recipes[recipe] if recipe != 0 else 1
    for p in range(parts):
        part, each = np.int64(s.blocks[line + bk.L_SKU]), 1
        if recipe != 0:
            part = np.int64(s.recipes[recipe + 1 + 2 * p])
            each = np.int64(s.recipes[recipe + 2 + 2 * p])
        s.cells[pool, part]["debt"] -= units * each
        s.cells[pool, part]["committed"] += units * each


@kernel
def apply_extend(s: State, row: int, op: Array) -> None:
    """Move an unpaid hold's end to so many seconds from now."""
    block = np.int64(s.orders[row]["block"])
    expires_s = s.scalars[NOW_MS] // 1000 + np.int64(op["quantity"])
    word = np.int64(s.blocks[block + 1])
    s.blocks[block] = np.uint32(expires_s)
    s.blocks[block + 1] = np.uint32(word & ~(bk.IN_QUEUE << 12))
    heap_push(s, expires_s, row)


@kernel
def apply_operation(s: State, op: Array, row: int) -> None:
    """Everything an accepted operation does."""
    kind = op["kind"]
    if kind == PAY:
        apply_payment(s, row)
    elif kind == RELEASE:
        apply_release(s, row)
    elif kind == HOLD:
        s.orders[row]["state"] = ON_HOLD
    elif kind == EXTEND:
        apply_extend(s, row, op)
    else:
        apply_units(s, row, op)


@kernel
def settle_operation(s: State, op: Array, reason: int, entry: int, hashed: np.uint64) -> None:
    """Apply an operation as it was judged, and remember its id.

    A payment that is to be refunded is a fact too: it is remembered as long as an acceptance.
    """
    if reason == OK:
        apply_operation(s, op, entry)
    print_ = operation_print(s, op)
    if reason == OK or (op["kind"] == PAY and reason != UNKNOWN_ORDER):
        remember_order(
            s, op["id_hi"], op["id_lo"], hashed, print_, OPERATION_DONE, 0, reason
        )
    else:
        remember_refusal(s, op["id_hi"], op["id_lo"], hashed, print_, reason, 0, 0)


@kernel
def decide_operations(s: State, ops: Array, outcomes: Array) -> None:
    """Decide operations in order; `outcomes` (one row each) must be zeroed."""
    forget(s)
    for i in range(ops.shape[0]):
        op = ops[i]
        out = outcomes[i]
        hashed = hash_id(s, op["id_hi"], op["id_lo"])
        known = find_id(s, op["id_hi"], op["id_lo"], hashed)
        if known != NONE:
            answer_operation(s, known, operation_print(s, op), out)
            continue
        entry = find_id(
            s, op["order_hi"], op["order_lo"], hash_id(s, op["order_hi"], op["order_lo"])
        )
        reason = judge_operation(s, op, entry, out)
        out["reason"] = reason
        settle_operation(s, op, reason, entry, hashed)


@kernel
def fold_operations(s: State, ops: Array, outcomes: Array) -> None:
    """Apply operations as they were decided."""
    forget(s)
    for i in range(ops.shape[0]):
        op = ops[i]
        if outcomes[i]["flags"] != 0:
            continue
        hashed = hash_id(s, op["id_hi"], op["id_lo"])
        entry = find_id(
            s, op["order_hi"], op["order_lo"], hash_id(s, op["order_hi"], op["order_lo"])
        )
        settle_operation(s, op, np.int64(outcomes[i]["reason"]), entry, hashed)
