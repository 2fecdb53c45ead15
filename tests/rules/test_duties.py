"""What a shop must be able to show: complete, approved by a second person, kept, nobody in it."""

import json
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from tidegate.people.duties.documents import Assessment, Breach, DocumentIncomplete, Paper
from tidegate.people.duties.inspection import manifest, pages, write_pack
from tidegate.people.duties.store import VALID_DAYS, Duties, DutyRefused
from tidegate.people.vault.events import DocumentFiled
from tidegate.people.vault.parts import Asking
from tidegate.testing.rights_house import ANN, BOB, OPERATOR, RightsHouse
from tidegate.testing.vault_house import ANNS, DAY

OTHER = 0x0B
WHOLE = Assessment(
    "marketing.push", "automated_decision", "consent, one purpose", "may annoy", "quiet hours"
)
LEAK = Breach(
    "a sheet was sent to the wrong warehouse", ("phone", "address"), "wrong folder",
    "unwanted calls", "sheet deleted, warehouse confirmed in writing", "privacy officer", 2,
)  # fmt: skip


@pytest.fixture
def rights(tmp_path: Path) -> Iterator[RightsHouse]:
    found = RightsHouse(tmp_path)
    found.fill()
    yield found
    found.close()


@pytest.fixture
def duties(rights: RightsHouse) -> Iterator[Duties]:
    found = Duties(rights.folder / "duties.db")
    found.begin(rights.house.vault)
    yield found
    found.close()


@pytest.mark.parametrize(
    ("document", "name"),
    [
        (msgspec.structs.replace(WHOLE, lawful_and_necessary=""), "lawful_and_necessary"),
        (msgspec.structs.replace(WHOLE, effect_and_risk=" "), "effect_and_risk"),
        (msgspec.structs.replace(WHOLE, measures=""), "measures"),
        (msgspec.structs.replace(WHOLE, trigger="fun"), "trigger"),
        (msgspec.structs.replace(WHOLE, measures="ask 13812345678"), "measures"),
        (msgspec.structs.replace(LEAK, kinds=()), "kinds"),
        (msgspec.structs.replace(LEAK, kinds=("shoe size",)), "kinds"),
        (msgspec.structs.replace(LEAK, cause=""), "cause"),
        (msgspec.structs.replace(LEAK, contact=""), "contact"),
        (msgspec.structs.replace(LEAK, is_harm_avoided=True), "judged_by"),
        (Paper("rules", "", "shelf"), "title"),
    ],
)
def test_what_the_law_asks_for_is_not_left_out_and_nobody_is_named(
    duties: Duties, document: Assessment | Breach | Paper, name: str
) -> None:
    with pytest.raises(DocumentIncomplete, match=f"^{name}"):
        duties.file(OPERATOR, "x", document)
    assert duties.all() == []


def test_an_assessment_counts_when_somebody_else_approved_it(duties: Duties) -> None:
    filed = duties.file(OPERATOR, "", WHOLE)
    assert not duties.is_assessed("marketing.push", DAY)
    with pytest.raises(DutyRefused, match="somebody else"):
        duties.approve(OPERATOR, "assessment", "marketing.push", 1)
    duties.approve(OTHER, "assessment", "marketing.push", 1)
    assert duties.is_assessed("marketing.push", DAY)
    assert duties.is_assessed("marketing.push", DAY + VALID_DAYS)
    assert not duties.is_assessed("marketing.push", DAY + VALID_DAYS + 1)
    assert not duties.is_assessed("order.fulfil", DAY)
    events = [recorded.event for recorded in duties.vault.parts.stream.after(0)]
    on_record = [event for event in events if isinstance(event, DocumentFiled)]
    assert [(event.kind, event.sha256) for event in on_record] == [
        ("assessment", filed.sha256), ("assessment_approved", filed.sha256),
    ]  # fmt: skip


def test_an_assessment_is_of_the_purpose_as_it_was(rights: RightsHouse, duties: Duties) -> None:
    duties.file(OPERATOR, "", WHOLE)
    duties.approve(OTHER, "assessment", "marketing.push", 1)
    register = rights.house.register
    changed = msgspec.structs.replace(
        register.purposes["marketing.push"], recipients=("partner",), needs_assessment=True
    )
    rights.house.register = msgspec.structs.replace(
        register, purposes=register.purposes | {"marketing.push": changed}
    )
    duties.begin(rights.house.reopen())
    assert not duties.is_assessed("marketing.push", DAY)
    assert duties.missing() == ["marketing.push"]
    with pytest.raises(DutyRefused, match="no purpose"):
        duties.file(OPERATOR, "", msgspec.structs.replace(WHOLE, purpose="fun"))


def test_versions_are_kept_three_years_and_the_last_one_for_ever(
    rights: RightsHouse, duties: Duties
) -> None:
    for version in (1, 2):
        paper = Paper("plan", f"incident plan {version}", "the office")
        assert duties.file(OPERATOR, "incident", paper).version == version
    rights.house.days.day = DAY + 1096
    assert duties.prune() == 0
    rights.house.days.day = DAY + 1097
    assert duties.prune() == 1
    assert [one.version for one in duties.all("paper", "incident")] == [2]


def test_whom_a_breach_may_have_hit_is_found_by_what_is_held(duties: Duties) -> None:
    assert duties.affected(frozenset({"phone"})) == [ANN, BOB]
    assert duties.affected(frozenset({"trade_name"})) == [ANN]
    assert duties.affected(frozenset({"device"})) == []


def test_a_pack_says_everything_about_nobody(rights: RightsHouse, duties: Duties) -> None:
    duties.file(OPERATOR, "", WHOLE)
    duties.file(OPERATOR, "wrong-sheet", LEAK)
    read = rights.house.vault.reading.read
    read(Asking(OPERATOR, "order.fulfil"), ANN, ["phone"], whole=True)
    request = rights.identified(ANN, "access")
    rights.desk.show(OPERATOR, request.id)
    made = pages(rights.house.vault, rights.desk, rights.store, duties)
    assert made["register"]["values_held"]["phone"] == 2
    assert made["readings"]["read"] == [
        {"purpose": purpose, "basis": basis, "operator": f"{OPERATOR:016x}", "times": 1}
        for purpose, basis in (("order.fulfil", "contract"), ("rights.answer", "legal_duty"))
    ]
    assert [(one["kind"], one["state"]) for one in made["requests"]["requests"]] == [
        ("access", "done")
    ]
    made["manifest"] = manifest(made, lambda _: b"\x01\x02", "tea")
    assert made["manifest"]["signature"] == "0102"
    path = write_pack(rights.folder / "pack.zip", made, "tea")
    with zipfile.ZipFile(path) as archive:
        said = json.loads(archive.read("manifest.json"))["pages"]
        assert len(archive.namelist()) == 16
        assert said == {
            name: sha256(archive.read(f"{name}.json")).hexdigest()
            for name in made
            if name != "manifest"
        }
        content = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert [one.value for one in ANNS if one.value in content] == []
