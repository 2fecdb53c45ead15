"""A shop's zone by its name, for times that people write without an offset.

Always one moment or a refusal: an hour that the clocks skip, or have twice, is neither guessed at
nor moved. Nothing here reads the time.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tidegate.pricing.words import Zone

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 -- a wall clock, whose zone is put to it below


def zone_of(name: str) -> Zone:
    """Wall-clock milliseconds, as if they were UTC, to UTC. Raises ValueError where it cannot."""
    info = ZoneInfo(name)

    def to_utc(wall_ms: int) -> int:
        try:
            wall = EPOCH + timedelta(milliseconds=wall_ms)
        except OverflowError:
            raise ValueError("that year is beyond every calendar") from None
        first, second = (wall.replace(tzinfo=info, fold=fold) for fold in (0, 1))
        if first.utcoffset() != second.utcoffset():
            raise ValueError(f"in {name} the clocks are changed then: it is there twice, or not")
        at = first.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
        return max(0, at // timedelta(milliseconds=1))

    return to_utc
