"""Publishing when things die: a check, the process between two steps, the prices under its feet.

Always ends in one of two ways: wholly published, or not at all and told what to do. A check that
gives no answer counts as "not proved".
"""

import asyncio
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from tidegate import bootstrap
from tidegate.desk.answers import Undecided
from tidegate.domain.reasons import Reason
from tidegate.pricing.problems import PromotionsRefused
from tidegate.pricing.publishing import Checked, Terms
from tidegate.pricing.standing import PricedSku, ShopPrices
from tidegate.publishing.checker import WAITING_MAX, ChecksBusy, ProcessChecker
from tidegate.publishing.checking import CheckAsked, CheckDone
from tidegate.publishing.publication import NotPublishable
from tidegate.publishing.shop_publishing import ShopPublishing
from tidegate.publishing.store import Draft, Drafts, DraftsUnavailable
from tidegate.publishing.watching import TRIES
from tidegate.record import facts as f
from tidegate.store_paths import StorePaths

RULES = Path(__file__).parents[1] / "rules"


def house_module() -> ModuleType:
    """tests/rules/publishing_house.py, which is in no package."""
    spec = importlib.util.spec_from_file_location("publishing_h", RULES / "publishing_house.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


house = house_module()
House, promotion, run = house.House, house.promotion, house.run
NOW_MS = house.NOW_MS
ASKED = CheckAsked(ShopPrices(7, (PricedSku("A", 1_000, 500),)), NOW_MS, (promotion(),), 0.1)
WISH: dict[str, Any] = {
    "reason": "clearance", "terms": Terms(3), "expires_ms": NOW_MS + 3_600_000,
}  # fmt: skip


def said(*command: str, grace_s: float = 20.0) -> Checked:
    """What a checker with that process answers."""

    async def scene() -> Checked:
        checker = ProcessChecker(command, grace_s)
        done = await checker.check(ASKED)
        await checker.close()
        assert done.version == 7
        return done.checked

    return asyncio.run(scene())


@pytest.mark.parametrize(("program", "why"), [
    ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "without an answer (status -9)"),
    ("raise SystemExit(3)", "without an answer (status 3)"),
    ("print('proved')", "without an answer"),
    ("import sys; sys.stdin.buffer.read(3)", "without an answer"),
])  # fmt: skip
def test_a_check_that_dies_or_talks_nonsense_is_unknown(program: str, why: str) -> None:
    found = said(sys.executable, "-c", program)
    assert found.verdict == "unknown"
    assert why in found.why


def test_a_check_that_hangs_is_ended_and_unknown() -> None:
    found = said(sys.executable, "-c", "import time; time.sleep(60)", grace_s=0.2)
    assert (found.verdict, found.why) == ("unknown", "the check did not end in its time")


def test_a_program_that_is_not_there_is_unknown() -> None:
    assert said("/no/such/program").verdict == "unknown"


def test_the_process_answers_what_the_guard_says() -> None:
    async def scene() -> None:
        checker = ProcessChecker()
        asked = msgspec.structs.replace(ASKED, budget_s=20.0)
        for _ in range(2):
            assert (await checker.check(asked)).checked.verdict == "proved"
        assert checker.started == 1  # it stays, since it knows its last proofs
        wrong = msgspec.structs.replace(asked, proposed=(promotion(end_ms=NOW_MS),))
        with pytest.raises(PromotionsRefused, match="it ends before it starts"):
            await checker.check(wrong)
        assert (await checker.check(asked)).checked.verdict == "proved"
        assert checker.started == 1
        await checker.close()

    asyncio.run(scene())


async def begun(checker: ProcessChecker) -> None:
    """Its process runs."""
    async with asyncio.timeout(20):
        while checker.running is None:  # noqa: ASYNC110 -- the checker tells nobody when it starts
            await asyncio.sleep(0.005)


def test_a_check_whose_process_was_killed_is_unknown_and_the_next_one_is_answered() -> None:
    async def scene() -> None:
        checker = ProcessChecker()
        asked = msgspec.structs.replace(ASKED, budget_s=20.0)
        first = asyncio.create_task(checker.check(asked))
        await begun(checker)
        checker.running.kill()
        assert (await first).checked.verdict == "unknown"
        assert (await checker.check(asked)).checked.verdict == "proved"
        assert checker.started == 2
        await checker.close()

    asyncio.run(scene())


