"""How orders stand in a desk's machine now, by their keyed hashes: to look at, never to decide by.

Always: on the desk's loop, between two batches. Never: changes anything, or says that what it sees
is durable; an answer of the desk says that.
"""

from collections.abc import Sequence

import numpy as np

from tidegate.engine import layout as lo
from tidegate.engine.index import NONE
from tidegate.engine.machine import Machine
from tidegate.engine.operations import nothing_open
from tidegate.engine.tables import find_id, hash_id

UNKNOWN = ""
REFUSED = "refused"
SHIPPED = "shipped"  # wholly; what went out may still come back


def order_states(machine: Machine, keys: Sequence[tuple[int, int]]) -> list[str]:
    """The state of each order by name; "" where there is none, `refused` where it was refused."""
    return [_state_of(machine, hi, low) for hi, low in keys]


def _state_of(machine: Machine, hi: int, low: int) -> str:
    state, hi64, low64 = machine.state, np.uint64(hi), np.uint64(low)
    entry = int(find_id(state, hi64, low64, np.uint64(hash_id(state, hi64, low64))))
    if entry == NONE:
        return UNKNOWN
    if entry & lo.REFUSED_BIT:
        return REFUSED
    row = state.orders[entry]
    number, block = int(row["state"]), int(row["block"])
    if number in (lo.COMMITTED, lo.RELEASED) and block and nothing_open(state, block):
        return SHIPPED
    return lo.STATE_NAMES[number]
