"""The operator's commands against a real server: catalogue, stock, switches, settings, figures.

Always the exact words. Orders and exceptions are in test_command_line_orders.py, what happens
without an answer in test_command_line_client.py.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tidegate.domain.reasons import REASON_TEXTS, Reason


def beside(name: str) -> ModuleType:
    """A module of this folder, which is no package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HOUSE = beside("command_line_house")
House = HOUSE.House
CHECK = "What to do: check the shop and the codes that you named"
TAKEN_OFF = "A 4 件停止在 tmall 销售，待收回"
PERSONAL = "code looks like it holds phone; records keep no personal data, use a code of yours"
PUT_RIGHT = "What to do: put that right and give the command again"


def refusal(reason: Reason) -> str:
    """A reason as a refusal names it, where its own words say it all."""
    text = REASON_TEXTS[reason]
    return f"{text.name} ({int(reason)}): {text.english}"


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with HOUSE.opened_house("own") as opened:
        yield opened


def test_status_needs_no_key_and_says_how_each_shop_is(house: House) -> None:
    house.server.status("/ready")
    said = house.did("status", who="")
    line = said.plain.replace("epoch 1", "epoch E").splitlines()[0]  # then what its files tell
    line = line.partition("; alerts 通知: nobody is told")[0]  # once the sender has said so
    assert line.startswith("own: takes orders 正常接单 (entry N, epoch ")
    ending = r"entries behind, (nobody watches 无监视|watch [N0-9]+ entries behind)\)"
    assert re.search(f"{ending}$", line), line
    found = house.did("status", "--json", who="").document
    assert (found["ready"], [shop["shop"] for shop in found["shops"]]) == (True, ["own"])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("channel", "put", "shop2"),
         "channel shop2 set, sells from shared · 渠道 shop2 已设置，库存池 shared"),
        (("channel", "put", "jd", "--kind", "marketplace", "--pool", "tmall"),
         "channel jd set, sells from tmall · 渠道 jd 已设置，库存池 tmall"),
        (("pool", "put", "jd"), "pool jd set · 库存池 jd 已设置"),
        (("promotion", "put", "midnight"), "promotion midnight set · 促销 midnight 已设置"),
        (("sku", "put", "茶-1", "--list-price-fen", "1990", "--cost-floor-fen", "900",
          "--red-line-fen", "1000", "--quantity-max", "9", "--quantity-min", "2",
          "--safety-stock", "3"), "SKU 茶-1 set · 商品 茶-1 已设置"),
        (("sku", "put", "box", "--list-price-fen", "3000", "--part", "茶-1=2"),
         "SKU box set · 商品 box 已设置"),
        (("group", "put", "teas", "茶-1", "box"),
         "group teas set: 2 SKUs · 分组 teas 已设置，共 2 种商品"),
        (("rule", "put", "six", "--scope", "group", "--target", "teas", "--window", "month",
          "--limit", "account=6", "--limit", "phone=3"), "rule six set · 规则 six 已设置"),
        (("rule", "put", "cap", "--scope", "promotion", "--target", "midnight", "--basis",
          "discount", "--budget", "100000"), "rule cap set · 规则 cap 已设置"),
        (("rule", "drop", "six"), "rule six switched off · 规则 six 已停用"),
        (("policy", "set", "--hold-ttl-s", "600", "--hold-cap", "5"),
         "settings changed: hold_ttl_s=600, hold_cap=5 · 设置已更改"),
        (("policy", "set", "--zone", "Asia/Shanghai"),
         "settings changed: zone=Asia/Shanghai · 设置已更改"),
        (("clock", "confirm", "--note", "compared with the till"), "time confirmed · 时间已确认"),
    ],
)  # fmt: skip
def test_what_is_set_is_said_in_both_languages(
    house: House, arguments: tuple[str, ...], expected: str
) -> None:
    assert house.did(*arguments).plain == f"{expected} (entry N, id ID)\n"