def test_a_check_that_nobody_waits_for_any_more_answers_no_other() -> None:
    async def scene() -> None:
        checker = ProcessChecker()
        asked = msgspec.structs.replace(ASKED, budget_s=20.0)
        left = asyncio.create_task(checker.check(asked))
        await begun(checker)
        left.cancel()
        await asyncio.gather(left, return_exceptions=True)
        below = msgspec.structs.replace(asked, proposed=(promotion(pay_bp=100),))
        assert (await checker.check(below)).checked.verdict == "below_floor"
        await checker.close()

    asyncio.run(scene())


def test_more_checks_than_may_wait_are_told_to_come_again() -> None:
    """And the watch has a checker of its own, so that no flood of drafts keeps it waiting."""

    async def scene() -> None:
        checker = ProcessChecker()
        asked = msgspec.structs.replace(ASKED, budget_s=20.0)
        many = (checker.check(asked) for _ in range(WAITING_MAX + 3))
        found = await asyncio.gather(*many, return_exceptions=True)
        verdicts = [one.checked.verdict for one in found if isinstance(one, CheckDone)]
        assert verdicts == ["proved"] * WAITING_MAX
        assert [type(one) for one in found[WAITING_MAX:]] == [ChecksBusy] * 3
        assert (await checker.check(asked)).checked.verdict == "proved"
        await checker.close()

    asyncio.run(scene())


def test_a_shop_has_two_checkers(tmp_path: Path) -> None:
    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        own = ShopPublishing(there.desk, tmp_path / "own.db", there.clock.now_ms)
        assert own.watching.checker is not own.service.checker
        await own.stop()
        await there.close()

    run(scene())


def test_a_checker_that_nobody_asks_gives_its_memory_back() -> None:
    async def scene() -> None:
        checker = ProcessChecker(idle_s=0.0)
        asked = msgspec.structs.replace(ASKED, budget_s=20.0)
        for started in (1, 2):
            assert (await checker.check(asked)).checked.verdict == "proved"
            process = checker.running
            assert (await process.wait(), checker.started) == (0, started)
        await checker.close()

    asyncio.run(scene())


def test_a_check_that_died_still_has_a_name_and_two_people_may_take_it_on(tmp_path: Path) -> None:
    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        there.checker.says = Checked("unknown", "it died")
        wish = WISH | {"terms": Terms(3, {}, {"A": 700})}
        approval = await there.forced(promotion(), wish)
        assert (await there.service.approved(approval, "agreed")).reason == Reason.ACCEPTED
        assert "P" in there.desk.catalogue.published
        await there.close()

    run(scene())


def test_what_stands_is_paused_when_no_check_answers_three_times(tmp_path: Path) -> None:
    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        await there.publish(promotion())
        there.checker.says = Checked("unknown", "it died")
        for _ in range(TRIES - 1):
            assert await there.watching.look()
            assert not there.paused("P")
        assert await there.watching.look()
        assert there.paused("P")
        assert "it died" in there.watching.remark()
        await there.close()

    run(scene())


def test_a_restart_between_check_and_publish_loses_nothing(tmp_path: Path) -> None:
    async def first() -> tuple[Any, str]:
        there = House(tmp_path)
        await there.desks.open()
        await there.service.put(promotion(), "", 1)
        draft = await there.service.check("P")
        await there.close()
        return there.desks.store, draft.check.digest

    async def second(store: Any, digest: str) -> None:  # noqa: ANN401
        there = House(tmp_path, store)
        there.desks.start()
        answer = await there.service.publish("P", digest, "later", house.ANN)
        assert answer.reason == Reason.ACCEPTED
        assert there.prices.books.present().book.codes == ["P"]
        assert await there.watching.look()  # what stands is looked at once after a start
        assert not await there.watching.look()
        await there.close()

    store, digest = asyncio.run(first())
    asyncio.run(second(store, digest))


def test_prices_that_moved_while_it_was_down_make_it_stale(tmp_path: Path) -> None:
    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        await there.service.put(promotion(), "", 1)
        draft = await there.service.check("P")
        await there.say(f.PutSku("A", 1_000, 900))
        answer = await there.service.publish("P", draft.check.digest, "late", house.ANN)
        assert answer.reason == Reason.PRICING_MOVED
        assert "P" not in there.desk.catalogue.published
        assert (await there.service.get("P")).check is None
        await there.close()

    run(scene())


