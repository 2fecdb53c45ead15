"""Alarms over HTTP and by command: seen, explained, taken up by a person, followed as they come.

Always the real server and files; who is told, and how, is in tests/rules and tests/faults.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tidegate.cli.main import app
from tidegate.watch.alarms import CAP, PAUSE_SKU, Alarm
from tidegate.watch.alerts.outbox import Outbox
from tidegate.watch.alerts.ports import told_of
from tidegate.watch.latch import Latch
from tidegate.watch.watch_file import WatchFile

House = Any  # conftest.py has the class
Open = Callable[[Path], tuple[Callable[[], House], Callable[[], None]]]
SHOP = "/v1/shops/own"
OPENED_MS = 1_793_066_400_000


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory, open_another: Open) -> Iterator[House]:
    get, close = open_another(tmp_path_factory.mktemp("alarms"))
    house = get()
    yield house
    house.client.close()
    close()


def raise_alarms(house: House, *keys: str, level: int = PAUSE_SKU) -> None:
    """The watch raises alarms, the breaker opens, and whoever tells people takes them up."""
    from tidegate.watch.alarm_store import AlarmStore

    paths = house.shops["own"].paths
    file = WatchFile(paths.watch)
    alarms = [
        Alarm(
            key, OPENED_MS, level, 0, 7, "A", 1, 1, "ab" * 16, OPENED_MS - 900, 2, 3, 250_000,
            15.25, 14.0, "SKU A: 2 orders below half the usual price", "商品 A：2 单偏低",
        )
        for key in keys
    ]  # fmt: skip
    Latch(file).take(alarms, OPENED_MS)
    store, outbox = AlarmStore(paths.watch, file), Outbox(paths.alerts)
    found = [told_of(alarm) for alarm in store.after(outbox.cursor("watch"), 100)]
    assert outbox.take("watch", found, OPENED_MS, OPENED_MS) == len(keys)
    file.close()
    outbox.close()


def command(house: House, *words: str, key: str = "operator") -> Result:
    """One command against the house's server."""
    server = {"TIDEGATE_SERVER": f"http://127.0.0.1:{house.port}", "TIDEGATE_KEY": house.keys[key]}
    return CliRunner().invoke(app, ["watch", *words, "--shop", "own"], env=server)


def number_of(house: House, key: str) -> int:
    return int(house.ask("GET", f"{SHOP}/alarms/{key}").json()["alarm"]["id"])


def test_an_alarm_is_listed_explained_and_taken_up_once(mine: House) -> None:
    raise_alarms(mine, "cheap-sku-7-1-one")
    page = mine.ask("GET", f"{SHOP}/alarms?limit=1").json()
    (alarm,) = page["items"]
    assert (alarm["level"], alarm["state"], alarm["step"]) == ("pause_sku", "open", -1)
    assert (alarm["money_fen"], alarm["switch"]) == (250_000, "sku:A")
    found = mine.ask("GET", f"{SHOP}/alarms/{alarm['id']}").json()
    assert found["numbers"]["hypothesis"] == "cheap"
    assert found["expected"]["en"].startswith("score 15.2 where 14.0 is passed")
    assert (found["breaker"]["phase"], found["breaker"]["in_force"]) == ("open", False)
    steps = [one["en"] for one in found["advice"]]
    assert steps[0] == (
        f"take it up, so that nobody else is woken: `tidegate watch ack {alarm['id']}`"
    )
    assert steps[2] == "the desk has not confirmed the stop: `tidegate pause --sku A` by hand"
    path = f"{SHOP}/alarms/{alarm['id']}/acknowledge"
    first = mine.ask("POST", path, {"note": "looking"}, key="operator").json()
    again = mine.ask("POST", path, {"note": "me too"}, key="approver").json()
    assert (first["taken"], again["taken"]) == (1, 0)
    assert again["alarm"] == first["alarm"]
    assert (first["alarm"]["state"], first["alarm"]["note"]) == ("acknowledged", "looking")
    assert len(first["alarm"]["acknowledged_by"]) == 16
    assert mine.ask("GET", f"{SHOP}/alarms?state=open").json()["items"] == []


def test_a_flood_is_taken_up_as_far_as_it_was_read(mine: House) -> None:
    raise_alarms(mine, *(f"flood-{n}-x" for n in range(6)), level=CAP)
    until = number_of(mine, "flood-3-x")
    body = {"until": until, "note": "one thing"}
    assert mine.ask("POST", f"{SHOP}/alarms/acknowledge", body).json()["taken"] == 4
    left = mine.ask("GET", f"{SHOP}/alarms?state=open").json()["items"]
    assert [alarm["key"] for alarm in left] == ["flood-5-x", "flood-4-x"]
    ready = mine.ask("GET", "/ready").json()["shops"]
    (own,) = [shop for shop in ready if shop["shop"] == "own"]
    assert own["alarms_unacknowledged"] == 2
    metrics = mine.ask("GET", "/metrics", key="viewer").text
    assert 'tidegate_alarms_unacknowledged{shop="own"} 2.0' in metrics
    status = mine.ask("GET", f"{SHOP}/alerts").json()
    assert (status["unacknowledged"], status["levels"], status["sending"]) == (2, 0, False)