def test_stock_goes_through_every_movement(house: House) -> None:
    house.did("sku", "put", "A", "--list-price-fen", "1000")
    steps = (
        (("receive", "A", "100"),
         "100 units of A received into shared · A 入库 100 件（shared）", 100),
        (("adjust", "A", "-5"), "A adjusted by -5 in shared · A 调整 -5 件（shared）", 95),
        (("adjust", "A", "2"), "A adjusted by +2 in shared · A 调整 +2 件（shared）", 97),
        (("count", "A", "51"), "51 units of A counted in shared · A 盘点 51 件（shared）", 51),
        (("move", "A", "10", "--from", "shared", "--to", "tmall"),
         "10 units of A moved from shared to tmall · A 10 件已从 shared 调至 tmall", 41),
        (("recall", "start", "A", "4", "--pool", "tmall"),
         f"4 units of A taken off sale in tmall; next: recall finish · {TAKEN_OFF}", 41),
        (("recall", "finish", "A", "4", "--pool", "tmall"),
         "recall of 4 units of A from tmall finished · A 4 件已从 tmall 收回", 45),
        (("receive", "A", "1", "--pool", "tmall"),
         "1 unit of A received into tmall · A 入库 1 件（tmall）", 45),
    )  # fmt: skip
    for arguments, expected, left in steps:
        assert house.did("stock", *arguments).plain == f"{expected} (entry N, id ID)\n"
        assert house.available("A") == left, arguments
    assert house.available("A", "tmall") == 7
    assert house.did("stock", "available", "A", "--channel", "web").out == (
        "A on web: 45 available 可用\n"
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("stock", "available", "Z", "--channel", "web"),
         f"not_found (1004): no such SKU or channel. {CHECK}"),
        (("stock", "receive", "Z", "1"), f"{refusal(Reason.UNKNOWN_TARGET)}. {CHECK}"),
        (("stock", "receive", "A", "0"),
         f"unprocessable (1010): Expected `int` >= 1 - at `$.quantity`. {PUT_RIGHT}"),
        (("sku", "put", "13800138000", "--list-price-fen", "1"),
         f"personal_data (1011): {PERSONAL}. What to do: use a code of your own instead"),
        (("pause", "--sku", "Z"), f"{refusal(Reason.UNKNOWN_TARGET)}. {CHECK}"),
        (("rule", "drop", "nothing"), f"{refusal(Reason.UNKNOWN_TARGET)}. {CHECK}"),
        (("policy", "set", "--pricing-version", "0"),
         f"{refusal(Reason.OUT_OF_BOUNDS)}. {PUT_RIGHT}"),
        (("pause", "--shop", "other"), f"not_found (1004): no such shop here. {CHECK}"),
    ],
)  # fmt: skip
def test_a_refusal_is_one_line_with_reason_number_and_advice(
    house: House, arguments: tuple[str, ...], expected: str
) -> None:
    house.did("sku", "put", "A", "--list-price-fen", "1000")
    assert house.refused(*arguments) == f"refused 拒绝: {expected}\n"


def test_a_refusal_is_in_the_terminals_language(house: House) -> None:
    chinese = {"LC_ALL": "zh_CN.UTF-8"}
    assert house.refused("stock", "available", "Z", "--channel", "web", env=chinese) == (
        "refused 拒绝: not_found (1004)：没有此商品或渠道。怎么办：核对店铺和所填编号\n"
    )


def test_a_refusal_as_json_is_the_problem_document(house: House) -> None:
    said = house.run("rule", "drop", "nothing", "--json", "--id", "drop-1")
    assert said.code == 1
    found = said.document
    assert found.pop("seq") > 0
    assert found == {
        "type": "/problems/unknown_target",
        "title": REASON_TEXTS[Reason.UNKNOWN_TARGET].english,
        "status": 409,
        "detail": REASON_TEXTS[Reason.UNKNOWN_TARGET].english,
        "reason": "unknown_target",
        "reason_number": 64,
        "retry_with_new_id": True,
        "id": "drop-1",
    }
    assert said.err == f"refused 拒绝: {refusal(Reason.UNKNOWN_TARGET)}. {CHECK}\n"


