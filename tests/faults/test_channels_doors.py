"""Channels over the doors of a real `tidegate serve`: signed pushes, sales, stops, debts, alarms.

Always the wire and what a stranger would send. Never: a channel's key or a person's is in the code
that serves; both are made by the command line, as a merchant makes them.
"""

import http.client
import json
import re
import secrets
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tidegate import bootstrap
from tidegate.bench.served_shop import HOST, NAME, ServedShop
from tidegate.channels.signatures import BODY_BYTES_MAX, WINDOW_MS, signed
from tidegate.cli.channel import app
from tidegate.testing.workload import Terms

ROOT = Path(__file__).resolve().parents[2]
SKU, CHANNEL, OTHER = "sku-0", "channel-0", "channel-1"
STOCK = 20
DEADLINE_S = 30.0
HOOK = f"/v1/shops/{NAME}/channels/{CHANNEL}/webhook"


class House:
    """One served shop with a connected push channel, its key, and a person's."""

    def __init__(self, shop: ServedShop) -> None:
        self.shop = shop
        self.person = self._person()
        self.sales = self._issue("sales", ("sales:write",))
        told = self.say("connect", CHANNEL, "--kind", "webhook", "--adapter", "push")
        self.key = bytes.fromhex(told.rsplit(" ", 1)[1].strip())
        self.numbers = iter(range(1, 10_000))

    def _person(self) -> str:
        access = bootstrap.open_access(self.shop.store)
        try:
            (boss,) = [p for p in access.operators.list_parties() if p.name == "bench"]
            return access.keyring.issue(boss.token, boss.token).key
        finally:
            access.store.close()

    def _issue(self, name: str, scopes: tuple[str, ...]) -> str:
        access = bootstrap.open_access(self.shop.store)
        try:
            (boss,) = [p for p in access.operators.list_parties() if p.name == "bench"]
            machine = access.operators.create_machine(name, boss.token)
            return access.keyring.issue(machine.token, boss.token, scopes=scopes).key
        finally:
            access.store.close()

    def say(self, *arguments: str) -> str:
        store = ["--store", str(self.shop.folder), "--shop", NAME]
        done = CliRunner().invoke(app, [*arguments, *store], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        content: bytes | None = None,
    ) -> tuple[int, Any]:
        """One request with the person's key, or another, or none (`key=""`)."""
        key = self.person if key is None else key
        sent = {"Content-Type": "application/json", **(headers or {})}
        if key:
            sent["Authorization"] = f"Bearer {key}"
        data = content if content is not None else (json.dumps(body) if body is not None else None)
        connection = http.client.HTTPConnection(HOST, self.shop.port, timeout=20)
        try:
            connection.request(method, path, data, sent)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        return answer.status, json.loads(text)

    def push(self, body: object, path: str = HOOK, **how: object) -> tuple[int, Any]:
        """A signed push; `how` spoils it."""
        content = how.get("content", json.dumps(body).encode())
        assert isinstance(content, bytes)
        at_ms = int(how.get("at_ms", time.time_ns() // 1_000_000))  # type: ignore[call-overload]
        nonce = str(how.get("nonce", secrets.token_hex(8)))
        key = how.get("key", self.key)
        assert isinstance(key, bytes)
        signed_path = str(how.get("signed_path", path))
        headers = signed(key, at_ms, nonce, "POST", signed_path, content)
        headers |= how.get("headers", {})  # type: ignore[operator]
        sent = how.get("sent", content)
        assert isinstance(sent, bytes)
        return self.ask("POST", path, key="", headers=headers, content=sent)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        end_s = time.monotonic() + DEADLINE_S
        while not condition():
            self.shop.require_running()
            assert time.monotonic() < end_s, what
            time.sleep(0.05)

    def order(self, units: int = 1, **how: object) -> dict[str, object]:
        now_ms = time.time_ns() // 1_000_000
        fen = 1_000 * units
        return {
            "number": f"N{next(self.numbers)}", "placed_at": now_ms, "changed_at": now_ms,
            "status": "paid", "charged_fen": fen,
            "lines": [{"item": SKU, "quantity": units, "receivable_fen": fen}], **how,
        }  # fmt: skip

    def sale(self, units: int = 1, **how: object) -> dict[str, object]:
        fen = 1_000 * units
        return {
            "id": f"N{next(self.numbers)}", "channel": CHANNEL, "paid": True,
            "placed_at": time.time_ns() // 1_000_000, "charged_fen": fen,
            "lines": [{"sku": SKU, "quantity": units, "receivable_fen": fen}], **how,
        }  # fmt: skip

    def known(self) -> int:
        """Orders that are recorded, whatever became of them."""
        found = self.ask("GET", f"/v1/shops/{NAME}/connections")[1]["connections"][0]
        return sum(found["orders"].values())

    def parked(self) -> dict[str, str]:
        status, found = self.ask("GET", f"/v1/shops/{NAME}/connections/parked")
        assert status == 200
        return {one["number"]: one["why"] for one in found["orders"]}


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    units = np.array([STOCK], np.int64)
    terms = Terms(units, np.array([1_000]), np.array([500]), (0, 0, 0, 0), 0, 0, 0, 1, 900)
    with (
        tempfile.TemporaryDirectory(prefix="doors-") as folder,
        ServedShop(Path(folder), terms) as shop,
    ):
        made = House(shop)
        shop.start()
        made.until(lambda: made.push({"orders": []})[0] == 200, "the channel is open")
        yield made


def test_a_signed_push_is_recorded_once_and_a_heartbeat_keeps_the_feed_current(
    house: House,
) -> None:
    one, two = house.order(), house.order(lines=[
        {"item": "nobody knows", "quantity": 1, "receivable_fen": 1_000}])  # fmt: skip
    assert house.push({"orders": [one, two]}) == (
        200, {"heard": 2, "recorded": 1, "parked": 1, "changed": 0, "repeated": 0},
    )  # fmt: skip
    assert house.push({"orders": [one]})[1]["repeated"] == 1
    assert house.parked()[str(two["number"])] == "sku_unmapped: nobody knows"
    status, found = house.ask("GET", f"/v1/shops/{NAME}/connections")
    assert (status, found["connections"][0]["feed"]) == (200, "")


def test_what_is_not_signed_right_is_refused_and_changes_nothing(house: House) -> None:
    body = {"orders": [house.order()]}
    now_ms = time.time_ns() // 1_000_000
    before = house.known()
    spoilt: dict[str, dict[str, object]] = {
        "other key": {"key": b"x" * 32},
        "other body": {"sent": b'{"orders": []}'},
        "other path": {"signed_path": HOOK.replace(CHANNEL, "channel-9")},
        "a clock that is late": {"at_ms": now_ms - WINDOW_MS - 5_000},
        "a clock that is early": {"at_ms": now_ms + WINDOW_MS + 5_000},
        "a short nonce": {"nonce": "n"},
        "a bad signature": {"headers": {"x-tidegate-signature": "v1=é".encode().decode("latin-1")}},
    }
    for what, how in spoilt.items():
        status, told = house.push(body, **how)
        assert (status, told["reason"]) == (401, "not_signed"), what
    assert house.ask("POST", HOOK, body, key="")[0] == 401  # no signature at all
    assert house.ask("POST", HOOK, body)[0] == 401  # a key of ours is no signature
    for path in (HOOK.replace(CHANNEL, "channel-9"), HOOK.replace(NAME, "nowhere")):
        assert house.push(body, path)[1]["reason"] == "not_signed"
    assert house.known() == before


@pytest.mark.skipif(not (which("curl") and which("openssl")), reason="needs curl and openssl")
def test_the_example_of_the_page_pushes_an_order(house: House) -> None:
    page = (ROOT / "docs" / "reference" / "channel-bridge.md").read_text("utf-8")
    (script,) = re.findall(r"(?ms)^```\n(KEY=.*?)^```", page)
    now_ms = str(time.time_ns() // 1_000_000)
    for old, new in (
        ("KEY=…", f"KEY={house.key.hex()}"),
        ("http://127.0.0.1:8080", f"http://{HOST}:{house.shop.port}"),
        ("/v1/shops/own/channels/app/webhook", HOOK),
        ("1792944000000", now_ms),
        ("TB-77", SKU),
    ):
        assert old in script
        script = script.replace(old, new)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {
        "heard": 1, "recorded": 1, "parked": 0, "changed": 0, "repeated": 0,
    }  # fmt: skip


def test_a_push_that_was_made_before_is_refused(house: House) -> None:
    content, at_ms = json.dumps({"orders": []}).encode(), time.time_ns() // 1_000_000
    first = house.push(None, content=content, at_ms=at_ms, nonce="abcdefgh1")
    again = house.push(None, content=content, at_ms=at_ms, nonce="abcdefgh1")
    assert first[0] == 200
    assert (again[0], again[1]["detail"]) == (401, "this request was made before")


def test_too_large_and_unreadable_pushes_are_told_so(house: House) -> None:
    large = house.push(None, content=b" " * (BODY_BYTES_MAX + 1))
    assert (large[0], large[1]["reason"]) == (413, "body_too_large")
    assert house.push(None, content=b"{")[0] == 422
    assert house.push({"orders": 7})[0] == 422


def test_one_malformed_order_is_parked_and_dismissed_by_a_person(house: House) -> None:
    bad = {**house.order(), "lines": [], "buyer": "13800138000"}
    taken = house.push({"orders": [bad, house.order()]})[1]
    assert (taken["recorded"], taken["parked"]) == (1, 1)
    name = f"?{bad['number']}"
    assert house.parked()[name].startswith("malformed: ")
    assert "13800138000" not in json.dumps(house.parked())
    wish = {"id": "d-1", "number": name}
    path = f"/v1/shops/{NAME}/channels/{CHANNEL}/parked/dismiss"
    assert house.ask("POST", path, wish) == (200, {"number": name, "dismissed": True})
    assert house.ask("POST", path, wish)[0] == 404
    assert name not in house.parked()


def test_a_sale_and_a_feed_of_the_same_number_count_once(house: House) -> None:
    path = f"/v1/shops/{NAME}/sales"
    sale = house.sale(2)
    status, first = house.ask("POST", path, sale, key=house.sales)
    assert (status, first["judgement"], first["reason"]) == (201, [], "accepted")
    again = house.ask("POST", path, sale, key=house.sales)
    assert again == (200, {**first, "duplicate": True})
    told = house.order(2, number=sale["id"], placed_at=sale["placed_at"], account="ann")
    assert house.push({"orders": [told]})[1]["recorded"] == 0
    other = {**sale, "charged_fen": 3_000,
             "lines": [{"sku": SKU, "quantity": 3, "receivable_fen": 3_000}]}  # fmt: skip
    status, refused = house.ask("POST", path, other, key=house.sales)
    assert (status, refused["reason"]) == (409, "id_reused")
    assert house.parked()[str(sale["id"])].startswith("content_changed")


def test_a_batch_of_sales_is_answered_line_by_line(house: House) -> None:
    sales = [house.sale(), house.sale()]
    lines = [*sales, sales[0], {**sales[1], "charged_fen": 1, "lines": [
        {"sku": SKU, "quantity": 1, "receivable_fen": 1}]}]  # fmt: skip
    body = "\n".join(json.dumps(line) for line in lines).encode()
    connection = http.client.HTTPConnection(HOST, house.shop.port, timeout=20)
    connection.request(
        "POST", f"/v1/shops/{NAME}/sales:batch", body,
        {"Authorization": f"Bearer {house.sales}", "Content-Type": "application/x-ndjson"},
    )  # fmt: skip
    answers = [json.loads(line) for line in connection.getresponse().read().splitlines()]
    connection.close()
    assert [answer["status"] for answer in answers] == [201, 201, 200, 409]
    assert answers[2]["duplicate"]
    assert answers[3]["reason"] == "id_reused"


def test_what_stock_does_not_cover_is_a_debt_that_a_person_takes(house: House) -> None:
    sale = house.sale(STOCK + 5)
    status, judged = house.ask("POST", f"/v1/shops/{NAME}/sales", sale, key=house.sales)
    assert status == 201
    assert judged["short"] > 0
    path = f"/v1/shops/{NAME}/debts"
    house.until(
        lambda: [one["number"] for one in house.ask("GET", path)[1]["debts"]] == [sale["id"]],
        "the debt is listed",
    )
    found = house.ask("GET", path)[1]
    assert found["open"] == {"orders": 1, "units": judged["short"], "late": 0}
    assert (found["debts"][0]["owner"], found["debts"][0]["way"]) == ("stock", "")
    wish = {"id": "w-1", "way": "ask_buyer", "owner": "after-sale", "note": "asked by chat"}
    taken = house.ask("POST", f"/v1/shops/{NAME}/channels/{CHANNEL}/debts/{sale['id']}", wish)
    assert (taken[0], taken[1]["owner"], taken[1]["way"]) == (200, "after-sale", "ask_buyer")
    now_ms = time.time_ns() // 1_000_000
    cancelled = house.order(STOCK + 5, number=sale["id"], placed_at=sale["placed_at"],
                            changed_at=now_ms, status="cancelled")  # fmt: skip
    assert house.push({"orders": [cancelled]})[0] == 200
    house.until(lambda: house.ask("GET", path)[1]["debts"] == [], "the debt is settled")


def test_faults_and_figures_of_channels_are_in_ready_and_metrics(house: House) -> None:
    house.push({"orders": [house.order(lines=[
        {"item": "unmapped", "quantity": 1, "receivable_fen": 1}])]})  # fmt: skip
    status, ready = house.ask("GET", "/ready", key="")
    assert status == 200
    assert ready["shops"][0]["channel_faults"] == []
    connection = http.client.HTTPConnection(HOST, house.shop.port, timeout=20)
    connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {house.person}"})
    text = connection.getresponse().read().decode()
    connection.close()
    labels = f'{{channel="{CHANNEL}",shop="{NAME}"}}'
    assert f"tidegate_channel_parked{labels} {float(len(house.parked()) - 1)}" in text or (
        f"tidegate_channel_parked{labels} " in text
    )
    assert f"tidegate_channel_stopped{labels} 0.0" in text
    assert f'tidegate_channel_faults{{shop="{NAME}"}} 0.0' in text


def test_one_word_stops_every_channel_and_a_person_lets_one_sell_again(house: House) -> None:
    wish = {"id": "s-1", "reason": "a wrong price"}
    path = f"/v1/shops/{NAME}/connections/stop"
    assert house.ask("POST", path, wish) == (200, {"now": [CHANNEL], "before": []})
    assert house.ask("POST", path, wish) == (200, {"now": [], "before": [CHANNEL]})

    def rungs() -> dict[str, str]:
        row = house.ask("GET", f"/v1/shops/{NAME}/connections")[1]["connections"][0]
        return {rung["step"]: rung["state"] for rung in row["ladder"]}

    steps = ("audit", "activity", "stock", "delist", "shop")
    house.until(lambda: rungs() == dict.fromkeys(steps, "person"), "a person is told each rung")
    row = house.ask("GET", f"/v1/shops/{NAME}/connections")[1]["connections"][0]
    assert row["stopped"]
    assert "自动审单" in row["ladder"][0]["told"]
    again = house.ask("POST", f"/v1/shops/{NAME}/channels/{CHANNEL}/resume", {"id": "r-1"})
    assert again == (200, {"channel": CHANNEL, "stopped": False})
    assert rungs() == {}
    gone = house.ask("POST", f"/v1/shops/{NAME}/channels/{OTHER}x/stop", {"id": "s-2"})
    assert gone[0] == 404
