"""When a watch counts as alive: young, of this start of the machine, and not far behind."""

from pathlib import Path

import pytest

from tidegate.watch.heartbeat import (
    DEAD_S,
    HEARTBEAT_FILE,
    LAG_MAX_MS,
    Beat,
    read_beat,
    why_unwatched,
    write_beat,
)


def test_a_beat_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_beat(tmp_path) is None
    beat = Beat(5, 7.5, 11, 3, 2, 900, 4, 1, 0, ("a fault",))
    write_beat(tmp_path, beat)
    assert read_beat(tmp_path) == beat
    (tmp_path / HEARTBEAT_FILE).write_bytes(b"{half")
    assert read_beat(tmp_path) is None


@pytest.mark.parametrize(
    ("beat", "why"),
    [
        (None, "the watch has not begun"),
        (Beat(0, 100.0), ""),
        (Beat(0, 100.0 - DEAD_S), ""),
        (Beat(0, 99.0 - DEAD_S), "the watch has said nothing for 11 s"),
        (Beat(0, 100.5), "has not begun since this machine started"),
        (Beat(0, 100.0, lag_entries=9, lag_ms=LAG_MAX_MS), ""),
        (Beat(0, 100.0, lag_entries=9, lag_ms=LAG_MAX_MS + 1), "the watch is 30 s behind"),
    ],
)
def test_who_watches_and_who_does_not(beat: Beat | None, why: str) -> None:
    found = why_unwatched(beat, 100.0)
    assert found.startswith(why) if why.startswith("the watch") else why in found
    assert bool(found) == bool(why)
