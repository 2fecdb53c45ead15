"""A shop's people through a backup and a restore: nothing that the copy lacks is taken for granted.

Always real files: the shop is made, served parts are opened, copied, restored elsewhere and opened.
"""

import time
from pathlib import Path

import pytest

from tidegate import bootstrap
from tidegate.bootstrap.people import OpenPeople, open_shop_people, put_way_out, restored_mark
from tidegate.journal.protocol import StoreInUse
from tidegate.people.consent.ledger import Reply
from tidegate.people.gate_port import Allow, Deny
from tidegate.people.messages import outbox as ob
from tidegate.people.messages.port import Wanted
from tidegate.people.messages.templates import Template
from tidegate.people.notices.document import Text
from tidegate.store_paths import StorePaths
from tidegate.testing.people_house import (
    ACTOR,
    NO_FIELDS,
    NOON_MS,
    PUSH,
    SERVICE,
    example_notice,
    fair_screen,
)

ANN, BEN = 11, 12
SHIPPED = Template(
    template="shipped", kind="transactional", purpose=SERVICE, channels=["mail"],
    subject=Text("已发货", "It has left"), body=Text("已发货", "It has left"),
)  # fmt: skip


def opened(store: StorePaths) -> OpenPeople:
    from tidegate.access.secrets import load_secrets

    paths = store.shop("own")
    return open_shop_people(
        "own", paths, load_secrets(paths.secrets), lambda: "Asia/Shanghai", lambda: NOON_MS,
        lambda: 0.0,
    )  # fmt: skip


def agree(here: OpenPeople, person: int, ask: str) -> None:
    people = here.people
    people.notices.serve(people.stream, person, "main", "en", "plain", "start", NOON_MS)
    people.ledger.ask(person, PUSH, fair_screen(ask), ask, ACTOR, NOON_MS)
    people.ledger.answer(person, Reply(ask, f"click-{ask}", True), ACTOR, NOON_MS)


def why(here: OpenPeople, person: int) -> str:
    answer = here.people.gate.may(person, PUSH, NO_FIELDS, "", "", NOON_MS)
    return answer.reason if isinstance(answer, Deny) else ""


@pytest.fixture
def store(tmp_path: Path) -> StorePaths:
    made = StorePaths(tmp_path / "store")
    bootstrap.open_access(made).store.close()
    bootstrap.create_shop(made.shop("own"), "own", "Asia/Shanghai")
    return made


def test_a_restored_copy_opens_nothing_until_its_withdrawals_are_told(
    store: StorePaths, tmp_path: Path
) -> None:
    here = opened(store)
    here.people.notices.publish(here.people.stream, example_notice(), ACTOR, NOON_MS)
    here.people.templates.put(here.people.stream, SHIPPED, ACTOR, NOON_MS)
    agree(here, ANN, "q-ann")
    agree(here, BEN, "q-ben")
    row = here.port.send(Wanted("m-1", ANN, "shipped", "mail", "en", {}), ACTOR)
    granted = here.people.standing.place(ANN, PUSH)
    before = here.proofs.prove(granted)
    bootstrap.back_up(store.root, tmp_path / "copy", lambda *_: None)
    here.people.ledger.withdraw(BEN, PUSH, "click", ACTOR, NOON_MS)  # the copy does not know it
    here.close()

    again = StorePaths(tmp_path / "again")
    bootstrap.restore(tmp_path / "copy", again.root, None, lambda *_: None)
    store.shop("own").secrets.rename(again.shop("own").secrets)
    copy = opened(again)
    assert (why(copy, ANN), why(copy, BEN)) == ("consent_unconfirmed", "consent_unconfirmed")
    assert isinstance(copy.people.gate.may(ANN, SERVICE, NO_FIELDS, "", "", NOON_MS), Allow)
    assert (copy.port.outbox.get(row.id).state, copy.port.outbox.get(row.id).reason) == (
        ob.UNKNOWN, "restored",
    )  # fmt: skip
    assert not restored_mark(again.shop("own")).exists()
    copy.people.ledger.settle([(BEN, PUSH)], "asked by mail", ACTOR, NOON_MS)
    assert (why(copy, ANN), why(copy, BEN)) == ("", "consent_withdrawn")
    proof = copy.proofs.prove(granted)
    assert (proof["event"], proof["salt"]) == (before["event"], before["salt"])
    copy.close()
    last = opened(again)
    assert (why(last, ANN), why(last, BEN)) == ("", "consent_withdrawn")
    last.close()


def test_what_waits_for_a_person_is_told(store: StorePaths) -> None:
    here = opened(store)
    here.people.notices.publish(here.people.stream, example_notice(), ACTOR, NOON_MS)
    here.people.templates.put(here.people.stream, SHIPPED, ACTOR, NOON_MS)
    here.port.send(Wanted("m-1", ANN, "shipped", "mail", "en", {}), ACTOR)
    here.port.outbox.doubt_all(NOON_MS)
    assert here.sending.remark() == ""
    here.sending.start()
    deadline_s = time.monotonic() + 30
    while not here.sending.remark():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    assert here.sending.remark().startswith("1 messages may have arrived or not")
    here.close()


def test_one_process_owns_the_stream(store: StorePaths) -> None:
    here = opened(store)
    with pytest.raises(StoreInUse):
        opened(store)
    here.close()
    opened(store).close()


def test_ways_out_are_checked_when_they_are_described(store: StorePaths, tmp_path: Path) -> None:
    root = store.root
    settings = {"url": "http://127.0.0.1:9/"}
    key = put_way_out(root, "own", "sms", "webhook", settings, "phone", 60, "", bytes)
    assert key == bytes(32).hex()
    assert put_way_out(root, "own", "sms", "webhook", settings, "phone", 9, "", bytes) == ""
    smtp = {"host": "127.0.0.1", "port": 25, "mail_from": "shop@example.com"}
    assert put_way_out(root, "own", "mail", "smtp", smtp, "email", 60, "secret", bytes) == ""
    secrets = store.shop("own").secrets
    assert (secrets / "message-mail.key").read_text("utf-8") == "secret\n"
    assert (secrets / "message-mail.key").stat().st_mode & 0o777 == 0o600
    folder = str(tmp_path / "letters")
    put_way_out(root, "own", "post", "files", {"folder": folder}, "address", 60, "", bytes)
    for kind, wrong in (("pigeon", {}), ("smtp", {"host": "x"}), ("webhook", {"url": "x"})):
        with pytest.raises(ValueError, match=r"settings|webhook|pigeon"):
            put_way_out(root, "own", "none", kind, wrong, "email", 60, "", bytes)
    here = opened(store)
    assert [(way.channel, way.kind, way.per_minute) for way in here.port.outbox.ways()] == [
        ("mail", "smtp", 60), ("post", "files", 60), ("sms", "webhook", 9),
    ]  # fmt: skip
    here.close()