def test_one_command_stops_the_shop_and_one_sells_again(house: House) -> None:
    house.did("sku", "put", "P", "--list-price-fen", "1000", "--cost-floor-fen", "500")
    house.did("promotion", "put", "night")
    house.did("stock", "receive", "P", "10")
    order = ("order", "place", "--channel", "web", "--sku", "P", "--receivable-fen", "1000")
    steps = (
        ((), Reason.SHOP_PAUSED, "shop own", "店铺 own"),
        (("--sku", "P"), Reason.SKU_PAUSED, "sku P", "商品 P"),
        (("--promotion", "night"), Reason.PROMOTION_PAUSED, "promotion night", "促销 night"),
    )
    for option, reason, english, chinese in steps:
        assert house.did("pause", *option).plain == (
            f"{english} paused · {chinese} 已停售 (entry N, id ID)\n"
        )
        advice = "What to do: a person may sell again with `tidegate resume`"
        line = house.refused(*order, "--promotion", "night")
        assert line == f"refused 拒绝: {refusal(reason)}. {advice}\n"
        assert house.did("resume", *option).plain == (
            f"{english} on sale again · {chinese} 已恢复销售 (entry N, id ID)\n"
        )
    assert house.did(*order, "--promotion", "night", "--paid").plain.endswith(
        " accepted · 已接单 (entry N)\n"
    )


def test_a_command_with_an_id_counts_once(house: House) -> None:
    house.did("sku", "put", "once", "--list-price-fen", "1000")
    first = house.did("stock", "receive", "once", "7", "--id", "R-1", "--json").document
    assert {name: first[name] for name in first if name != "seq"} == {
        "id": "R-1",
        "reason": "accepted",
    }
    again = house.did("stock", "receive", "once", "7", "--id", "R-1")
    assert again.plain == (
        "7 units of once received into shared · once 入库 7 件（shared） "
        "(entry N, id R-1, given before, counted once 重复命令，只计一次)\n"
    )
    assert house.available("once") == 7
    assert house.refused("stock", "receive", "once", "8", "--id", "R-1") == (
        f"refused 拒绝: {refusal(Reason.ID_REUSED)}. What to do: leave --id out, or repeat exactly "
        "what was sent under it\n"
    )
    assert house.available("once") == 7


def test_who_may_not_is_told_whose_key_it_takes(house: House) -> None:
    assert house.refused("pause", who="vic") == (
        "refused 拒绝: not_permitted (1003): this key lacks pause:write here. What to do: use the "
        "key of somebody who may: `tidegate key issue --scope`\n"
    )
    key = "tg_" + "A" * 12 + "_" + "B" * 32
    line = house.refused("pause", "--shop", "own", who="", env={"TIDEGATE_KEY": key})
    assert line == (
        "refused 拒绝: not_authenticated (1002): send Authorization: Bearer KEY with a key that is "
        "valid now. What to do: set TIDEGATE_KEY or --key-file to a key that is valid: "
        "`tidegate key issue`\n"
    )


def test_the_key_comes_from_the_environment_or_a_file_and_never_as_an_argument(
    house: House,
) -> None:
    key = house.keys["ann"]
    assert house.did("metrics", who="", env={"TIDEGATE_KEY": key}).out.startswith(
        "# HELP tidegate_"
    )
    assert house.did("metrics", "--key-file", house.key_file("ann"), who="").out.startswith(
        "# HELP"
    )
    assert house.wrong("pause", who="") == (
        "tidegate: no key: set TIDEGATE_KEY, or name a file that holds it: --key-file\n"
    )
    assert house.wrong("pause", "--key-file", key, who="") == (
        "tidegate: --key-file: no such file or directory\n"
    )
    assert house.wrong("pause", who="", env={"TIDEGATE_KEY": f"{key}\nX-Other: 1"}) == (
        "tidegate: TIDEGATE_KEY: that is no key of Tidegate (`tidegate key issue` makes one)\n"
    )
    said = house.run("pause", f"--key={key}", who="")
    assert (said.code, "No such option: --key" in said.err) == (2, True)


def test_metrics_are_prometheus_text_or_samples(house: House) -> None:
    samples = house.did("metrics", "--json").document
    entries = [found for found in samples if found["name"] == "tidegate_journal_seq"]
    text = house.did("metrics").out
    assert [found["labels"] for found in entries] == [{"shop": "own"}]
    assert 'tidegate_journal_seq{shop="own"} ' in text


