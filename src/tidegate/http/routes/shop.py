"""Stopping and starting, exceptions that two people approve, settings, the clock."""

import asyncio
from typing import Any

import msgspec

from tidegate.access.approvals import content_digest
from tidegate.access.roles import APPROVE, PAUSE_WRITE, RULES_WRITE
from tidegate.http import schemas as s
from tidegate.http.calls import AnyAnswer, Call, Route, json_answer
from tidegate.http.commands import command_answer, give, give_approved
from tidegate.http.errors import BREAKER_OPEN, NOT_FOUND, UNPROCESSABLE, Problem
from tidegate.http.ids import check_note
from tidegate.http.order_lines import moment_ms
from tidegate.http.proposals import proposal_id, shown_proposal
from tidegate.publishing.publication import is_publication
from tidegate.record import facts as f

PROPOSAL_TTL_MS = 86_400_000


async def pause(call: Call) -> AnyAnswer:
    """Stop the shop, a SKU or a promotion."""
    body: s.Pause = call.body
    return await give(call, f.SetFlag(body.scope, "paused", True, body.target, body.note))


async def resume(call: Call) -> AnyAnswer:
    """Start it again, where the breaker is closed."""
    body: s.Pause = call.body
    if call.shop.stopping is not None:
        why = await call.shop.stopping.why_latched(body.scope, body.target)
        if why:
            raise Problem(BREAKER_OPEN, why)
    return await give(call, f.SetFlag(body.scope, "paused", False, body.target, body.note))


async def propose_exception(call: Call) -> AnyAnswer:
    """Propose an exception; nothing changes until a second person approves it."""
    body: s.ExceptionProposed = call.body
    command = f.ApproveException(
        code=body.code,
        skus=body.skus,
        floor_fen=body.floor_fen,
        units=body.units,
        expires_ms=moment_ms(body.expires_at),
        exempt=body.exempt,
        note=body.note,
    )
    proposal = await asyncio.to_thread(
        call.doors.approvals.propose,
        call.shop.name,
        msgspec.json.encode(command),
        call.principal,
        body.note,
        PROPOSAL_TTL_MS,
        call.command_id if call.id_is_given else "",
    )
    return json_answer(shown_proposal(proposal), 202)


async def proposals(call: Call) -> AnyAnswer:
    """What waits for a second person."""
    waiting = await asyncio.to_thread(call.doors.approvals.pending, call.shop.name)
    return json_answer(s.Proposals([shown_proposal(proposal) for proposal in waiting]))


async def approve(call: Call) -> AnyAnswer:
    """The second person approves exactly what they read; the desk then decides it."""
    body: s.Approve = call.body
    wanted = proposal_id(call.path["proposal"])
    check_note(body.reason, "reason")
    waiting = await asyncio.to_thread(call.doors.approvals.pending, call.shop.name)
    publishes = any(one.id == wanted and is_publication(one.content) for one in waiting)
    if publishes and not body.reason.strip():
        raise Problem(
            UNPROCESSABLE,
            "reason: publishing below the floor takes a reason of each of the two",
            "reason：低于保本价发布须两人各自说明理由",
        )
    if publishes:
        await call.prices.live.require()
    approval = await asyncio.to_thread(
        call.doors.approvals.approve, wanted, bytes.fromhex(body.digest), call.principal
    )
    named = content_digest(call.shop.name, approval.content).hex()
    if named != body.digest:
        raise Problem(NOT_FOUND, "this was proposed for another shop", "该提议属于另一店铺")
    if is_publication(approval.content):
        call.command_id = approval.proposal_id.hex()
        return command_answer(call, await call.prices.service.approved(approval, body.reason))
    command: Any = msgspec.json.decode(approval.content, type=f.AnyCommand)
    call.command_id = approval.proposal_id.hex()  # however often it is sent, it counts once
    return await give_approved(call, command, approval.proposer_token, approval.approver_token)


async def withdraw(call: Call) -> AnyAnswer:
    """Take a proposal back."""
    wanted = proposal_id(call.path["proposal"])
    await asyncio.to_thread(call.doors.approvals.withdraw, wanted, call.principal)
    return json_answer(s.Withdrawn(call.path["proposal"], True))


async def end_exception(call: Call) -> AnyAnswer:
    """End an exception at once."""
    return await give(call, f.EndException(code=call.path["code"]))


async def set_policy(call: Call) -> AnyAnswer:
    """Change the shop's settings."""
    body: s.Policy = call.body
    return await give(
        call,
        f.SetPolicy(
            hold_ttl_s=body.hold_ttl_s,
            hold_ttl_max_s=body.hold_ttl_max_s,
            hold_cap=body.hold_cap,
            late_payment_s=body.late_payment_s,
            quantity_max_order=body.quantity_max_order,
            zone=body.zone,
            pricing_version=body.pricing_version,
        ),
    )


async def confirm_clock(call: Call) -> AnyAnswer:
    """A person says that the clock is right after a jump."""
    body: s.Confirmation = call.body
    return await give(call, f.ConfirmClock(note=body.note))


_SHOP = "/v1/shops/{shop}"

ROUTES = (
    Route(
        "POST", f"{_SHOP}/pause", "pause", "Stop the shop, a SKU or a promotion", pause,
        PAUSE_WRITE, body=s.Pause, answer=s.CommandDone,
        description="Takes a lane of its own, ahead of every order that waits.",
    ),
    Route(
        "POST", f"{_SHOP}/resume", "resume", "Start it again", resume, PAUSE_WRITE,
        body=s.Pause, answer=s.CommandDone, people_only=True,
        description="A person's key only: a machine may stop a sale, not start it.",
    ),
    Route(
        "POST", f"{_SHOP}/exceptions", "propose_exception", "Propose a way past guards",
        propose_exception, APPROVE, body=s.ExceptionProposed, answer=s.Proposed, status=202,
        people_only=True, description="Takes effect when a second person approves it.",
    ),
    Route(
        "POST", f"{_SHOP}/exceptions/{{code}}/end", "end_exception", "End an exception at once",
        end_exception, PAUSE_WRITE, body=s.WholeOrder, answer=s.CommandDone,
    ),
    Route(
        "GET", f"{_SHOP}/proposals", "list_proposals", "What waits for a second person",
        proposals, APPROVE, answer=s.Proposals, people_only=True,
    ),
    Route(
        "POST", f"{_SHOP}/proposals/{{proposal}}/approve", "approve_proposal",
        "Approve what another person proposed", approve, APPROVE, body=s.Approve,
        answer=s.CommandDone, people_only=True,
    ),
    Route(
        "POST", f"{_SHOP}/proposals/{{proposal}}/withdraw", "withdraw_proposal",
        "Take a proposal back", withdraw, APPROVE, body=s.Nothing, answer=s.Withdrawn,
        people_only=True,
    ),
    Route(
        "PUT", f"{_SHOP}/policy", "set_policy", "Change the shop's settings", set_policy,
        RULES_WRITE, body=s.Policy, answer=s.CommandDone,
    ),
    Route(
        "POST", f"{_SHOP}/clock/confirm", "confirm_clock", "Confirm the time after a jump",
        confirm_clock, RULES_WRITE, body=s.Confirmation, answer=s.CommandDone, people_only=True,
    ),
)  # fmt: skip
