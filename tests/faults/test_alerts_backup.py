"""A backup has who was told of what; after a restore nobody is told twice, nothing forgotten."""

from pathlib import Path

from tidegate import bootstrap
from tidegate.bootstrap.alerting import open_outbox
from tidegate.store_paths import StorePaths
from tidegate.watch.alarm_store import AlarmStore
from tidegate.watch.alarms import PAUSE_SKU, Alarm
from tidegate.watch.alerts import shown
from tidegate.watch.alerts.ports import WatchAlarms

SHOP = "own"
NOW_MS = 1_793_066_400_000


def test_what_was_told_and_taken_up_comes_back(tmp_path: Path) -> None:
    root = tmp_path / "store"
    access = bootstrap.open_access(bootstrap.new_store(root))
    access.operators.create_first_administrator("chief")
    access.store.close()
    bootstrap.create_shop(StorePaths(root).shop(SHOP), SHOP, "Asia/Shanghai")
    paths, outbox = open_outbox(root, SHOP)
    store = AlarmStore(paths.watch)
    for key in ("one", "two"):
        store.record(
            Alarm(key, NOW_MS, PAUSE_SKU, 0, 7, "A", 1, 1, "ab" * 16, 4, 2, 3, 5, 15.0, 14.0,
                  "a sentence", "一句话"),
            key,
        )  # fmt: skip
        outbox.take("watch", WatchAlarms(store).after(outbox.cursor("watch"), 10), NOW_MS, NOW_MS)
    shown.acknowledge(outbox, [1], "7f", "mine", NOW_MS)
    bootstrap.back_up(root, tmp_path / "copy", lambda _reached, _goal: None)
    outbox.close()
    bootstrap.restore(tmp_path / "copy", tmp_path / "again", None, lambda _reached, _goal: None)
    paths, outbox = open_outbox(tmp_path / "again", SHOP)
    found = [(alarm.key, alarm.state, alarm.note) for alarm in shown.list_alarms(outbox)]
    assert found == [("two", "open", ""), ("one", "acknowledged", "mine")]
    assert outbox.cursor("watch") == AlarmStore(paths.watch).newest() == 2
    outbox.close()
