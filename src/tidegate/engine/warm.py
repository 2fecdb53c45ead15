"""Compile the kernel ahead of the first order: `python -m tidegate.engine.warm`.

The front door runs this after an installation. What is compiled lies in the cache beside the
sources and is used by every process; nothing is left behind otherwise.
"""

import numpy as np

from tidegate.engine.layout import Capacity
from tidegate.engine.machine import Machine
from tidegate.record.lines import LINE, OPERATION, PAY


def warm() -> None:
    """Decide, fold and expire something of every kind, on a machine that is thrown away."""
    machine, other = Machine(bytes(32), Capacity.small()), Machine(bytes(32), Capacity.small())
    machine.begin(1_000_000, 1)
    machine.decide_orders(np.zeros(1, LINE))
    rows = np.zeros(1, OPERATION)
    rows["kind"] = PAY
    machine.decide_operations(rows)
    machine.expire()
    other.fold(machine.finish())
    machine.available(0, 0)


if __name__ == "__main__":
    warm()
