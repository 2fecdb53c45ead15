"""The thousand SIGKILLs: the same as `kill`, and about an hour long. Never run unless named."""

from tidegate.bench.figures import Context, Round
from tidegate.bench.kill import LONG_KILLS, count


def run(context: Context) -> Round:
    """The bench's one round."""
    return count(context, LONG_KILLS)
