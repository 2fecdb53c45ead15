"""Promotions on their way: quotes, drafts, checks, publishing, suspending, withdrawing.

A draft changes no price. What is published is what was checked, named by its digest; what the guard
did not prove goes through two people.
"""

import asyncio
from functools import partial

import msgspec

from tidegate.access.roles import (
    APPROVE,
    CATALOGUE_READ,
    CATALOGUE_WRITE,
    ORDERS_WRITE,
    PAUSE_WRITE,
)
from tidegate.http import publishing_schemas as p
from tidegate.http import schemas as s
from tidegate.http.basket_lines import buyer_of
from tidegate.http.basket_prices import Asked, price_with_what_is_left
from tidegate.http.calls import AnyAnswer, Call, Route, json_answer
from tidegate.http.commands import command_answer, give
from tidegate.http.errors import NOT_FOUND, UNPROCESSABLE, Problem
from tidegate.http.ids import check_id, check_note
from tidegate.http.languages import CHINESE
from tidegate.http.order_lines import moment_ms
from tidegate.http.proposals import shown_proposal
from tidegate.pricing.promotion import Promotion
from tidegate.pricing.publishing import Terms, base_of, phase_of
from tidegate.pricing.receipt import CHINESE as RECEIPT_CHINESE
from tidegate.pricing.receipt import ENGLISH as RECEIPT_ENGLISH
from tidegate.pricing.receipt import receipt
from tidegate.pricing.sheet_cells import SheetUnits
from tidegate.pricing.sheets import Sheet, promotions_of
from tidegate.publishing.budgets import left_of
from tidegate.publishing.publication import ForceWish
from tidegate.publishing.store import Draft
from tidegate.publishing.watching import paused_codes
from tidegate.publishing.zones import zone_of
from tidegate.record import facts as f


async def quote(call: Call) -> AnyAnswer:
    """The price of a basket now."""
    body: p.QuoteAsked = call.body
    call.doors.gate.require(call.principal, ORDERS_WRITE, call.shop.name, body.channel)
    require_channel(call, body.channel)
    prices = await call.prices.books.ready()
    asked = Asked(
        [(line.sku, line.quantity) for line in body.lines],
        buyer_of(body.buyer_class, body.channel),
        body.choices,
        call.doors.clock.now_ms(),
        body.shipping_fen,
    )
    left = partial(left_of, call.shop.desk.machine)
    priced, spent = price_with_what_is_left(prices, asked, left, trace=body.receipt)
    words: list[str] = []
    if body.receipt:
        language = RECEIPT_CHINESE if call.language == CHINESE else RECEIPT_ENGLISH
        words = receipt(priced, prices.book.promotions, language)
    return json_answer(p.Quoted(priced, words, list(spent)))


async def put_draft(call: Call) -> AnyAnswer:
    """Keep a promotion as a draft."""
    body: p.DraftPut = call.body
    check_promotion(body.promotion, call.path["code"])
    if body.shadow_channel:
        check_id(body.shadow_channel, "shadow_channel")
    author = call.principal.person_token
    draft = await call.prices.service.put(body.promotion, body.shadow_channel, author)
    return json_answer(shown(draft))


def check_promotion(promotion: Promotion, code: str) -> None:
    """Raise Problem unless it is the one that the path names, and its words are clean."""
    if promotion.code != code:
        raise Problem(UNPROCESSABLE, "promotion.code: as in the path", "promotion.code：与路径一致")
    check_id(promotion.code, "promotion.code")
    check_note(promotion.name, "promotion.name")
    if promotion.coupon is not None and promotion.coupon.code:
        check_id(promotion.coupon.code, "promotion.coupon.code")


async def drafts(call: Call) -> AnyAnswer:
    """Every draft."""
    return json_answer(p.DraftsShown([shown(one) for one in await call.prices.service.all()]))


async def get_draft(call: Call) -> AnyAnswer:
    """One draft."""
    return json_answer(shown(await call.prices.service.get(call.path["code"])))


async def drop_draft(call: Call) -> AnyAnswer:
    """Forget a draft."""
    await call.prices.service.drop(call.path["code"])
    return json_answer(p.DraftDropped(call.path["code"], True))


