"""Ending unpaid holds, and forgetting what has left the memory of ids.

Holds end only by a record: `due_holds` lists them, `expire_order` ends one. An expired order keeps
its block for the late-payment window, then nothing but its id. Nothing here reads a clock.
"""

import numpy as np

from tidegate.domain.jit import i64, kernel, u64
from tidegate.engine import blocks as bk
from tidegate.engine.effects import (
    close_order,
    end_hold,
    give_back_units,
    heap_pop,
    reverse_line,
)
from tidegate.engine.index import index_remove
from tidegate.engine.layout import (
    CLOSED,
    EXPIRED,
    HEAP_COUNT,
    HOLD_CURSOR,
    LATE_BASE,
    LATE_COUNT,
    LATE_PAYMENT_S,
    NOW_MS,
    OPERATION_DONE,
    ORDER_BASE,
    ORDER_COUNT,
    PRE_HELD,
    State,
)
from tidegate.engine.tables import EVICT_MAX, hash_id
from tidegate.record.lines import Array

SCAN_MAX = 1 << 16  # rows that one call looks at


@kernel
def due_holds(s: State, due: Array) -> int:
    """List the running numbers of holds that have ended by now; how many (at most `due` holds).

    Holds that end in the order of acceptance are found by walking the orders from a cursor; the
    others stand in a heap. Changes nothing.
    """
    now_s = s.scalars[NOW_MS] // 1000
    found = 0
    number = max(s.scalars[HOLD_CURSOR], s.scalars[ORDER_BASE])
    scanned = 0
    while found < due.shape[0] and number < s.scalars[ORDER_COUNT] and scanned < SCAN_MAX:
        o = s.orders[number % s.orders.shape[0]]
        if o["state"] == PRE_HELD:
            block = i64(o["block"])
            if bk.block_flags(s, block) & bk.IN_QUEUE:
                if i64(s.blocks[block]) > now_s:
                    break
                due[found] = number
                found += 1
        number += 1
        scanned += 1
    return due_in_heap(s, due, found, now_s)


@kernel
def due_in_heap(s: State, due: Array, found: int, now_s: int) -> int:
    """Add the holds of the heap that have ended, walking down from its root; how many in all."""
    stack = s.scratch_words
    depth = 0
    if s.scalars[HEAP_COUNT] > 0:
        stack[0] = np.uint32(0)
        depth = 1
    while depth > 0 and found < due.shape[0]:
        depth -= 1
        i = i64(stack[depth])
        item = s.heap[i]
        expires_s = i64(item >> u64(32))
        if expires_s > now_s:
            continue
        row = i64(item & u64(0xFFFFFFFF))
        if holds_until(s, row, expires_s):
            base = s.scalars[ORDER_BASE]
            due[found] = base + (row - base) % s.orders.shape[0]
            found += 1
        for child in range(2 * i + 1, min(2 * i + 3, s.scalars[HEAP_COUNT])):
            if depth < stack.shape[0]:
                stack[depth] = np.uint32(child)
                depth += 1
    return found


@kernel
def holds_until(s: State, row: int, expires_s: int) -> bool:
    """Whether an order is unpaid and its hold ends just then."""
    o = s.orders[row]
    return o["state"] == PRE_HELD and i64(s.blocks[i64(o["block"])]) == expires_s


@kernel
def give_back_order(s: State, row: int, state: int) -> None:
    """Take every claim and charge of an unpaid order back; its block stays."""
    block = i64(s.orders[row]["block"])
    flags = bk.block_flags(s, block)
    line = bk.first_line(s, block)
    for _ in range(bk.block_lines(s, block)):
        units = bk.line_open(s, line, flags)
        if units > 0:
            give_back_units(s, line, flags, units, state)
        reverse_line(s, block, line, flags, units, True)
        line = bk.next_line(s, line, flags)
    end_hold(s, block)


@kernel
def expire_orders(s: State, due: Array) -> None:
    """End the holds with these running numbers; one that has ended already is left alone."""
    for i in range(due.shape[0]):
        number = i64(due[i])
        row = number % s.orders.shape[0]
        if number < s.scalars[ORDER_BASE] or s.orders[row]["state"] != PRE_HELD:
            continue
        give_back_order(s, row, PRE_HELD)
        s.orders[row]["state"] = EXPIRED
        s.late[s.scalars[LATE_COUNT] % s.late.shape[0]] = number
        s.scalars[LATE_COUNT] += 1
    settle_queues(s)


@kernel
def settle_queues(s: State) -> None:
    """Move the cursors past what has ended; the same in a decision and in its fold."""
    number = max(s.scalars[HOLD_CURSOR], s.scalars[ORDER_BASE])
    for _ in range(SCAN_MAX):
        if number >= s.scalars[ORDER_COUNT]:
            break
        o = s.orders[number % s.orders.shape[0]]
        if o["state"] == PRE_HELD and bk.block_flags(s, i64(o["block"])) & bk.IN_QUEUE:
            break
        number += 1
    s.scalars[HOLD_CURSOR] = number
    now_s = s.scalars[NOW_MS] // 1000
    while s.scalars[HEAP_COUNT] > 0:
        item = s.heap[0]
        expires_s = i64(item >> u64(32))
        row = i64(item & u64(0xFFFFFFFF))
        if expires_s > now_s or holds_until(s, row, expires_s):
            break
        heap_pop(s)
    for _ in range(EVICT_MAX):
        if s.scalars[LATE_BASE] == s.scalars[LATE_COUNT]:
            return
        number = i64(s.late[s.scalars[LATE_BASE] % s.late.shape[0]])
        row = number % s.orders.shape[0]
        if number >= s.scalars[ORDER_BASE] and s.orders[row]["state"] == EXPIRED:
            ended_s = i64(s.blocks[i64(s.orders[row]["block"])])
            if ended_s + s.scalars[LATE_PAYMENT_S] > now_s:
                return
            close_order(s, row)
            s.orders[row]["state"] = EXPIRED
        s.scalars[LATE_BASE] += 1


@kernel
def forget_orders(s: State, memory_s: int) -> None:
    """Forget orders older than the memory, at most EVICT_MAX a batch, and free what they held.

    Units of such an order that were never shipped stay committed in the stock's books.
    """
    now_s = s.scalars[NOW_MS] // 1000
    for _ in range(EVICT_MAX):
        number = s.scalars[ORDER_BASE]
        if number == s.scalars[ORDER_COUNT]:
            return
        row = number % s.orders.shape[0]
        o = s.orders[row]
        if i64(o["decided_at_s"]) + memory_s > now_s:
            return
        index_remove(s.order_index, hash_id(s, o["id_hi"], o["id_lo"]), row)
        if o["state"] == PRE_HELD:
            end_hold(s, i64(o["block"]))
        if o["state"] != OPERATION_DONE and o["state"] != CLOSED and o["block"] != 0:
            bk.block_free(s, i64(o["block"]))
            o["block"] = np.uint32(0)
        s.scalars[ORDER_BASE] += 1
