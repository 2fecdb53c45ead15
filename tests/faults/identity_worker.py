"""A process that exchanges identities and says what it handed out, until it is killed.

Arguments: the file, a label. Prints `hash token` lines only after the table has returned, flushed a
batch at a time; a second thread does the upkeep all the while.
"""

import sys
import threading
from pathlib import Path

from tidegate.people.identity import IdentityTable

KEY = bytes(range(32))
DAY = 20_750
BATCH = 300


def main() -> None:
    """Run until killed."""
    path, label = Path(sys.argv[1]), sys.argv[2]
    table = IdentityTable.open(path, KEY, lambda: DAY, cache_entries_max=1000, unsettled_max=2000)

    def keep_up() -> None:
        while True:
            table._upkeep.settle(500)
            table._upkeep.checkpoint()

    threading.Thread(target=keep_up, daemon=True).start()
    number = 0
    while True:
        # A third of them were there before: of this run or of an earlier one.
        values = [
            f"{label}-{number + at}" if at % 3 else f"returning-{(number + at) % 900}"
            for at in range(BATCH)
        ]
        number += BATCH
        keys = [(0, table.keyed_hash(0, value)) for value in values]
        tokens = table.tokens(keys)
        lines = [f"{key[1].hex()} {token}\n" for key, token in zip(keys, tokens, strict=True)]
        sys.stdout.write("".join(lines))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