async def check_draft(call: Call) -> AnyAnswer:
    """Ask the price guard."""
    return json_answer(shown(await call.prices.service.check(call.path["code"])))


async def shadow_sheet(call: Call) -> AnyAnswer:
    """Keep a platform's sheet as shadowed promotions, and check them together."""
    body: p.ShadowSheet = call.body
    channel = call.path["channel"]
    require_channel(call, channel)
    sheet = Sheet(tuple(body.header), tuple(map(tuple, body.rows)), tuple(body.lines))
    units = SheetUnits(body.discount_unit, body.money_unit)
    zone = zone_of(call.shop.desk.machine.catalogue.zone)
    promotions = await asyncio.to_thread(promotions_of, sheet, zone, units, body.columns)
    for promotion in promotions:
        check_promotion(promotion, promotion.code)
    author = call.principal.person_token
    kept, done = await call.prices.service.shadow(channel, promotions, author)
    return json_answer(p.Shadowed(channel, [one.code for one in kept], done.checked))


async def expected_prices(call: Call) -> AnyAnswer:
    """What to find at a channel, as it was told."""
    channel = call.path["channel"]
    require_channel(call, channel)
    now_ms, shadows = call.doors.clock.now_ms(), call.prices.shadows
    codes = [one.code for one in await shadows.promotions(channel, now_ms)]
    found = await shadows.expected(channel, now_ms)
    return json_answer(p.ExpectedPrices(channel, codes, list(found)))


def require_channel(call: Call, channel: str) -> None:
    """Raise Problem 404 for a channel that the shop does not have."""
    if call.shop.desk.catalogue.channel_number(channel) is None:
        raise Problem(
            NOT_FOUND, "channel: this shop has no such channel", "channel：该店铺没有此渠道"
        )


async def publish_draft(call: Call) -> AnyAnswer:
    """Put a proved draft in force."""
    body: p.Publish = call.body
    await call.prices.live.require()
    answer = await call.prices.service.publish(
        call.path["code"], body.digest, call.command_id, call.principal
    )
    return command_answer(call, answer)


async def force_draft(call: Call) -> AnyAnswer:
    """The first of two people."""
    body: p.Force = call.body
    check_note(body.reason, "reason")
    wish = ForceWish(
        call.path["code"],
        body.digest,
        body.reason,
        Terms(body.units, dict(body.units_by_sku or {}), dict(body.floors_fen or {})),
        moment_ms(body.expires_at),
        call.command_id if call.id_is_given else "",
    )
    approvals = call.doors.approvals
    proposal = await call.prices.service.propose(approvals, call.principal, wish)
    return json_answer(shown_proposal(proposal), 202)


async def suspend(call: Call) -> AnyAnswer:
    """Stop a promotion at once."""
    body: p.PromotionStop = call.body
    return await give(call, f.SetFlag("promotion", "paused", True, call.path["code"], body.note))


async def withdraw(call: Call) -> AnyAnswer:
    """End a promotion at once."""
    body: p.PromotionStop = call.body
    return await give(call, f.WithdrawPromotion(call.path["code"], body.note))


async def publications(call: Call) -> AnyAnswer:
    """What is published."""
    prices = await call.prices.books.ready()
    machine = call.shop.desk.machine
    cat = machine.catalogue
    paused = paused_codes(machine)
    names = {number: code for code, number in cat.exceptions.items()}
    bases: dict[str, list[str]] = {}
    for code in cat.exceptions:
        bases.setdefault(base_of(code), []).append(code)
    now_ms = call.doors.clock.now_ms()
    published = []
    for code, document in cat.published.items():
        promotion = msgspec.json.decode(document, type=Promotion)
        number = cat.published_exceptions.get(code, 0)
        exceptions = bases[base_of(names[number])] if number else []
        phase = phase_of(promotion, now_ms, paused=code in paused)
        published.append(
            p.PublishedShown(
                code, phase, promotion.start_ms, promotion.end_ms, exceptions, promotion
            )
        )
    remark = call.prices.watching.remark()
    return json_answer(p.Publications(prices.version, prices.book.quote.hash, remark, published))


