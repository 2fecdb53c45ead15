"""Orders, exceptions and events by command, against a real server with two shops.

Always the exact words; every order's buyer is made up.
"""

import importlib.util
import json
import re
import time
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


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with HOUSE.opened_house("own", "other") as opened:
        opened.shop = "own"
        opened.did("sku", "put", "A", "--list-price-fen", "1000", "--cost-floor-fen", "500")
        opened.did("stock", "receive", "A", "1000")
        limit = ("--scope", "sku", "--target", "A", "--window", "month", "--limit", "account=6")
        opened.did("rule", "put", "six", *limit)
        yield opened


def text_of(reason: Reason) -> str:
    """A refusal's beginning where the reason's own words say it all."""
    return (
        f"refused 拒绝: {REASON_TEXTS[reason].name} ({int(reason)}): {REASON_TEXTS[reason].english}"
    )


def masked(text: str) -> str:
    """Times and places of events left out, their shape checked."""
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?\+08:00", "AT", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", text)
    return re.sub(r"AT  \d+\.\d+", "AT  PLACE", text)


def test_with_two_shops_one_has_to_be_named(house: House) -> None:
    assert house.wrong("pause", env={"TIDEGATE_SHOP": ""}) == (
        "tidegate: which shop? Give --shop or TIDEGATE_SHOP; there are: other, own\n"
    )


def test_an_unpaid_order_is_held_and_then_goes_all_the_way(house: House) -> None:
    said = house.place("W-1", "--quantity", "3", "--account", "u1", fen=3000)
    held = re.fullmatch(
        r"order W-1 accepted · 已接单, unpaid: held until "
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+08:00 占货至此，逾期释放 \(entry N\)\n",
        said.plain,
    )
    assert held is not None, said.plain
    steps = (
        (("extend", "web", "W-1", "--for", "45m"),
         "web W-1: held for 45m from now · 占货延长 45m"),
        (("pay", "web", "W-1", "--amount-fen", "3000"),
         "web W-1: paid 30.00 · 已付款 30.00 元"),
        (("ship", "web", "W-1", "--line", "0", "--quantity", "1"),
         "web W-1: line 0, 1 unit shipped · 已发货 1 件"),
        (("cancel", "web", "W-1", "--quantity", "1"), "web W-1: 1 unit cancelled · 已取消 1 件"),
        (("ship", "web", "W-1"), "web W-1: shipped · 已发货"),
        (("return", "web", "W-1", "--quantity", "1"), "web W-1: 1 unit returned · 已退货 1 件"),
        (("return", "web", "W-1", "--defective"),
         "web W-1: returned, not fit for sale · 已退货，残次不回库"),
    )  # fmt: skip
    for arguments, expected in steps:
        assert house.did("order", *arguments).plain == f"{expected} (entry N, id ID)\n"
    assert house.refused("order", "ship", "web", "W-1") == (
        f"{text_of(Reason.WRONG_STATE)}. What to do: look at `tidegate order show CHANNEL ID`\n"
    )
    assert masked(house.did("order", "show", "web", "W-1").out) == (
        "web W-1: closed 已完结\n"
        "  line 0: A x 3, 1 cancelled, 2 shipped, 2 returned\n"
        "  AT  PLACE  order: accepted, units held until TIME · 已接单，占货至 TIME\n"
        "  AT  PLACE  extend: hold extended until TIME · 占货延长至 TIME\n"
        "  AT  PLACE  pay: paid 30.00 · 已付款 30.00 元\n"
        "  AT  PLACE  ship: line 0: 1 unit shipped · 第 0 行：发货 1 件\n"
        "  AT  PLACE  cancel: 1 unit cancelled · 取消 1 件\n"
        "  AT  PLACE  ship: 1 unit shipped · 发货 1 件\n"
        "  AT  PLACE  return: 1 unit returned to stock · 退货 1 件，已回库\n"
        "  AT  PLACE  return_defective: 1 unit returned, not fit for sale"
        " · 退货 1 件，残次不回库\n"
        "  AT  PLACE  ship: refused: the order is not in a state that allows this (it is closed)"
        " · 拒绝：订单状态不允许此操作（已完结）\n"
    )
    found = house.did("order", "show", "web", "W-1", "--json").document
    assert (found["order"]["state"], len(found["events"])) == ("closed", 9)


