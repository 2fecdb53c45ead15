"""Payment, cancellation, shipment, return, release and hold of an order that exists.

Each operation has an id of its own and is decided once: judged by `judge_operation`, which changes
nothing, then applied by `apply_operation`, which cannot fail and which a fold calls alike.
"""

import numpy as np

from tidegate.domain.jit import Word, i64, kernel, u64
from tidegate.domain.reasons import Reason
from tidegate.engine import blocks as bk
from tidegate.engine.fulfilment import (
    FLOOR_BITS,
    LIMIT_BITS,
    OVERRIDE,
    TWO_PEOPLE_BITS,
    apply_operation,
    exception_units,
    units_open,
)
from tidegate.engine.guards import exception_covers, known_sku, sku_flags
from tidegate.engine.index import NONE
from tidegate.engine.judge import judge
from tidegate.engine.layout import (
    ALARM,
    CLOSED,
    COMMITTED,
    EXPIRED,
    HOLD_TTL_MAX_S,
    INCIDENT,
    LATE_PAYMENT_S,
    NOW_MS,
    ON_HOLD,
    OPERATION_DONE,
    PRE_HELD,
    REFUSED_BIT,
    RELEASED,
    SHOP_FLAGS,
    State,
)
from tidegate.engine.orders import answer_operation, drop_cancelled, forget, order_lines_back
from tidegate.engine.tables import find_id, hash_id, mix, remember_order, remember_refusal
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

OK = 0
INTERCEPTED = 2  # OPERATION flag of HOLD: the warehouse has confirmed that it keeps the order back

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
def operation_print(s: State, op: Array) -> Word:
    """A keyed hash of an operation's content."""
    w = s.secrets[0] + op["order_hi"] * s.secrets[8] + op["order_lo"] * s.secrets[9]
    w += u64(op["amount_fen"]) * s.secrets[10]
    w += u64(i64(op["quantity"])) * s.secrets[11]
    w += u64(op["line"]) * s.secrets[12] + u64(op["kind"]) * s.secrets[13]
    return mix(w + u64(op["flags"]) * s.secrets[14])


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
        if op["line"] == ALL_LINES or i64(op["line"]) == i:
            left = units_open(s, place, flags, i64(op["kind"]))
            if i64(op["quantity"]) > left:
                return QUANTITY_EXCEEDS_OPEN
            total += left
        place = bk.next_line(s, place, flags)
    return OK if total > 0 else QUANTITY_EXCEEDS_OPEN


@kernel
def judge_ship(s: State, state: int, block: int, op: Array) -> int:
    """Units that leave must be covered and physically there, beside what is released already."""
    flags = bk.block_flags(s, block)
    if state != RELEASED and (flags & bk.IS_FACT or state != COMMITTED):
        return WRONG_STATE
    reason = judge_quantity(s, block, op)
    if reason != OK:
        return reason
    place = bk.first_line(s, block)
    for i in range(bk.block_lines(s, block)):
        if op["line"] == ALL_LINES or i64(op["line"]) == i:
            units = i64(op["quantity"]) if op["quantity"] != 0 else bk.line_open(s, place, flags)
            if units > bk.line_open(s, place, flags) - bk.line_short(s, place, flags):
                return STOCK_SHORT_AT_RELEASE
        place = bk.next_line(s, place, flags)
    count = gather_need(s, block, i64(op["line"]), i64(op["quantity"]))
    for d in range(count):
        c = s.cells[s.scratch_demand[d, 3], s.scratch_demand[d, 0]]
        others = 0 if state == RELEASED else c["released"]
        if c["on_hand"] - others < s.scratch_demand[d, 1]:
            return STOCK_SHORT_AT_RELEASE
    return OK if count > 0 else STOCK_SHORT_AT_RELEASE


@kernel
def judge_payment(s: State, row: int, op: Array, out: Array) -> int:
    """Paid exactly, in time: accepted. Late: taken again through all guards, or to be refunded."""
    state = s.orders[row]["state"]
    block = i64(s.orders[row]["block"])
    if block == 0 or (state != PRE_HELD and state != EXPIRED):
        return REFUND_DUE
    ended_s = i64(s.blocks[block])
    if state == EXPIRED and ended_s + s.scalars[LATE_PAYMENT_S] <= s.scalars[NOW_MS] // 1000:
        return REFUND_DUE
    if op["amount_fen"] != bk.payable_left(s, block):
        return AMOUNT_MISMATCH
    if state == PRE_HELD:
        return OK
    count = drop_cancelled(s, order_lines_back(s, row))
    if judge(s, s.scratch_lines, 0, count, out, True):
        return OK
    out["mask"] = np.uint32(1 << i64(out["reason"]))
    out["reason"] = 0
    return REFUND_DUE