def shown(draft: Draft) -> p.DraftShown:
    """A draft as it is told."""
    check = draft.check
    return p.DraftShown(
        code=draft.code,
        state=draft.state,
        shadow_channel=draft.shadow_channel,
        changed_at=draft.changed_at_ms,
        promotion=draft.promotion,
        digest="" if check is None else check.digest,
        pricing_version=0 if check is None else check.version,
        checked=None if check is None else check.checked,
        proposal=draft.proposal,
    )


_SHOP = "/v1/shops/{shop}"
_DRAFT = f"{_SHOP}/drafts/{{code}}"

ROUTES = (
    Route(
        "POST", f"{_SHOP}/quotes", "quote", "Price a basket at the prices that stand now", quote,
        ORDERS_WRITE, body=p.QuoteAsked, answer=p.Quoted, channel_in="request",
        description="`priced.quote.version` is the `pricing_version` that an order may carry.",
    ),
    Route(
        "GET", f"{_SHOP}/drafts", "list_drafts", "Promotions on their way, and shadows", drafts,
        CATALOGUE_READ, answer=p.DraftsShown,
    ),
    Route(
        "GET", _DRAFT, "get_draft", "One draft and what the guard said", get_draft, CATALOGUE_READ,
        answer=p.DraftShown,
    ),
    Route(
        "PUT", _DRAFT, "put_draft", "Keep a promotion as a draft", put_draft, CATALOGUE_WRITE,
        body=p.DraftPut, answer=p.DraftShown, description="Changes no price.",
    ),
    Route(
        "POST", f"{_SHOP}/shadows/{{channel}}", "shadow_sheet",
        "Keep a platform's own promotion sheet, and check it before it begins", shadow_sheet,
        CATALOGUE_WRITE, body=p.ShadowSheet, answer=p.Shadowed,
        body_bytes_max=p.SHEET_BYTES_MAX,
        description="All of it or nothing; a number without its unit is refused with its line.",
    ),
    Route(
        "GET", f"{_SHOP}/shadows/{{channel}}", "expected_prices",
        "What a unit should cost at a platform, by what it was told", expected_prices,
        CATALOGUE_READ, answer=p.ExpectedPrices,
    ),
    Route(
        "POST", f"{_DRAFT}/drop", "drop_draft", "Forget a draft", drop_draft, CATALOGUE_WRITE,
        body=s.Nothing, answer=p.DraftDropped,
    ),
    Route(
        "POST", f"{_DRAFT}/check", "check_draft", "Ask the price guard", check_draft,
        CATALOGUE_WRITE, body=s.Nothing, answer=p.DraftShown,
        description="Proved, below the floor with its smallest basket, or unknown.",
    ),
    Route(
        "POST", f"{_DRAFT}/publish", "publish_draft", "Put a proved draft in force", publish_draft,
        CATALOGUE_WRITE, body=p.Publish, answer=s.CommandDone,
        description="Refused with `pricing_moved` where prices moved since it was checked.",
    ),
    Route(
        "POST", f"{_DRAFT}/force", "force_draft", "Propose to publish what was not proved",
        force_draft, APPROVE, body=p.Force, answer=s.Proposed, status=202, people_only=True,
        description="Takes effect when a second person approves the proposal, with a reason.",
    ),
    Route(
        "POST", f"{_SHOP}/promotions/{{code}}/suspend", "suspend_promotion",
        "Stop a promotion at once, coupons in hand included", suspend, PAUSE_WRITE,
        body=p.PromotionStop, answer=s.CommandDone,
        description="`resume` starts it again; it is checked again then.",
    ),
    Route(
        "POST", f"{_SHOP}/promotions/{{code}}/withdraw", "withdraw_promotion",
        "End a published promotion at once", withdraw, CATALOGUE_WRITE, body=p.PromotionStop,
        answer=s.CommandDone,
    ),
    Route(
        "GET", f"{_SHOP}/publications", "publications", "What is published, and where it stands",
        publications, CATALOGUE_READ, answer=p.Publications,
    ),
)  # fmt: skip
