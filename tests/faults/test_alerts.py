"""Receivers that misbehave, and a sender that is killed: all is told, and once for each key."""

import importlib.util
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tidegate.watch.alarm_store import AlarmStore
from tidegate.watch.alarms import PAUSE_SKU, Alarm
from tidegate.watch.alerts.courier import COMMAND, ProcessCourier, start_process
from tidegate.watch.alerts.outbox import Outbox
from tidegate.watch.alerts.ports import Delivery, Letter
from tidegate.watch.alerts.recipients import write_recipients

DEADLINE_S = 60.0
PROGRAM = Path(__file__).with_name("alerts_receiver.py")
spec = importlib.util.spec_from_file_location("alerts_receiver", PROGRAM)
assert spec is not None
assert spec.loader is not None
alerts_receiver = importlib.util.module_from_spec(spec)
spec.loader.exec_module(alerts_receiver)

Receiver = Any  # alerts_receiver.py has the class


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = alerts_receiver.Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def courier() -> Iterator[ProcessCourier]:
    courier = ProcessCourier(wait_s=3.0)
    yield courier
    courier.close()


def until(holds: Callable[[], bool], why: str) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline_s, why
        time.sleep(0.02)


def letter(number: int, way: str, address: str) -> Letter:
    return Letter(
        number, way, address, "[own] ALARM 1: SKU paused", "SKU A: cheap", f"k-{number}", 3
    )


def carried(courier: ProcessCourier, letters: list[Letter]) -> dict[int, Delivery]:
    """Have letters carried, as there is room; what became of each."""
    waiting, found = list(letters), {}
    deadline_s = time.monotonic() + DEADLINE_S
    while len(found) < len(letters):
        assert time.monotonic() < deadline_s, f"{len(found)} of {len(letters)} were answered"
        for one in [one for one in waiting if courier.takes(one.way)][:1]:
            waiting.remove(one)
            courier.send(one)
        for delivery in courier.done():
            found[delivery.message] = delivery
        time.sleep(0.01)
    return found


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("ok", ""),
        ("slow", ""),
        ("huge", ""),
        ("broken", "the receiver answered 500"),
        ("redirect", "the receiver redirects (307): write its new address"),
        ("lies", "the answer broke off"),
        ("refuses", "the receiver answered errcode 310000"),
        ("hang", "no answer in time"),
        ("drip", "no answer in time"),
    ],
)
def test_what_counts_as_delivered(
    receiver: Receiver, courier: ProcessCourier, path: str, fault: str
) -> None:
    found = carried(courier, [letter(1, "w", receiver.way(path))])
    assert found == {1: Delivery(1, not fault, fault)}
    assert receiver.keys(path) == {"k-1": 1}
    assert receiver.keys("stolen") == {}


def test_a_receiver_that_hangs_keeps_nobody_else_waiting(
    receiver: Receiver, courier: ProcessCourier
) -> None:
    courier.send(letter(1, "hanging", receiver.way("hang")))
    assert not courier.takes("hanging")
    began_s = time.monotonic()
    found = carried(courier, [letter(n, f"w{n}", receiver.way("ok")) for n in (2, 3)])
    assert {delivery.delivered for number, delivery in found.items() if number > 1} == {True}
    assert time.monotonic() - began_s < 3.0  # while the other one still waits


def test_nobody_there_and_no_address_at_all(receiver: Receiver, courier: ProcessCourier) -> None:
    receiver.close()
    found = carried(
        courier,
        [letter(1, "a", receiver.way("ok")), letter(2, "b", "nosuchkind://secret-token")],
    )
    assert found[1] == Delivery(1, False, "no connection")
    assert found[2] == Delivery(2, False, "apprise does not understand this address")


