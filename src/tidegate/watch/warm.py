"""Compile the watch's kernel ahead of the first order: `python -m tidegate.watch.warm`.

The front door runs this after an installation, beside the engine's. What is compiled lies in the
cache beside the sources; nothing is left behind otherwise.
"""

import numpy as np

from tidegate.record.lines import LINE, OUTCOME
from tidegate.watch import layout as lo
from tidegate.watch.watching import Watch

NOW_MS = 1_790_553_600_000
SMALL = lo.Capacity(1 << 6, 1 << 6, 1 << 6)


def warm() -> None:
    """Take in an order on a watch that is thrown away: everything else is inlined into it."""
    watch = Watch(capacity=SMALL)
    watch.take_orders(np.zeros(1, LINE), np.zeros(1, OUTCOME), NOW_MS)
    watch.tick(NOW_MS)


if __name__ == "__main__":
    warm()
