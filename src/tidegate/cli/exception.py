"""`tidegate exception`: a way past guards, proposed by one person and approved by another (特批).

Always: the second person approves exactly what was shown, by its digest. Never approves without
having been told to: by an answer at the terminal, or by `--digest`.
"""

import sys
import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from tidegate.cli._client import WrongUsage, new_id
from tidegate.cli._command import Caller, shop_call, shop_command
from tidegate.cli._fields import Code, Note, counted, yuan
from tidegate.cli._times import local_time, moment_ms, span_s

app = typer.Typer(help="Exceptions that two people approve 特批.", no_args_is_help=True)

Proposal = Annotated[
    str,
    typer.Argument(metavar="PROPOSAL", help="its id or first signs, or the exception's code"),
]
ID_SIGNS = 32
ID_SIGNS_MIN = 6
YES = {"y", "yes", "是"}


@app.command()
@shop_call
def propose(
    caller: Caller,
    code: Code,
    sku: Annotated[list[str], typer.Option(help="repeat for several")],
    floor_fen: Annotated[int, typer.Option(help="the lowest price that it allows")],
    units: Annotated[int, typer.Option(help="for so many units")],
    until: Annotated[str, typer.Option(help="its end: 2026-10-26T12:00+08:00")] = "",
    span: Annotated[str, typer.Option("--for", help="or from now: 45m, 2h, 3d")] = "",
    exempt: Annotated[
        list[str] | None,
        typer.Option(help="a reason that it lifts, such as limit_exceeded; repeat for several"),
    ] = None,
    note: Note = "",
) -> None:
    """Propose an exception. Nothing changes until a second person approves it."""
    if bool(until) == bool(span):
        raise WrongUsage("say when it ends: --until or --for")
    now_ms = time.time_ns() // 1_000_000
    ends_ms = moment_ms(until, "--until") if until else now_ms + span_s(span, "--for") * 1000
    wish = {
        "code": code,
        "skus": sku,
        "floor_fen": floor_fen,
        "units": units,
        "expires_at": ends_ms,
        "exempt": exempt or [],
        "note": note,
    }
    caller.name_it(caller.id or new_id())
    made = caller.send("POST", caller.path("exceptions"), {"id": caller.id, **wish})
    next_step = f"waits for a second person · 待另一人批准: tidegate exception approve {code}"
    caller.show(made, f"{proposal_text(made)}\n{next_step}")


@app.command("list")
@shop_call
def list_(caller: Caller) -> None:
    """List what waits for a second person."""
    found = caller.get(caller.path("proposals"))
    texts = [proposal_text(proposal) for proposal in found["proposals"]]
    caller.show(found, "\n".join(texts) or "nothing waits · 没有待批准的提议")


@app.command()
@shop_call
def approve(
    caller: Caller,
    proposal: Proposal,
    digest: Annotated[
        str, typer.Option(help="of what you read; without it you are shown it and asked")
    ] = "",
    reason: Annotated[
        str, typer.Option(help="why; a promotion below its floor takes a reason of both")
    ] = "",
) -> None:
    """Approve what another person proposed, as it is shown."""
    if digest and len(proposal) == ID_SIGNS:
        proposal_id, code = proposal, proposal
    else:
        found = waiting(caller, proposal)
        proposal_id, code = found["proposal"], code_of(found)
        if not digest:
            ask_first(found)
            digest = found["digest"]
    path = caller.path("proposals", proposal_id, "approve")
    caller.again = f"{proposal_id} --digest {digest}"
    answer = caller.send("POST", path, {"digest": digest, "reason": reason or None})
    caller.told(answer, f"exception {code} approved", "特批已批准")


@app.command()
@shop_call
def withdraw(caller: Caller, proposal: Proposal) -> None:
    """Take a proposal back before anybody approved it."""
    proposal_id = waiting(caller, proposal)["proposal"]
    path = caller.path("proposals", proposal_id, "withdraw")
    answer = caller.send("POST", path, {}, has_id=False)
    caller.show(answer, f"proposal {proposal_id} withdrawn · 提议已撤回")


