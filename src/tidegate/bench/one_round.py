"""One round of one bench in a process of its own: `python -m tidegate.bench.one_round MODULE ...`.

What it has to say goes to standard output as JSON, one object a line: progress while it runs, then
exactly one result. It needs nothing but this package, so a round of another checkout can be run
beside one of this checkout.
"""

import argparse
import importlib
import json
import sys
import traceback
from pathlib import Path
from typing import Any

from tidegate.bench.figures import BenchSkipped, Context

FORMAT = 1


def say(message: dict[str, Any]) -> None:
    """Write one line to whoever runs the round."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> None:
    """Run the round that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("module")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args(arguments)
    context = Context(
        seconds=given.seconds,
        folder=given.folder,
        seed=given.seed,
        quick=given.quick,
        progress=lambda share, text: say({"progress": share, "text": text}),
    )
    try:
        module = importlib.import_module(f"tidegate.bench.{given.module}")
        made = module.run(context)
    except BenchSkipped as reason:
        say({"format": FORMAT, "skipped": str(reason)})
    except Exception:  # noqa: BLE001  whatever went wrong is the result of this round
        say({"format": FORMAT, "failed": traceback.format_exc(limit=-6)})
    else:
        say({"format": FORMAT, "round": made.as_json()})


if __name__ == "__main__":
    main()
