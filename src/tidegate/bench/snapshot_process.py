"""The snapshot follower of a bench shop as a process: folds until its standard input ends.

Says "following" once it is ready and the number of snapshots written when it ends. It only reads
the journal, as every follower does.
"""

import select
import sys
from pathlib import Path

from tidegate.bench.bench_shop import SEED, STREAM, warm_up
from tidegate.engine.layout import Capacity
from tidegate.engine.machine import Machine
from tidegate.engine.snapshot import list_snapshots
from tidegate.followers.snapshots import SnapshotFollower
from tidegate.journal.protocol import GENESIS
from tidegate.journal.sqlite_file import SqliteReader

IDLE_S = 0.02


def main() -> None:
    """Follow the journal in the folder that the first argument names."""
    folder = Path(sys.argv[1])
    machine = Machine(SEED, Capacity(*(int(number) for number in sys.argv[2].split(","))))
    warm_up()
    follower = SnapshotFollower(
        lambda: SqliteReader(folder, STREAM),
        folder / "snapshots",
        machine,
        GENESIS,
        int(sys.argv[3]),
    )
    written: set[str] = set()
    sys.stdout.write("following\n")
    sys.stdout.flush()
    idle_s = 0.0
    while not select.select([sys.stdin], [], [], idle_s)[0]:
        idle_s = 0.0 if follower.step() else IDLE_S
        written.update(path.name for path in list_snapshots(folder / "snapshots"))
    follower.close()
    sys.stdout.write(str(len(written)))


if __name__ == "__main__":
    main()