def test_a_sending_process_that_dies_costs_one_try(receiver: Receiver) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        started.append(start_process())
        return started[-1]

    courier = ProcessCourier(start, wait_s=5.0)
    courier.send(letter(1, "w", receiver.way("hang")))
    until(lambda: receiver.keys("hang") == {"k-1": 1}, "it was never sent")
    started[0].kill()
    found = carried(courier, [letter(2, "v", receiver.way("ok"))])
    until(lambda: len(found) == 2 or bool(found.update({d.message: d for d in courier.done()})),
          "it was never noticed")  # fmt: skip
    assert found[1] == Delivery(1, False, "the sending process failed (BrokenPipeError)")
    assert found[2].delivered
    courier.close()
    assert all(process.poll() is not None for process in started)


def test_the_key_and_nothing_secret_is_sent(receiver: Receiver, courier: ProcessCourier) -> None:
    found = carried(
        courier, [letter(7, "w", receiver.way("ok") + "?+X-Token=abc&:phone=duty&:message=text")]
    )
    assert found[7].delivered
    (body,), (headers,) = receiver.bodies, receiver.headers
    assert (body["alert_key"], body["phone"], body["text"]) == ("k-7", "duty", "SKU A: cheap")
    assert (headers["Idempotency-Key"], headers["X-Token"]) == ("k-7", "abc")
    assert "secret" not in repr(letter(7, "w", "json://secret"))
    assert not any("json" in part for part in COMMAND)


def alarm(key: str, at_ms: int) -> Alarm:
    return Alarm(
        key, at_ms, PAUSE_SKU, 0, 7, "A", 1, 1, "ab" * 16, 4, 2, 3, 2_500, 15.0, 14.0,
        f"SKU A: {key}", f"商品 A：{key}",
    )  # fmt: skip


def killed_and_told(folder: Path, receiver: Receiver, kills: int, seed: int) -> int:
    """Kill a sender again and again while alarms come; how many times something came twice."""
    secrets = folder / "secrets"
    secrets.mkdir(mode=0o700)
    write_recipients(
        secrets,
        f'[ways]\na = "{receiver.way("ok/a")}"\nb = "{receiver.way("lies/b")}"\n'
        '[recipients]\nduty = ["a", "b"]\n[[level]]\ntell = ["duty"]\n',
    )
    chance, alarms = random.Random(seed), AlarmStore(folder / "watch.db")
    now_ms = time.time_ns() // 1_000_000
    total = 0
    for _ in range(kills):
        sender = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(folder)], stdout=subprocess.PIPE
        )
        assert sender.stdout is not None
        assert sender.stdout.readline() == b"ready\n"
        for _ in range(chance.randint(1, 2)):
            if total < 10:  # each told by itself: more would go together
                total += 1
                alarms.record(alarm(f"alarm {total}", now_ms), f"alarm {total}")
        time.sleep(chance.uniform(0.0, 0.9))  # the moment of the kill: nothing is waited for
        sender.kill()
        sender.wait()
        sender.stdout.close()
    sender = subprocess.Popen([sys.executable, str(PROGRAM), str(folder)], stdout=subprocess.PIPE)
    outbox = Outbox(folder / "alerts.db")
    try:
        until(
            lambda: outbox.count("SELECT count(*) FROM message WHERE state = 'sent'") == 2 * total,
            "not everything was told",
        )
    finally:
        sender.kill()
        sender.wait()
    told = {key for (key,) in outbox.rows("SELECT key FROM message")}
    for path in ("ok/a", "lies/b"):
        assert len(receiver.keys(path)) == total, path  # exactly one for whoever looks at the key
    assert set(receiver.keys("ok/a")) | set(receiver.keys("lies/b")) == told
    assert {body["message"].splitlines()[0] for body in receiver.bodies} == {
        f"商品 A：alarm {number}" for number in range(1, total + 1)
    }
    return sum(count - 1 for count in receiver.keys("ok/a").values())


def test_a_sender_killed_at_any_moment_loses_nothing(tmp_path: Path, receiver: Receiver) -> None:
    again = killed_and_told(tmp_path, receiver, kills=4, seed=1)
    print(f"{again} came again under their keys")


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 6))
def test_a_sender_killed_often_loses_nothing(tmp_path: Path, receiver: Receiver, seed: int) -> None:
    killed_and_told(tmp_path, receiver, kills=20, seed=seed)