@kernel
def scope_flags(s: State, block: int) -> int:
    """Flags of the shop and of every SKU and promotion in an order, together."""
    flags = i64(s.scalars[SHOP_FLAGS])
    place = bk.first_line(s, block)
    optional = bk.block_flags(s, block)
    for _ in range(bk.block_lines(s, block)):
        flags |= sku_flags(s, i64(s.blocks[place + bk.L_SKU]))
        promotion = i64(s.blocks[place + bk.L_OFFER]) & 0xFFFF
        if promotion != 0:
            flags |= i64(s.promotions[promotion]["flags"])
        place = bk.next_line(s, place, optional)
    return flags


@kernel
def not_approved(s: State, block: int, mask: int, number: int) -> int:
    """The guards of `mask` that the exception `number` does not lift for an order (a mask).

    It must stand, cover every line's SKU, and have units for the lines that name none of their own.
    """
    if mask == 0:
        return 0
    if number <= 0 or number >= s.exceptions.shape[0]:
        return mask
    e = s.exceptions[number]
    flags = bk.block_flags(s, block)
    place = bk.first_line(s, block)
    units = 0
    received, floor = 0, 0
    for _ in range(bk.block_lines(s, block)):
        if not exception_covers(s, number, i64(s.blocks[place + bk.L_SKU])):
            return mask
        if i64(s.blocks[place + bk.L_OFFER]) >> 16 == 0:
            units += exception_units(s, place, flags)
        received += bk.line_money(s, place)
        floor += i64(e["floor_fen"]) * bk.line_units(s, place, flags, bk.ORDERED)
        place = bk.next_line(s, place, flags)
    if units > e["units_left"]:
        return mask
    left = mask & LIMIT_BITS & ~i64(e["exempt"])
    return left | (mask & FLOOR_BITS) if received < floor else left


@kernel
def judge_release(s: State, row: int, op: Array, out: Array) -> int:
    """What may go to the warehouse: paid, no incident or alarm, judged clean, covered."""
    state = s.orders[row]["state"]
    block = i64(s.orders[row]["block"])
    if state == PRE_HELD:
        return PAYMENT_NOT_CONFIRMED
    if (state != COMMITTED and state != ON_HOLD) or nothing_open(s, block):
        return WRONG_STATE
    flags = scope_flags(s, block)
    if flags & INCIDENT:
        return INCIDENT_OPEN
    mask = 0
    if bk.block_flags(s, block) & bk.IS_FACT:
        mask = i64(s.blocks[block + 2]) & ~STOCK_SHORT_BIT
    if op["flags"] & OVERRIDE == 0:
        if state == ON_HOLD:
            return HELD_BY_PERSON
        if flags & ALARM:
            return ALARM_RAISED
    else:
        mask = not_approved(s, block, mask & TWO_PEOPLE_BITS, i64(op["quantity"]))
    for reason in range(32):
        if (mask >> reason) & 1:
            out["mask"] = np.uint32(mask)
            return reason
    return OK if release_covered(s, block) else STOCK_SHORT_AT_RELEASE


@kernel
def nothing_open(s: State, block: int) -> bool:
    """Whether every unit of an order was cancelled or shipped."""
    flags = bk.block_flags(s, block)
    place = bk.first_line(s, block)
    for _ in range(bk.block_lines(s, block)):
        if bk.line_open(s, place, flags) != 0:
            return False
        place = bk.next_line(s, place, flags)
    return True


@kernel
def gather_need(s: State, block: int, line: int, quantity: int) -> int:
    """Add up per SKU and pool what some lines need, in `scratch_demand`: SKU, units, short, pool.

    `line` may be ALL_LINES and `quantity` 0 for all that is open. How many rows there are; 0 when
    a line's SKU is not known.
    """
    flags = bk.block_flags(s, block)
    place = bk.first_line(s, block)
    need = s.scratch_demand
    count = 0
    for i in range(bk.block_lines(s, block)):
        if line == ALL_LINES or line == i:
            sku = i64(s.blocks[place + bk.L_SKU])
            units = quantity if quantity != 0 else bk.line_open(s, place, flags)
            short = bk.line_short(s, place, flags)
            pool = bk.line_pool(s, place)
            recipe = bk.line_recipe(s, place, flags)
            if not known_sku(s, sku):
                return 0
            parts = i64(s.recipes[recipe]) if recipe != 0 else 1
            for p in range(parts):
                part, each = sku, 1
                if recipe != 0:
                    part = i64(s.recipes[recipe + 1 + 2 * p])
                    each = i64(s.recipes[recipe + 2 + 2 * p])
                d = 0
                while d < count and (need[d, 0] != part or need[d, 3] != pool):
                    d += 1
                if d == count:
                    need[d, 0], need[d, 1], need[d, 2], need[d, 3] = part, 0, 0, pool
                    count += 1
                need[d, 1] += units * each
                need[d, 2] += short * each
        place = bk.next_line(s, place, flags)
    return count