def test_an_order_sent_again_counts_once(house: House) -> None:
    before = house.available("A")
    first = house.place("W-2", "--account", "u2", "--paid", "--json").document
    assert {name: first[name] for name in ("id", "reason")} == {"id": "W-2", "reason": "accepted"}
    assert house.place("W-2", "--account", "u2", "--paid").plain == (
        "order W-2 accepted · 已接单 (entry N, sent before, counted once 重复订单，只计一次)\n"
    )
    assert house.available("A") == before - 1
    other = (
        "--quantity",
        "2",
        "--receivable-fen",
        "2000",
        "--account",
        "u2",
        "--paid",
        "--id",
        "W-2",
    )
    assert house.refused("order", "place", "--channel", "web", "--sku", "A", *other) == (
        f"{text_of(Reason.ID_REUSED)}. What to do: leave --id out, or repeat exactly what was sent "
        "under it\n"
    )


def test_a_refused_order_says_the_numbers_now_and_later(house: House) -> None:
    house.place("W-3", "--quantity", "4", "--account", "u3", "--paid", fen=4000)
    order = ("order", "place", "--channel", "web", "--sku", "A", "--account", "u3",
             "--quantity", "3", "--receivable-fen", "3000", "--id", "W-4")  # fmt: skip
    assert house.refused(*order) == (
        "refused 拒绝: limit_exceeded (14): limit 6 a month, has 4, asked 3. What to do: ask for "
        "less, or let two people approve more: `tidegate exception propose`\n"
    )
    assert house.refused(*order, env={"LANG": "zh_CN.UTF-8"}) == (
        "refused 拒绝: limit_exceeded (14)：每月限 6 件，已有 4，本次 3。怎么办：减少数量，或由两人"
        "特批：`tidegate exception propose`\n"
    )
    story = house.did("order", "show", "web", "W-4").out
    assert story.splitlines()[:2] == ["web W-4: refused 已拒单", "  line 0: A x 3"]
    assert "(six: limit 6 a month, has 4, asked 3)" in story.splitlines()[2]
    assert house.refused("order", "show", "web", "W-99") == (
        "refused 拒绝: not_found (1004): no such order, or its story is not there yet. "
        "What to do: check the shop and the codes that you named\n"
    )


def test_an_order_comes_from_a_file_or_standard_input(house: House, tmp_path: Path) -> None:
    order = {
        "id": "F-1",
        "channel": "web",
        "paid": True,
        "charged_fen": 3000,
        "buyer": {"account": "u5", "phone": "+8613800138000"},
        "verified": ["account", "phone"],
        "lines": [
            {"sku": "A", "quantity": 2, "receivable_fen": 2000},
            {"sku": "A", "quantity": 1, "receivable_fen": 1000},
        ],
    }
    file = tmp_path / "order.json"
    file.write_text(json.dumps(order), "utf-8")
    assert house.did("order", "place", str(file)).plain == (
        "order F-1 accepted · 已接单 (entry N)\n"
    )
    again = house.did("order", "place", "-", typed=json.dumps(order))
    assert again.plain.endswith("(entry N, sent before, counted once 重复订单，只计一次)\n")
    assert house.wrong("order", "place", str(file), "--id", "F-2") == (
        "tidegate: --id is not the id in the file\n"
    )
    assert house.wrong("order", "place", str(file), "--sku", "A") == (
        "tidegate: the file says it all: leave --sku out\n"
    )
    for content, why in (
        ("{", "not JSON at line 1, column 2"),
        ("[]", "one JSON object, one order (many: `tidegate call --ndjson`)"),
        (" " * 16_385, "an order has at most 16384 bytes"),
    ):
        file.write_text(content, "utf-8")
        assert house.wrong("order", "place", str(file)) == f"tidegate: {file}: {why}\n"
    file.write_bytes(b'{"id": "\xff"}')
    assert house.wrong("order", "place", str(file)) == f"tidegate: {file}: not UTF-8\n"
    assert house.wrong("order", "place", "-", typed='{"id": "a", "id": "b"}') == (
        "tidegate: the order names a key twice\n"
    )
    assert house.wrong("order", "place", "--sku", "A") == (
        "tidegate: name a FILE, or --channel, --sku, --quantity and --receivable-fen\n"
    )


