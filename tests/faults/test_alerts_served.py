"""From a wrong price to a person, through a real `tidegate serve`; whoever tells is killed.

Always the command line, HTTP and signals; only processes started here are signalled.
"""

import importlib.util
import json
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tidegate.followers.status import read_status

HERE = Path(__file__).parent
RECIPIENTS = """
language = "en"
[ways]
good = "{good}"
bad = "{bad}"
[recipients]
duty = ["good"]
owner = ["bad"]
[[level]]
tell = ["duty"]
[[level]]
tell = ["owner"]
"""


def beside(name: str) -> ModuleType:
    """A module of this folder, which is no package."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


watched_shop, alerts_receiver = beside("watched_shop"), beside("alerts_receiver")
PATH = "/v1/shops/own"
Shop = Any  # WatchedShop
Receiver = Any  # alerts_receiver.py has the class


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = alerts_receiver.Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def shop(receiver: Receiver) -> Iterator[Shop]:
    """The shop, served and watched; its people told by a way that works, then by one that fails."""
    with tempfile.TemporaryDirectory(prefix="told-") as folder:
        made = watched_shop.WatchedShop(Path(folder), ("own",))
        file = Path(folder) / "alerts.toml"
        file.write_text(
            RECIPIENTS.format(good=receiver.way("ok/good"), bad=receiver.way("refuses/bad"))
        )
        shown = made.tidegate("watch", "recipients", str(file), "--shop", "own", "--json")
        assert shown["ways"] == {"good": "json", "bad": "json"}
        try:
            made.open()
            yield made
        finally:
            made.close()


def test_a_wrong_price_reaches_a_person_once_though_the_followers_are_killed(
    shop: Shop, receiver: Receiver
) -> None:
    assert "shop_paused" in shop.crowd(60)
    shop.until(lambda: receiver.keys("ok/good"))
    os.kill(read_status(shop.store).process_id, signal.SIGKILL)
    alarms = shop.api.call("GET", f"{PATH}/alarms")["items"]
    assert [alarm["state"] for alarm in alarms] == ["open"] * len(alarms)
    worst = max(alarms, key=lambda alarm: alarm["level"] == "pause_shop")
    found = shop.api.call("GET", f"{PATH}/alarms/{worst['id']}")
    assert (found["breaker"]["phase"], found["breaker"]["in_force"]) == ("open", True)
    assert any("tidegate watch half-open" in one["en"] for one in found["advice"])
    said = shop.ask("watch", "ack", "--until", str(alarms[0]["id"]), "--note", "looking")
    assert said.returncode == 0, said.stderr
    assert said.stdout == f"{len(alarms)} acknowledged 已确认\n"

    def told() -> bool:
        status = shop.api.call("GET", f"{PATH}/alerts")
        return bool(status["sending"]) and status["unacknowledged"] == 0

    shop.until(told)
    test = shop.ask("watch", "test-alert", "--json")  # through the followers that came after
    assert test.returncode == 1, test.stderr
    good, bad = json.loads(test.stdout)
    assert (good["way"], good["state"]) == ("good", "sent")
    assert (bad["state"], bad["fault"]) == ("due", "the receiver answered errcode 310000")
    assert max(receiver.keys("ok/good").values()) <= 2  # again only under its key
    shown = [body["message"].splitlines()[0] for body in receiver.bodies]
    assert shown[0] == alarms[-1]["sentence"]
    ready = shop.api.call("GET", "/ready")["shops"][0]
    assert (ready["ready"], ready["alarms_unacknowledged"], ready["alerts_undelivered"]) == (
        True, 0, 1,
    )  # fmt: skip
    assert "1 messages undelivered" in shop.ask("status").stdout
    logged = shop.log.read_text()
    assert f"127.0.0.1:{receiver.port}" not in logged
