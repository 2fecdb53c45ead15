"""Compile the kernel ahead of the first order: `python -m tidegate.engine.warm`.

The front door runs this after an installation. What is compiled lies in the cache beside the
sources and is used by every process; nothing is left behind otherwise.
"""

import numpy as np

from tidegate.engine.layout import Capacity
from tidegate.engine.machine import Machine
from tidegate.record import facts as f
from tidegate.record.lines import LINE, OPERATION, PAY

NOW_MS, DAY = 1_000_000, 1


def warm() -> None:
    """Do something of every kind on a machine that is thrown away, and fold it into another.

    What is not called here is compiled, for seconds, while buyers wait.
    """
    machine, other = Machine(bytes(32), Capacity.small()), Machine(bytes(32), Capacity.small())
    machine.begin(NOW_MS, DAY)
    commands = (f.PutChannel("web"), f.PutSku("A", 100, 1), f.ReceiveStock("A", 9))
    for number, command in enumerate((*commands, f.PutSku("", -1), commands[0]), 1):
        machine.decide_command(0, number if number < 5 else 1, command, 1, 0)
    line = np.zeros(1, LINE)
    line["id_lo"], line["quantity"], line["receivable_fen"] = 7, 1, 100
    line["placed_at_ms"], line["hold_ttl_s"] = NOW_MS, 1
    machine.decide_orders(line)
    rows = np.zeros(1, OPERATION)
    rows["kind"] = PAY
    machine.decide_operations(rows)
    entries = [machine.finish()]
    machine.begin(NOW_MS + 60_000, DAY)
    machine.expire()
    entries.append(machine.finish())
    for entry in entries:
        other.fold(entry)
    machine.available(0, 0)


if __name__ == "__main__":
    warm()
