"""`tidegate promotion`: from a file to a draft, a check, and into force; and out of it at once.

Always: what is published is what was checked. Below the floor it takes two people: one forces,
another approves (`tidegate exception approve`), each with a reason.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from tidegate.cli._client import Refused, WrongUsage, new_id
from tidegate.cli._command import Caller, shop_call, shop_command
from tidegate.cli._fields import Code, Note, yuan
from tidegate.cli._pairs import counts_by_code
from tidegate.cli._prices import Malformed, malformed, promotions_in
from tidegate.cli._times import local_time, span_s
from tidegate.cli.exception import proposal_text
from tidegate.cli.guard import check_lines, check_text
from tidegate.pricing.guard.answers import EXIT_CODES
from tidegate.pricing.problems import Problem
from tidegate.pricing.publishing import Checked

app = typer.Typer(help="Promotions: drafts, checks, publishing 促销发布.", no_args_is_help=True)


@app.command()
@shop_command
def put(caller: Caller, code: Code) -> None:
    """Add a promotion that has no document here, or say that its price changed."""
    caller.put(caller.path("promotions", code), {}, f"promotion {code} set", f"促销 {code} 已设置")


@app.command()
@shop_call
def draft(
    caller: Caller,
    file: Annotated[Path, typer.Argument(help="promotions: YAML, or JSON")],
    shadow: Annotated[
        str, typer.Option(metavar="CHANNEL", help="set up at that platform: only watched here")
    ] = "",
) -> None:
    """Keep a file's promotions as drafts. No price changes."""
    with malformed(caller):
        read = promotions_in(file)
    kept = []
    for promotion in read.promotions:
        body = {"promotion": msgspec.to_builtins(promotion), "shadow_channel": shadow}
        kept.append(caller.send("PUT", caller.path("drafts", promotion.code), body))
    codes = ", ".join(one["code"] for one in kept)
    caller.show({"drafts": kept}, f"drafts kept: {codes} · 草稿已保存")


@app.command()
@shop_call
def shadow(
    caller: Caller,
    file: Annotated[Path, typer.Argument(help="the platform's own sheet: XLSX or CSV")],
    channel: Annotated[str, typer.Option(help="the platform that it is set up at")],
    discount_unit: Annotated[
        str, typer.Option(help="of bare discounts: zhe, percent_off, percent_to_pay, ratio_to_pay")
    ] = "",
    money_unit: Annotated[str, typer.Option(help="of bare amounts: yuan or fen")] = "",
    column: Annotated[
        list[str] | None, typer.Option(metavar="ROLE=COLUMN", help="repeatable")
    ] = None,
    sheet: Annotated[str, typer.Option(help="of a workbook; default: the first")] = "",
    encoding: Annotated[str, typer.Option(help="of a CSV; default: found out")] = "auto",
) -> None:
    """Keep and check a platform's own promotions. Ends with 0 proved, 1 below, 2 unknown."""
    from tidegate.imports.files import Reading
    from tidegate.imports.promotion_sheets import sheet_in
    from tidegate.imports.refusal import ImportRefused

    columns = named_columns(column or ())
    with malformed(caller):
        try:
            cells = sheet_in(file, Reading(encoding, sheet=sheet or None))
        except ImportRefused as refused:
            raise Malformed(str(refused)) from None
    body = msgspec.to_builtins(cells) | {
        "columns": columns,
        "discount_unit": discount_unit,
        "money_unit": money_unit,
    }
    with malformed(caller), told_by_the_server():
        kept = caller.send("POST", caller.path("shadows", channel), body, has_id=False)
    done = msgspec.convert(kept["checked"], Checked)
    lines = [
        f"{len(kept['codes'])} promotions shadowed at {channel}: {', '.join(kept['codes'][:10])}",
        *check_lines(done, caller.language),
    ]
    caller.show(kept, "\n".join(lines))
    raise typer.Exit(EXIT_CODES[done.verdict])


@contextmanager
def told_by_the_server() -> Iterator[None]:
    """Turn the server's refusal of malformed promotions into Malformed, line by line."""
    try:
        yield
    except Refused as refused:
        problems = refused.problem.get("problems")
        if not isinstance(problems, list):
            raise
        raise Malformed("\n".join(problem_text(one) for one in problems)) from None


def problem_text(told: dict[str, Any]) -> str:
    """One problem of an answer, as a file's own problems are written."""
    problem = Problem(
        told["promotion"], tuple(told["place"]), told["why"], told["mend"], told.get("line", 0)
    )
    return str(problem)


def named_columns(given: Sequence[str]) -> dict[str, str]:
    """Which column has which role, as options say it. Raises WrongUsage."""
    found = {}
    for word in given:
        role, sign, name = word.partition("=")
        if not (role and sign and name):
            raise WrongUsage(f"--column {word}: write ROLE=COLUMN, as in sku=商家编码")
        found[role] = name
    return found