def test_an_approval_that_was_cut_off_is_finished_by_giving_it_again(tmp_path: Path) -> None:
    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        approval = await there.forced(promotion(pay_bp=1_000), WISH)
        real = there.service.desk

        class CutOff:
            """A desk that dies before it takes a publication."""

            shop = "shop"
            machine = real.machine

            def command(self, command: f.Command, *rest: Any) -> Any:  # noqa: ANN401
                if isinstance(command, f.PublishPromotion):
                    raise Undecided
                return real.command(command, *rest)

        there.service.desk = CutOff()
        with pytest.raises(Undecided):
            await there.service.approved(approval, "agreed")
        assert len(there.desk.catalogue.exceptions) == 1
        assert there.desk.catalogue.published == {}
        there.service.desk = real
        for _ in range(2):
            answer = await there.service.approved(approval, "agreed")
            assert answer.reason == Reason.ACCEPTED
        assert len(there.desk.catalogue.exceptions) == 1
        assert list(there.desk.catalogue.published) == ["P"]
        await there.close()

    run(scene())


def test_prices_that_moved_before_the_second_word_end_its_exceptions(tmp_path: Path) -> None:
    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        approval = await there.forced(promotion(pay_bp=1_000), WISH)
        await there.say(f.PutSku("A", 1_000, 600))
        for _ in range(2):
            answer = await there.service.approved(approval, "agreed")
            assert answer.reason == Reason.PRICING_MOVED
        number = next(iter(there.desk.catalogue.exceptions.values()))
        assert int(there.desk.machine.state.exceptions[number]["known"]) == 0
        assert there.desk.catalogue.published == {}
        await there.close()

    run(scene())


def test_of_several_who_publish_at_one_version_one_succeeds(tmp_path: Path) -> None:
    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        digests = {}
        for code in ("P", "Q", "R"):
            await there.service.put(promotion(code), "", 1)
            digests[code] = (await there.service.check(code)).check.digest
        answers = await asyncio.gather(
            *(there.service.publish(code, digest, code, house.ANN)
              for code, digest in digests.items())
        )  # fmt: skip
        reasons = sorted(int(answer.reason) for answer in answers)
        assert reasons == [Reason.ACCEPTED, Reason.PRICING_MOVED, Reason.PRICING_MOVED]
        assert len(there.desk.catalogue.published) == 1
        await there.close()

    run(scene())


def test_a_draft_that_changed_while_it_was_checked_is_not_called_checked(tmp_path: Path) -> None:
    async def scene() -> None:
        there = House(tmp_path)
        await there.desks.open()
        await there.service.put(promotion(), "", 1)
        real = there.checker.check

        async def slow(asked: CheckAsked) -> Any:  # noqa: ANN401
            await there.service.put(promotion(pay_bp=100), "", 1)
            return await real(asked)

        there.checker.check = slow
        with pytest.raises(NotPublishable, match="changed while it was checked"):
            await there.service.check("P")
        assert (await there.service.get("P")).check is None
        await there.close()

    run(scene())


def test_drafts_that_cannot_be_written_are_told_so(tmp_path: Path) -> None:
    drafts = Drafts(tmp_path / "publishing.db", lambda: NOW_MS)
    drafts.close()
    with pytest.raises(DraftsUnavailable):
        drafts.all()


def test_drafts_and_shadows_are_in_a_backup_and_come_back(tmp_path: Path) -> None:
    paths = StorePaths(tmp_path / "store")
    access = bootstrap.open_access(paths)
    bootstrap.create_shop(paths.shop("own"), "own", "Asia/Shanghai")
    drafts = Drafts(paths.shop("own").publishing, lambda: NOW_MS)
    kept = drafts.put(Draft(promotion(), "tmall", "shadowed"))
    bootstrap.back_up(paths.root, tmp_path / "copy", lambda *_: None)  # while it is open
    drafts.close()
    access.store.close()
    bootstrap.restore(tmp_path / "copy", tmp_path / "again", None, lambda *_: None)
    again = Drafts(StorePaths(tmp_path / "again").shop("own").publishing, lambda: NOW_MS)
    assert again.all() == [kept]
    again.close()
