"""What says that the watch lives: a small file a shop, written every second, read by the desk.

Always by the machine's own monotonic clock, which no setting of the time moves, and which begins
anew when the machine does. Never taken for life: an old beat, one that cannot be read, or one of a
watch that lags.
"""

import os
from pathlib import Path

import msgspec

HEARTBEAT_FILE = "watch.heartbeat"
BEAT_EVERY_S = 1.0
DEAD_S = 10.0  # no beat for so long: nobody watches
LAG_MAX_MS = 30_000  # who is so far behind watches nothing that happens now
BYTES_MAX = 1 << 16
FAULTS_MAX = 8


class Beat(msgspec.Struct, frozen=True):
    """How the watch of one shop was at a moment. `lag_ms`: how old the newest is that it saw."""

    at_ms: int
    monotonic_s: float
    process_id: int = 0
    seq: int = 0
    lag_entries: int = 0
    lag_ms: int = 0
    alarms: int = 0  # the number of the newest
    switches: int = 0  # of the breaker that are not closed
    windows: int = 0  # announced, now or soon
    faults: tuple[str, ...] = ()


def write_beat(folder: Path, beat: Beat) -> None:
    """Replace the beat. Raises OSError. Not synced: a beat that is lost is only a beat."""
    path = folder / HEARTBEAT_FILE
    partial = path.with_name(f"{HEARTBEAT_FILE}.{os.getpid()}.partial")
    partial.write_bytes(msgspec.json.encode(beat))
    partial.replace(path)


def read_beat(folder: Path) -> Beat | None:
    """The newest beat; None where there is none, or none that can be read."""
    try:
        with (folder / HEARTBEAT_FILE).open("rb") as file:
            return msgspec.json.decode(file.read(BYTES_MAX), type=Beat)
    except (OSError, msgspec.MsgspecError):
        return None


def why_unwatched(beat: Beat | None, monotonic_s: float, dead_s: float = DEAD_S) -> str:
    """Why nobody watches now, and what to do; "" while the watch lives and keeps up."""
    if beat is None:
        return (
            "the watch has not begun (it starts with `tidegate serve`, and says so in its log):"
            " wait a few seconds, or see why it does not start"
        )
    silent_s = monotonic_s - beat.monotonic_s
    if silent_s < 0:
        return "the watch has not begun since this machine started: wait a few seconds"
    if silent_s > dead_s:
        return (
            f"the watch has said nothing for {silent_s:.0f} s: see `tidegate status` and the"
            " server's log; it is started again by itself"
        )
    if beat.lag_ms > LAG_MAX_MS:
        return f"the watch is {beat.lag_ms // 1000} s behind: wait until it has caught up"
    return ""