@app.command()
@shop_call
def expected(
    caller: Caller,
    channel: Annotated[str, typer.Argument(help="a platform with shadowed promotions")],
) -> None:
    """What a unit should cost at a platform from now on, by what it was told (到手价)."""
    found = caller.get(caller.path("shadows", channel))
    lines = [f"{len(found['promotions'])} promotions at {channel}, {len(found['expected'])} prices"]
    lines += [
        f"{row['sku']}  {yuan(row['price_fen'])}  {local_time(row['start_ms'])} – "
        f"{local_time(row['end_ms'])}" + ("" if row["promotions"] else "  list price 原价")
        for row in found["expected"]
    ]
    caller.show(found, "\n".join(lines))


@app.command()
@shop_call
def check(caller: Caller, code: Code) -> None:
    """Ask the guard about a draft. Ends with 0 proved, 1 below the floor, 2 unknown."""
    with malformed(caller), told_by_the_server():
        found = caller.send("POST", caller.path("drafts", code, "check"), {})
    done = msgspec.convert(found["checked"], Checked)
    caller.show(found, f"{check_text(done, caller.language)}\n  digest {found['digest']}")
    raise typer.Exit(EXIT_CODES[done.verdict])


Digest = Annotated[str, typer.Option(help="of the check that you read; default: the last one")]


@app.command()
@shop_command
def publish(caller: Caller, code: Code, digest: Digest = "") -> None:
    """Put a proved draft in force, for the window that it names."""
    body = {"digest": digest or last_digest(caller, code)}
    path = caller.path("drafts", code, "publish")
    caller.post(path, body, f"promotion {code} published", f"促销 {code} 已发布")


@app.command()
@shop_call
def force(
    caller: Caller,
    code: Code,
    units: Annotated[int, typer.Option(help="of each SKU that goes below its floor")],
    reason: Annotated[str, typer.Option(help="why; no personal data")],
    span: Annotated[str, typer.Option("--for", help="from now: 45m, 2h, 3d")],
    sku_units: Annotated[
        list[str] | None, typer.Option(metavar="SKU=UNITS", help="of this SKU; repeatable")
    ] = None,
    floor: Annotated[
        list[str] | None, typer.Option(metavar="SKU=FEN", help="its lowest price; repeatable")
    ] = None,
    digest: Digest = "",
) -> None:
    """Propose to publish what was not proved; a second person has to approve it."""
    caller.name_it(new_id())
    body: dict[str, Any] = {
        "id": caller.id,
        "digest": digest or last_digest(caller, code),
        "reason": reason,
        "units": units,
        "units_by_sku": counts_by_code(sku_units or (), "--sku-units"),
        "floors_fen": counts_by_code(floor or (), "--floor"),
        "expires_at": time.time_ns() // 1_000_000 + span_s(span, "--for") * 1000,
    }
    made = caller.send("POST", caller.path("drafts", code, "force"), body)
    command = f"tidegate exception approve {code} --reason ..."
    step = f"waits for a second person · 待另一人批准: {command}"
    caller.show(made, f"{proposal_text(made)}\n{step}")


@app.command()
@shop_command
def suspend(caller: Caller, code: Code, note: Note = "") -> None:
    """Stop a promotion at once, coupons in hand included; `tidegate resume` starts it again."""
    path = caller.path("promotions", code, "suspend")
    caller.post(path, {"note": note}, f"promotion {code} suspended", f"促销 {code} 已停用")


@app.command()
@shop_command
def withdraw(caller: Caller, code: Code, note: Note = "") -> None:
    """End a published promotion at once."""
    path = caller.path("promotions", code, "withdraw")
    caller.post(path, {"note": note}, f"promotion {code} withdrawn", f"促销 {code} 已撤下")


@app.command()
@shop_call
def drop(caller: Caller, code: Code) -> None:
    """Forget a draft, or a platform's promotion that was only watched."""
    answer = caller.send("POST", caller.path("drafts", code, "drop"), {}, has_id=False)
    caller.show(answer, f"draft {code} dropped · 草稿已删除")


@app.command("list")
@shop_call
def list_(caller: Caller) -> None:
    """What is published and what is on its way."""
    there = caller.get(caller.path("publications"))
    drafts = caller.get(caller.path("drafts"))["drafts"]
    lines = [f"pricing version 价格版本 {there['pricing_version']}"]
    lines += [
        f"{one['phase']:<10} {one['code']}  {local_time(one['start_ms'])} – "
        f"{local_time(one['end_ms'])}" + ("  by exception 特批" if one["exceptions"] else "")
        for one in there["published"]
    ]
    for one in drafts:
        verdict = one["checked"]["verdict"] if one["checked"] else "not checked"
        where = f" at {one['shadow_channel']}" if one["shadow_channel"] else ""
        lines.append(f"{one['state']:<10} {one['code']}{where}  {verdict}")
    if there["remark"]:
        lines.append(f"! {there['remark']}")
    caller.show({"publications": there, "drafts": drafts}, "\n".join(lines))


def last_digest(caller: Caller, code: str) -> str:
    """The digest of a draft's last check. Raises WrongUsage where there is none."""
    digest = str(caller.get(caller.path("drafts", code))["digest"])
    if not digest:
        raise WrongUsage(f"check it first: tidegate promotion check {code}")
    return digest