def test_what_cannot_be_asked_changes_nothing(mine: House) -> None:
    before = mine.ask("GET", f"{SHOP}/alarms").json()
    for name in ("999", "no-such", "0", "9" * 30):
        mine.assert_problem(mine.ask("GET", f"{SHOP}/alarms/{name}"), 404, "not_found")
        path = f"{SHOP}/alarms/{name}/acknowledge"
        mine.assert_problem(mine.ask("POST", path, {}), 404, "not_found")
    for query in ("state=closed", "before=x", "limit=-1", "limit=" + "9" * 20):
        answer = mine.ask("GET", f"{SHOP}/alarms?{query}")
        mine.assert_problem(answer, 422, "unprocessable")
    mine.assert_problem(
        mine.ask("POST", f"{SHOP}/alarms/acknowledge", {"until": 0}), 422, "unprocessable"
    )
    note = {"until": 10**6, "note": "call 13812345678"}
    mine.assert_problem(mine.ask("POST", f"{SHOP}/alarms/acknowledge", note), 422, "personal_data")
    machine = mine.ask("POST", f"{SHOP}/alarms/acknowledge", {"until": 10**6}, key="pauser")
    mine.assert_problem(machine, 403, "not_permitted")
    assert mine.ask("GET", f"{SHOP}/alarms").json() == before


def test_alarms_are_followed_as_they_happen(mine: House) -> None:
    raise_alarms(mine, "followed-x")
    number = number_of(mine, "followed-x")
    mine.ask("POST", f"{SHOP}/alarms/{number}/acknowledge", {"note": "mine"})
    found: list[dict[str, Any]] = []
    headers = {"Authorization": f"Bearer {mine.keys['viewer']}"}
    with mine.client.stream("GET", f"{SHOP}/alarms/events?after=0", headers=headers) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                found.append(json.loads(line.removeprefix("data: ")))
                if found[-1]["change"]["what"] == "acknowledged" and (
                    found[-1]["alarm"]["id"] == number
                ):
                    break
    numbers = [one["change"]["id"] for one in found]
    assert numbers == sorted(set(numbers))
    assert [one["change"]["what"] for one in found if one["alarm"]["id"] == number] == [
        "opened", "acknowledged",
    ]  # fmt: skip
    last = numbers[-2]
    after = {**headers, "Last-Event-ID": str(last)}
    with mine.client.stream("GET", f"{SHOP}/alarms/events", headers=after) as answer:
        data = next(line for line in answer.iter_lines() if line.startswith("data: "))
    assert json.loads(data.removeprefix("data: "))["change"]["id"] == numbers[-1]


def test_the_same_by_command(mine: House) -> None:
    raise_alarms(mine, "by-command-x")
    number = number_of(mine, "by-command-x")
    listed = command(mine, "alarms", "--state", "open", "--limit", "1")
    assert listed.exit_code == 0
    assert "pause_sku" in listed.output
    assert "open (nobody told 未通知)" in listed.output
    said = command(mine, "explain", str(number)).output.splitlines()
    assert "at stake 涉及金额: 2,500.00 yuan 元" in said
    assert "first order 首单 (keyed hash): " + "ab" * 16 in said
    assert said[-3].startswith("  - ")
    assert command(mine, "ack").exit_code == 2
    assert command(mine, "ack", "999").exit_code == 1
    # The server logs into the same output.
    assert command(mine, "ack", str(number), "--note", "mine").output.endswith(
        "1 acknowledged 已确认\n"
    )
    assert "acknowledged before 此前已确认" in command(mine, "ack", str(number)).output
    assert command(mine, "ack", "--until", str(number)).exit_code == 0


def test_recipients_are_set_from_a_file_and_shown_without_secrets(
    mine: House, tmp_path: Path
) -> None:
    store = ["--store", str(mine.shops["own"].paths.folder.parents[1])]
    none = command(mine, "recipients", *store)
    assert (none.exit_code, "nobody is told" in none.output) == (2, True)
    file = tmp_path / "alerts.toml"
    file.write_text(
        '[ways]\ngroup = "dingtalk://s3cret@t0ken"\n[recipients]\nduty = ["group"]\n'
        '[[level]]\nrota = ["duty"]\n'
    )
    shown = command(mine, "recipients", str(file), *store)
    assert shown.output == "1: one of duty every 7 days\n  duty: group (dingtalk)\n"
    kept = mine.shops["own"].paths.secrets / "alerts.toml"
    assert kept.stat().st_mode & 0o777 == 0o600
    file.write_text('[ways]\ngroup = "dingtalk//s3cret"\n[recipients]\n[[level]]\n')
    refused = command(mine, "recipients", str(file), *store)
    assert refused.exit_code == 2
    assert "s3cret" not in refused.output
    assert "ways.group: an address as apprise writes it" in refused.output
    nobody = command(mine, "test-alert", *store)
    assert nobody.exit_code == 2
    assert "nobody sends" in nobody.output
    kept.unlink()