def test_many_orders_go_through_call(house: House) -> None:
    one = {"channel": "web", "paid": True, "placed_at": time.time_ns() // 1_000_000,
           "charged_fen": 1000, "lines": [{"sku": "A", "quantity": 1, "receivable_fen": 1000}],
           "buyer": {"account": "u6"}, "verified": ["account"]}  # fmt: skip
    many = "".join(json.dumps({"id": f"N-{number}", **one}) + "\n" for number in range(7))
    said = house.did("call", "POST", "orders:batch", "--ndjson", "--body", "-", typed=many)
    found = [json.loads(line) for line in said.out.splitlines()]
    assert [(line["id"], line["status"]) for line in found] == [
        *((f"N-{number}", 201) for number in range(6)),
        ("N-6", 409),
    ]


def test_a_marketplaces_sale_is_judged_released_or_kept_back(house: House) -> None:
    house.did("stock", "receive", "A", "10", "--pool", "tmall")
    sale = ("order", "place", "--sale", "--channel", "tmall", "--sku", "A", "--paid")
    good = (*sale, "--quantity", "2", "--receivable-fen", "2000", "--account", "m1", "--id", "S-1")
    assert house.did(*good).plain == "sale S-1 recorded · 已记录 (entry N)\n"
    assert house.did("order", "hold", "tmall", "S-1").plain == (
        "tmall S-1: kept back · 已挂起 (entry N, id ID)\n"
    )
    assert house.refused("order", "release", "tmall", "S-1") == (
        f"{text_of(Reason.HELD_BY_PERSON)}. What to do: put that right and give the command again\n"
    )
    more = (*sale, "--quantity", "1", "--receivable-fen", "1000", "--account", "m2", "--id", "S-2")
    assert house.did(*more).plain == "sale S-2 recorded · 已记录 (entry N)\n"
    assert house.did("order", "release", "tmall", "S-2").plain == (
        "tmall S-2: released · 已放行 (entry N, id ID)\n"
    )
    bad = (*sale, "--quantity", "20", "--receivable-fen", "200", "--account", "m3", "--id", "S-3")
    assert house.did(*bad).plain == (
        "sale S-3 recorded · 已记录, kept from release 暂不放行: price_below_floor, "
        "limit_exceeded, stock_short, oversold 超卖 13 (entry N)\n"
    )


def test_an_exception_takes_two_people(house: House) -> None:
    ends = time.strftime("%Y-%m-%dT%H:%M:%S+08:00", time.localtime(time.time() + 3600))
    wish = ("--sku", "A", "--floor-fen", "100", "--units", "5", "--exempt", "limit_exceeded",
            "--until", ends, "--note", "night of the 26th")  # fmt: skip
    assert house.did("exception", "list").out == "nothing waits · 没有待批准的提议\n"
    made = house.did("exception", "propose", "cheap", *wish).out
    proposal, digest = re.findall(r"^([0-9a-f]{32}) |digest ([0-9a-f]{64})$", made, re.MULTILINE)
    shown = (
        f"{proposal[0]}  cheap: A from 1.00 元, 5 units, until {ends.replace('T', ' ')}\n"
        "  lifts 豁免: limit_exceeded\n"
        "  note 备注: night of the 26th\n"
        f"  digest {digest[1]}\n"
    )
    assert made == (
        f"{shown}waits for a second person · 待另一人批准: tidegate exception approve cheap\n"
    )
    assert house.did("exception", "list").out == shown
    listed = house.did("exception", "list", "--json").document["proposals"]
    assert [found["proposal"] for found in listed] == [proposal[0]]
    assert house.wrong("exception", "approve", "cheap", who="bob") == (
        f"{shown}tidegate: nobody to ask here: approve what you read with --digest\n"
    )
    line = house.refused("exception", "approve", "cheap", "--digest", digest[1])
    assert line == (
        "refused 拒绝: approval_needed (1020): both keys belong to one person; somebody else has "
        "to approve. What to do: two different people must agree: `tidegate exception list`\n"
    )
    approve = ("exception", "approve", proposal[0][:8], "--digest", digest[1])
    done = house.did(
        *approve,
        who="bob",
    ).plain.replace(proposal[0], "PROPOSAL")
    assert done == "exception cheap approved · 特批已批准 (entry N, id PROPOSAL)\n"
    cheap = ("--quantity", "5", "--account", "u1", "--exception", "cheap", "--paid")
    assert house.place("X-1", *cheap, fen=500).plain == "order X-1 accepted · 已接单 (entry N)\n"
    assert house.did("exception", "end", "cheap").plain == (
        "exception cheap ended · 特批 cheap 已终止 (entry N, id ID)\n"
    )
    assert house.wrong("exception", "approve", "cheap", who="bob") == (
        "tidegate: nothing waits under cheap: see `tidegate exception list`\n"
    )


