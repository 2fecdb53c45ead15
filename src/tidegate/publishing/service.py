"""Publishing for one shop: draft, check, two people where it takes them, and the journal's word.

Always: what is published is what was checked, byte for byte, at the pricing version it was checked
at; the engine refuses the rest. A step that was given up half-way is taken up by giving it again.
Never: a draft, a check or a proposal changes a price.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
import structlog

from tidegate.access.approvals import Approval, Proposal
from tidegate.access.principal import Principal
from tidegate.desk.answers import CommandAnswer
from tidegate.domain.reasons import Reason
from tidegate.pricing.promotion import Promotion, canonical
from tidegate.pricing.publishing import (
    CHECKED,
    DRAFT,
    EXCEPTION_MS_MAX,
    PROPOSED,
    PROVED,
    SHADOWED,
    Allowed,
    exceptions_for,
)
from tidegate.publishing.books import PriceBooks, surroundings_of
from tidegate.publishing.bounds import COLLAR
from tidegate.publishing.budgets import rule_codes, rules_of
from tidegate.publishing.checker import Checker, ChecksBusy
from tidegate.publishing.checking import CheckAsked, CheckDone, unknown
from tidegate.publishing.publication import (
    DraftMissing,
    ForceWish,
    NotPublishable,
    Proposed,
    Publication,
    checked_of,
    digest_of,
    publication_of,
)
from tidegate.publishing.shadows import as_told, shadowed
from tidegate.publishing.store import Draft, Drafts
from tidegate.record import facts as f

CHECK_BUDGET_S = 12.0  # two of them, one after the other, are shorter than a caller waits
PROPOSAL_TTL_MS = 86_400_000
NOTE_HALF = 99  # two reasons share a note of 200

Received = Callable[[int], Mapping[int, int]]  # now -> SKU number -> fen of a unit; reads files

log = structlog.get_logger("tidegate.publishing")


class DeskGiven(Protocol):
    """What is asked of a desk."""

    shop: str

    @property
    def machine(self) -> Any:  # noqa: ANN401  the engine's
        """The engine, to look at."""

    def command(
        self, command: f.Command, command_id: str, actor: int, approver: int = 0
    ) -> asyncio.Future[CommandAnswer]:
        """Decide a command."""


class Proposing(Protocol):
    """Where proposals wait for a second person."""

    def propose(
        self, shop: str, content: bytes, proposer: Principal, reason: str, ttl_ms: int,
        request_id: str = "",
    ) -> Proposal:  # fmt: skip
        """Keep it for a second person."""


class Publishing:
    """See the module. Lives on the desk's loop."""

    def __init__(
        self, desk: DeskGiven, books: PriceBooks, drafts: Drafts, checker: Checker
    ) -> None:
        self.desk = desk
        self.books = books
        self.drafts = drafts
        self.checker = checker
        self.received: Received | None = None  # None: nobody counts what is sold

    # -- drafts -----------------------------------------------------------------------------------

    async def put(self, promotion: Promotion, shadow_channel: str, author: int) -> Draft:
        """Keep a draft; whatever was checked of the one before counts no more."""
        draft = Draft(promotion, shadow_channel, DRAFT, author=author)
        return await asyncio.to_thread(self.drafts.put, draft)

    async def get(self, code: str) -> Draft:
        """A draft. Raises DraftMissing."""
        draft = await asyncio.to_thread(self.drafts.get, code)
        if draft is None:
            raise DraftMissing(code)
        return draft

    async def all(self) -> list[Draft]:
        """Every draft and shadow."""
        return await asyncio.to_thread(self.drafts.all)

    async def drop(self, code: str) -> None:
        """Forget a draft. What was published of it stays. Raises DraftMissing."""
        if not await asyncio.to_thread(self.drafts.drop, code):
            raise DraftMissing(code)

    # -- checking ---------------------------------------------------------------------------------

    async def check(self, code: str) -> Draft:
        """Ask the guard. Raises DraftMissing, PromotionsRefused."""
        draft = await self.get(code)
        done = await self._checked((draft.promotion,), draft.shadow_channel)
        now = await self.get(code)
        if now.promotion != draft.promotion:
            raise NotPublishable("the draft changed while it was checked: check it again")
        state = SHADOWED if draft.shadow_channel else CHECKED
        kept = msgspec.structs.replace(now, state=state, check=done, proposal="")
        return await asyncio.to_thread(self.drafts.put, kept)

    async def shadow(
        self, channel: str, promotions: Sequence[Promotion], author: int
    ) -> tuple[list[Draft], CheckDone]:
        """Keep what a platform's back office was told, and check all of it together.

        Malformed promotions are refused before any is kept. Raises PromotionsRefused,
        NotPublishable where a draft of that code is something else.
        """
        there = {one.code: one for one in await self.all()}
        taken = [
            one.code for one in promotions
            if one.code in there and there[one.code].shadow_channel != channel
        ]  # fmt: skip
        if taken:
            raise NotPublishable(
                f"{taken[0]} is a draft of another kind or channel: drop it, or use other codes"
            )
        done = await self._checked(tuple(promotions), channel)
        kept = [Draft(one, channel, SHADOWED, done, author=author) for one in promotions]
        return await asyncio.to_thread(self.drafts.put_all, kept), done

    async def _checked(self, proposed: tuple[Promotion, ...], channel: str) -> CheckDone:
        """What the guard says of some promotions, here or at a platform."""
        prices, surroundings = self.books.facts(), surroundings_of(self.desk)
        now_ms = self.desk.machine.now_ms
        if channel:
            prices = as_told(prices, shadowed(await self.all(), channel, now_ms))
        asked = CheckAsked(
            prices, now_ms, proposed, CHECK_BUDGET_S, COLLAR, is_shadow=bool(channel)
        )
        done = await self._asked_with_medians(asked)
        if not done.digest:  # the check died; what it was to look at still has its name
            digest = await asyncio.to_thread(digest_of, asked)
            done = msgspec.structs.replace(done, digest=digest)
        return msgspec.structs.replace(done, surroundings=surroundings)

    async def _asked_with_medians(self, asked: CheckAsked) -> CheckDone:
        """The guard's answer, held against what was received of late too."""
        try:
            medians_fen = await self._medians()
        except (OSError, sqlite3.Error) as error:  # the collar cannot be asked: nothing is proved
            log.exception("medians_unread", shop=self.desk.shop)
            why = f"what was received in the last 30 days cannot be read ({error})"
            return unknown(why, "", asked.prices.version)
        try:
            return await self.checker.check(msgspec.structs.replace(asked, medians_fen=medians_fen))
        except ChecksBusy as busy:
            raise NotPublishable(str(busy)) from None

    async def _medians(self) -> dict[str, int]:
        """What a unit of each SKU brought, by the median of the last 30 days; by code."""
        if self.received is None:
            return {}
        numbers = await asyncio.to_thread(self.received, self.desk.machine.now_ms)
        codes = self.desk.machine.catalogue.sku_codes
        return {codes[number]: fen for number, fen in numbers.items() if number < len(codes)}

    # -- publishing -------------------------------------------------------------------------------

    async def publish(
        self, code: str, digest: str, command_id: str, principal: Principal
    ) -> CommandAnswer:
        """Put a proved draft in force. Raises DraftMissing, NotPublishable."""
        draft = await self.get(code)
        done = checked_of(draft, digest, self.desk.machine.now_ms)
        if done.checked.verdict != PROVED:
            raise NotPublishable("it was not proved: two people must force it, or mend it")
        people = (principal.person_token, 0)
        version = await self._put_rules(draft.promotion, done.version, command_id, people)
        command = f.PublishPromotion(
            code=draft.code,
            document=canonical(draft.promotion).decode(),
            digest=done.digest,
            expected_version=version,
        )
        self._require(done.surroundings)
        answer = await self.desk.command(command, command_id, *people)
        await self._settled(draft, answer)
        await self._drop_rules(draft.promotion, answer, command_id, people)
        return answer

    def _require(self, surroundings: str) -> None:
        """Raise NotPublishable where groups or bounds moved since, which moves no version."""
        if surroundings != surroundings_of(self.desk):
            raise NotPublishable(
                "a group, or how many units an order may have, changed since: check it again"
            )

    async def propose(
        self,
        approvals: Proposing,
        principal: Principal,
        wish: ForceWish,
    ) -> Proposal:
        """The first person's word on what was not proved. Raises what `publish` raises."""
        draft = await self.get(wish.code)
        done = checked_of(draft, wish.digest, self.desk.machine.now_ms)
        if done.checked.verdict == PROVED:
            raise NotPublishable("it was proved: publish it, nobody else is needed")
        if not wish.reason.strip():
            raise NotPublishable("say why: both people give a reason")
        now_ms = self.desk.machine.now_ms
        if not now_ms < wish.expires_ms <= now_ms + EXCEPTION_MS_MAX:
            raise NotPublishable("it ends within 30 days from now")
        allowed = exceptions_for(draft.promotion, done.digest, done.checked, wish.terms)
        publication = Publication(
            code=draft.code,
            document=canonical(draft.promotion).decode(),
            digest=done.digest,
            expected_version=done.version,
            verdict=done.checked.verdict,
            why=done.checked.why,
            counterexample=done.checked.counterexample,
            exceptions=tuple(allowed),
            expires_ms=wish.expires_ms,
            reason=wish.reason,
            surroundings=done.surroundings,
        )
        proposal = await asyncio.to_thread(
            approvals.propose,
            self.desk.shop,
            msgspec.json.encode(Proposed(publication)),
            principal,
            wish.reason,
            PROPOSAL_TTL_MS,
            wish.request_id,
        )
        kept = msgspec.structs.replace(draft, state=PROPOSED, proposal=proposal.id.hex())
        await asyncio.to_thread(self.drafts.put, kept)
        return proposal

    async def approved(self, approval: Approval, reason: str) -> CommandAnswer:
        """Carry out what two people approved: the exceptions, then the promotion.

        Every command has an id made of the proposal's, so giving it again counts once. Where the
        prices moved meanwhile the exceptions end at once, and it must be checked again.
        """
        publication = publication_of(approval.content)
        people = (approval.proposer_token, approval.approver_token)
        base = approval.proposal_id.hex()
        note = f"{publication.reason[:NOTE_HALF]} / {reason[:NOTE_HALF]}"
        for place, allowed in enumerate(publication.exceptions):
            command = f.ApproveException(
                code=allowed.code,
                skus=list(allowed.skus),
                floor_fen=allowed.floor_fen,
                units=allowed.units,
                expires_ms=publication.expires_ms,
                note=note,
            )
            answer = await self.desk.command(command, f"{base}-x{place}", *people)
            if answer.reason != Reason.ACCEPTED:
                await self._end(publication.exceptions[:place], base, people)
                return answer
        promotion = msgspec.json.decode(publication.document, type=Promotion)
        try:
            version = await self._put_rules(promotion, publication.expected_version, base, people)
            there = self.desk.machine.catalogue.published.get(publication.code)
            if there != publication.document:  # else it is in force, and the word is given again
                self._require(publication.surroundings)
        except NotPublishable:
            await self._end(publication.exceptions, base, people)
            raise
        answer = await self.desk.command(
            f.PublishPromotion(
                code=publication.code,
                document=publication.document,
                digest=publication.digest,
                expected_version=version,
                verdict=publication.verdict,
                exception=publication.exceptions[0].code,
                note=note,
            ),
            base,
            *people,
        )
        if answer.reason != Reason.ACCEPTED:
            await self._end(publication.exceptions, base, people)
        draft = await asyncio.to_thread(self.drafts.get, publication.code)
        if draft is not None and draft.proposal == base:
            await self._settled(draft, answer)
        await self._drop_rules(promotion, answer, base, people)
        return answer

    async def _put_rules(
        self, promotion: Promotion, version: int, base: str, people: tuple[int, int]
    ) -> int:
        """Budgets and buyers' caps stand before the promotion does; the version to expect then.

        A rule needs a promotion to hang on. A new code moves the version by one and no price, so
        what was checked is still what stands, if nothing else moved it.
        """
        rules = rules_of(promotion)
        if rules and promotion.code not in self.desk.machine.catalogue.promotions:
            put = await self.desk.command(f.PutPromotion(promotion.code), f"{base}-p", *people)
            if isinstance(put.fact, f.CodePut) and put.fact.pricing_version == version + 1:
                version += 1
        for place, rule in enumerate(rules):
            answer = await self.desk.command(rule, f"{base}-r{place}", *people)
            if answer.reason != Reason.ACCEPTED:
                raise NotPublishable(f"its budget or cap {rule.code} was not accepted by the desk")
        return version

    async def _drop_rules(
        self, promotion: Promotion, answer: CommandAnswer, base: str, people: tuple[int, int]
    ) -> None:
        """A budget or cap that the one before had, and this one has no more, ends with it."""
        if answer.reason != Reason.ACCEPTED:
            return
        known = self.desk.machine.catalogue.rule_places
        numbers = self.desk.machine.catalogue.rules
        kept = {rule.code for rule in rules_of(promotion)}
        for place, code in enumerate(rule_codes(promotion.code)):
            if code not in kept and numbers.get(code) in known:
                await self.desk.command(f.DropRule(code), f"{base}-d{place}", *people)

    async def _end(self, exceptions: Sequence[Allowed], base: str, people: tuple[int, int]) -> None:
        for place, allowed in enumerate(exceptions):
            await self.desk.command(f.EndException(allowed.code), f"{base}-e{place}", *people)

    async def _settled(self, draft: Draft, answer: CommandAnswer) -> None:
        """The draft has done its work, or must be checked again."""
        if answer.reason == Reason.ACCEPTED:
            await asyncio.to_thread(self.drafts.drop, draft.code)
        elif answer.reason == Reason.PRICING_MOVED:
            again = msgspec.structs.replace(draft, state=DRAFT, check=None, proposal="")
            await asyncio.to_thread(self.drafts.put, again)