def test_call_sends_whatever_has_no_command_of_its_own(house: House, tmp_path: Path) -> None:
    house.did("sku", "put", "C", "--list-price-fen", "1000")
    health = house.did("call", "GET", "/health", "--json").document
    assert health["status"] == "ok"
    assert house.did("call", "get", "/health").out == json.dumps(health, indent=2) + "\n"
    availability = {"sku": "C", "channel": "web", "available": 0}
    assert house.did("call", "GET", "availability/C?channel=web", "--json").document == availability
    body = {"id": "call-1", "scope": "sku", "target": "C"}
    assert house.did("call", "POST", "pause", "--body", json.dumps(body)).document["id"] == "call-1"
    (tmp_path / "body").write_text(json.dumps(body | {"id": "call-2"}), "utf-8")
    done = house.did("call", "POST", "resume", "--body", f"@{tmp_path / 'body'}")
    assert done.document["id"] == "call-2"
    done = house.did("call", "PUT", "pools/viacall", "--body", "-", "--id", "call-3", typed="{}")
    assert done.document["id"] == "call-3"
    assert house.refused("call", "POST", "pause", "--body", "{}") == (
        f"refused 拒绝: unprocessable (1010): Object missing required field `id`. {PUT_RIGHT}\n"
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("call", "GET", "events"), "that never ends: use `tidegate events`"),
        (("call", "BREW", "/health"), "METHOD: one of GET, PUT, POST"),
        (("call", "POST", "pause", "--body", "{"), "--body: that is not JSON"),
        (("call", "POST", "pause", "--body", "@no-such-file"),
         "--body @no-such-file: no such file or directory"),
        (("call", "POST", "pause", "--body", '{"id": "a"}', "--id", "b"),
         "--id is not the id in the body"),
        (("pause", "--sku", "A", "--promotion", "b"), "one at a time: --sku or --promotion"),
        (("policy", "set"), "nothing to change: name at least one setting"),
        (("sku", "put", "B", "--list-price-fen", "1", "--part", "A"),
         "--part: write NAME=NUMBER, for example A=2"),
        (("rule", "put", "r", "--scope", "shop", "--limit", "phone=1", "--limit", "phone=2"),
         "--limit: phone is given twice"),
        (("status", "--server", "127.0.0.1:80"),
         "TIDEGATE_SERVER or --server: write an address such as http://127.0.0.1:8080"),
        (("status", "--server", "http://me:word@127.0.0.1"),
         "TIDEGATE_SERVER or --server: write an address such as http://127.0.0.1:8080"),
    ],
)  # fmt: skip
def test_what_is_wrongly_given_ends_with_2(
    house: House, arguments: tuple[str, ...], expected: str
) -> None:
    assert house.wrong(*arguments) == f"tidegate: {expected}\n"


def test_who_interrupts_is_told_how_to_repeat_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tidegate.cli._client.Client.call", interrupted)
    assert house.wrong("pause", "--id", "p-1") == (
        "tidegate: interrupted. What to do: repeat it with --id p-1: it counts once 重发只计一次\n"
    )
    said = house.run("stock", "available", "A", "--channel", "web")
    assert (said.code, said.out) == (130, "")


def test_the_command_itself_ends_with_the_status_and_keeps_the_key_to_itself(house: House) -> None:
    environment = {
        name: text for name, text in os.environ.items() if not name.startswith("TIDEGATE")
    }
    environment |= {"TIDEGATE_SERVER": house.address, "TIDEGATE_KEY": house.keys["ann"],
                    "PYTHONIOENCODING": "latin-1"}  # fmt: skip
    command = [sys.executable, "-m", "tidegate.cli.main", "pool", "put", "last", "--id", "last-1"]
    done = subprocess.run(command, capture_output=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"pool last set \xb7 \\u5e93\\u5b58\\u6c60 last")
    environment["TIDEGATE_SERVER"] = "http://127.0.0.1:1"
    done = subprocess.run(command, capture_output=True, check=False, env=environment)
    assert (done.returncode, done.stdout) == (2, b"")
    assert house.keys["ann"].encode() not in done.stderr