@kernel
def release_covered(s: State, block: int) -> bool:
    """Whether every line can be covered and physically served beside what is released already."""
    need = s.scratch_demand
    count = gather_need(s, block, ALL_LINES, 0)
    for d in range(count):
        c = s.cells[need[d, 3], need[d, 0]]
        free = c["on_hand"] - c["pre_held"] - c["committed"] - c["recalling"]
        if need[d, 2] > max(0, free) or c["released"] + need[d, 1] > c["on_hand"]:
            return False
    return count > 0


@kernel
def judge_extend(s: State, row: int, op: Array) -> int:
    """An unpaid hold moves its end, but lasts no longer in all than the shop allows."""
    o = s.orders[row]
    if o["state"] != PRE_HELD or s.blocks[i64(o["block"])] == 0 or op["quantity"] <= 0:
        return WRONG_STATE
    ends_s = s.scalars[NOW_MS] // 1000 + i64(op["quantity"])
    if ends_s > i64(o["decided_at_s"]) + s.scalars[HOLD_TTL_MAX_S]:
        return QUANTITY_EXCEEDS_OPEN
    return OK


@kernel
def judge_hold(s: State, state: int, block: int, op: Array) -> int:
    """What is not released can be kept back; what is, once the warehouse has confirmed it."""
    if state == PRE_HELD:
        return PAYMENT_NOT_CONFIRMED
    intercepted = state == RELEASED and op["flags"] & INTERCEPTED
    if (state != COMMITTED and not intercepted) or nothing_open(s, block):
        return WRONG_STATE
    return OK


@kernel
def judge_operation(s: State, op: Array, entry: int, out: Array) -> int:
    """The verdict on one operation; changes nothing."""
    if entry == NONE or entry & REFUSED_BIT or s.orders[entry]["state"] == OPERATION_DONE:
        return UNKNOWN_ORDER
    state = s.orders[entry]["state"]
    block = i64(s.orders[entry]["block"])
    kind = op["kind"]
    if kind == PAY:
        return judge_payment(s, entry, op, out)
    if state == CLOSED or state == EXPIRED:
        return WRONG_STATE
    if kind == CANCEL or kind == RETURN or kind == RETURN_DEFECTIVE:
        return judge_quantity(s, block, op)
    if kind == SHIP:
        return judge_ship(s, state, block, op)
    if kind == RELEASE:
        return judge_release(s, entry, op, out)
    if kind == HOLD:
        return judge_hold(s, state, block, op)
    if kind == EXTEND:
        return judge_extend(s, entry, op)
    return WRONG_STATE


@kernel
def settle_operation(s: State, op: Array, reason: int, mask: int, entry: int, hashed: Word) -> None:
    """Apply an operation as it was judged, and remember its id.

    A payment that is to be refunded is a fact too: it is remembered as long as an acceptance.
    """
    if reason == OK:
        apply_operation(s, op, entry)
    print_ = operation_print(s, op)
    if reason == OK or (op["kind"] == PAY and reason != UNKNOWN_ORDER):
        answer = reason | (mask << 8)
        remember_order(s, op["id_hi"], op["id_lo"], hashed, print_, OPERATION_DONE, 0, answer)
    else:
        remember_refusal(s, op["id_hi"], op["id_lo"], hashed, print_, reason, 0, mask)


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
        settle_operation(s, op, reason, i64(out["mask"]), entry, hashed)


@kernel
def is_live(s: State, entry: int) -> bool:
    """Whether an index entry is an order of which something is left."""
    if entry == NONE or entry & REFUSED_BIT:
        return False
    state = s.orders[entry]["state"]
    return state != OPERATION_DONE and state != CLOSED and s.orders[entry]["block"] != 0


@kernel
def fold_operations(s: State, ops: Array, outcomes: Array) -> bool:
    """Apply operations as they were decided; False when one names an order that is not there."""
    forget(s)
    for i in range(ops.shape[0]):
        op = ops[i]
        if outcomes[i]["flags"] != 0:
            continue
        hashed = hash_id(s, op["id_hi"], op["id_lo"])
        entry = find_id(
            s, op["order_hi"], op["order_lo"], hash_id(s, op["order_hi"], op["order_lo"])
        )
        reason = i64(outcomes[i]["reason"])
        if reason == OK and not is_live(s, entry):
            return False
        settle_operation(s, op, reason, i64(outcomes[i]["mask"]), entry, hashed)
    return True