def test_who_is_asked_at_the_terminal_decides(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.cli.exception.somebody_is_there", lambda: True)
    wish = ("--sku", "A", "--floor-fen", "100", "--units", "5", "--for", "1h")
    house.did("exception", "propose", "asked", *wish)
    shown = house.did("exception", "list").out
    question = "Approve exactly this? 批准以上内容？ [y/N] "
    said = house.run("exception", "approve", "asked", who="bob", typed="n\n")
    assert (said.code, said.err) == (2, f"{shown}{question}tidegate: not approved\n")
    said = house.run("exception", "approve", "asked", who="bob", typed="y\n")
    assert (said.code, said.err) == (0, f"{shown}{question}")
    assert said.plain.startswith("exception asked approved · 特批已批准 (entry N, id ")


def test_a_proposal_can_be_taken_back(house: House) -> None:
    wish = ("--sku", "A", "--floor-fen", "0", "--units", "1", "--for", "2h")
    made = house.did("exception", "propose", "second", *wish, "--json").document
    said = house.did("exception", "withdraw", made["proposal"][:6])
    assert said.out == f"proposal {made['proposal']} withdrawn · 提议已撤回\n"
    assert house.did("exception", "list", "--json").document == {"proposals": []}
    for options, why in (
        ((), "say when it ends: --until or --for"),
        (("--for", "2 hours"), "--for: write a span such as 90s, 45m, 2h or 3d"),
        (("--until", "2099-01-01T00:00"),
         "--until: write a time with its offset: 2026-10-26T12:00+08:00"),
    ):  # fmt: skip
        line = house.wrong("exception", "propose", "third", *wish[:-2], *options)
        assert line == f"tidegate: {why}\n"


def test_events_are_followed_from_any_entry(house: House) -> None:
    first = house.place("E-1", "--account", "u7", "--paid", "--json").document["seq"]
    house.did("pause", "--sku", "A")
    house.did("resume", "--sku", "A")
    house.until_followed()
    said = house.did("events", "--after", str(first - 1), "--count", "3", "--json")
    found = [json.loads(line) for line in said.out.splitlines()]
    assert [(event["seq"], event["event"], event["reason"]) for event in found] == [
        (first, "order", "accepted"),
        (first + 1, "command", "accepted"),
        (first + 2, "command", "accepted"),
    ]
    lines = house.did("events", "--after", str(first - 1), "--count", "2").out.splitlines()
    assert [re.sub(r"^\d+  [-\d]+ [:\d]+\+08:00", "AT", line) for line in lines] == [
        "AT  order  accepted (0)  web  A x 1",
        "AT  command  accepted (0)  flag_set",
    ]


def test_after_a_restart_the_same_id_still_counts_once(house: House) -> None:
    first = house.place("R-1", "--account", "u8", "--paid", "--json").document
    house.server.kill()
    while house.server.status("/ready"):
        pass  # its desk, a process of its own, is about to be gone
    assert house.wrong("pause") == (
        f"tidegate: no server at {house.address} (connection refused). What to do: start it "
        "(`tidegate serve`), or set TIDEGATE_SERVER\n"
    )
    house.server.start()
    again = house.place("R-1", "--account", "u8", "--paid", "--json").document
    assert (again["id"], again["duplicate"], first["reason"]) == ("R-1", True, "accepted")