@app.command()
@shop_command
def end(caller: Caller, code: Code) -> None:
    """End an exception at once."""
    path = caller.path("exceptions", code, "end")
    caller.post(path, {}, f"exception {code} ended", f"特批 {code} 已终止")


def waiting(caller: Caller, wanted: str) -> Mapping[str, Any]:
    """The one proposal that is meant. Raises WrongUsage where there is none, or several."""
    found = [
        proposal
        for proposal in caller.get(caller.path("proposals"))["proposals"]
        if code_of(proposal) == wanted
        or (len(wanted) >= ID_SIGNS_MIN and proposal["proposal"].startswith(wanted))
    ]
    if len(found) != 1:
        how_many = "nothing waits" if not found else f"{len(found)} proposals wait"
        raise WrongUsage(f"{how_many} under {wanted}: see `tidegate exception list`")
    one: Mapping[str, Any] = found[0]
    return one


def code_of(proposal: Mapping[str, Any]) -> str:
    """What it is called: the exception, or the promotion to be published."""
    content = proposal["content"]
    return str(content.get("publication", content).get("code", ""))


def publication_text(proposal: Mapping[str, Any], wish: Mapping[str, Any]) -> str:
    """A promotion that was not proved, whole: the basket that goes below, and what is allowed."""
    lines = [f"{proposal['proposal']}  publish 发布 {wish['code']}: {wish['verdict']}"]
    if wish["why"]:
        lines.append(f"  {wish['why']}")
    found = wish["counterexample"]
    if found:
        lines += [f"  {line}" for line in found["receipt"]]
        left, floor = yuan(found["receivable_fen"]), yuan(found["floor_fen"])
        lines.append(f"  {found['sku']} leaves {left}, its floor is {floor}")
    ends = local_time(wish["expires_ms"])
    for one in wish["exceptions"]:
        skus = ", ".join(one["skus"])
        bounds = f"from {yuan(one['floor_fen'])} 元, {counted(one['units'])}, until {ends}"
        lines.append(f"  allows 允许 {skus} {bounds}")
    lines += [f"  reason 理由: {wish['reason']}", f"  digest {proposal['digest']}"]
    return "\n".join(lines)


def somebody_is_there() -> bool:
    """Whether a question would reach a person."""
    return sys.stdin.isatty()


def ask_first(proposal: Mapping[str, Any]) -> None:
    """Show it and ask. Raises WrongUsage where nobody can answer, or the answer is no."""
    typer.echo(proposal_text(proposal), err=True)
    if not somebody_is_there():
        raise WrongUsage("nobody to ask here: approve what you read with --digest")
    # Not typer.confirm: it writes to standard output, where --json has its one document.
    typer.echo("Approve exactly this? 批准以上内容？ [y/N] ", nl=False, err=True)
    if sys.stdin.readline().strip().lower() not in YES:
        raise WrongUsage("not approved")


def proposal_text(proposal: Mapping[str, Any]) -> str:
    """What is proposed, whole: the second person decides by it."""
    wish = proposal["content"]
    if "publication" in wish:
        return publication_text(proposal, wish["publication"])
    ends = local_time(wish["expires_ms"])
    skus = ", ".join(wish["skus"])
    bounds = f"from {yuan(wish['floor_fen'])} 元, {counted(wish['units'])}, until {ends}"
    lines = [f"{proposal['proposal']}  {wish['code']}: {skus} {bounds}"]
    if wish.get("exempt"):
        lines.append(f"  lifts 豁免: {', '.join(wish['exempt'])}")
    if wish.get("note"):
        lines.append(f"  note 备注: {wish['note']}")
    lines.append(f"  digest {proposal['digest']}")
    return "\n".join(lines)
