"""`tidegate people consent`: what persons chose; for a counter, a telephone, a letter.

A question that is asked here is asked by voice or on paper: one purpose, refused as easily.
"""

import secrets
from hashlib import sha256
from typing import Annotated, Any

import typer

from tidegate.cli._command import Caller, shop_call, shop_command
from tidegate.cli._persons import Person, person_body

app = typer.Typer(help="What persons agreed to, refused and withdrew.", no_args_is_help=True)

Purpose = Annotated[str, typer.Argument(help="as the notice names it")]
Language = Annotated[str, typer.Option(help="zh-CN or en")]


@app.callback()
def consent() -> None:
    """What persons agreed to, refused and withdrew · 同意."""


@app.command()
@shop_command
def ask(
    caller: Caller,
    person: Person,
    purpose: Purpose,
    words: Annotated[str, typer.Option(help="what was asked, word by word; only its hash is sent")],
    by_person: Annotated[bool, typer.Option(help="they came to it themselves")] = False,
) -> None:
    """Put a question on record before it is asked; prints the id that its answer names."""
    screen = {
        "id": f"asked-{new_action()}", "sha256": sha256(words.encode()).hexdigest(),
        "agree_steps": 1, "refuse_steps": 1, "withdraw_steps": 1,
    }  # fmt: skip
    body = {"person": person_body(person), "purpose": purpose, "screen": screen,
            "by_person": by_person}  # fmt: skip
    made = caller.send("POST", caller.path("people", "consents:ask"), body)
    caller.show(made, f"{made['ask']}  (entry {made['entry']}) · 询问已登记")


@app.command()
@shop_command
def answer(
    caller: Caller,
    person: Person,
    ask: Annotated[str, typer.Argument(help="the question's id")],
    agrees: Annotated[bool, typer.Option("--agree/--refuse", help="what they said")],
    guardian: Annotated[str, typer.Option(help="who answers for a child, as a PERSON")] = "",
) -> None:
    """Put the answer to one question on record."""
    body: dict[str, Any] = {
        "person": person_body(person), "ask": ask, "action": new_action(), "agrees": agrees,
        "guardian": person_body(guardian) if guardian else None,
    }  # fmt: skip
    told(caller, caller.send("POST", caller.path("people", "consents:answer"), body))


@app.command()
@shop_command
def withdraw(caller: Caller, person: Person, purpose: Purpose) -> None:
    """Take consent back, or note a no that came before any question."""
    body = {"person": person_body(person), "purpose": purpose, "action": new_action()}
    told(caller, caller.send("POST", caller.path("people", "consents:withdraw"), body))


@app.command()
@shop_call
def show(caller: Caller, person: Person, language: Language = "zh-CN") -> None:
    """Show each purpose of consent with its switch."""
    body = {"person": person_body(person), "language": language}
    found = caller.send("POST", caller.path("people", "consents:show"), body, has_id=False)
    lines = [
        f"{'[x]' if one['is_open'] else '[ ]'} {one['purpose']}: {one['state']}"
        f"{' ' + one['entry'] if one['entry'] else ''}  {one['words']}"
        for one in found["switches"]
    ]
    if found["profiling_refused"]:
        lines.append("not personalised 已拒绝个性化")
    caller.show(found, "\n".join(lines) or "none 无")


@app.command()
@shop_call
def receipt(caller: Caller, person: Person, purpose: Purpose, language: Language = "zh-CN") -> None:
    """Print the receipt of one purpose, with proofs (ISO/IEC TS 27560)."""
    import json

    body = {"person": person_body(person), "purpose": purpose, "language": language}
    found = caller.send("POST", caller.path("people", "consents:receipt"), body, has_id=False)
    typer.echo(json.dumps(found, ensure_ascii=False, indent=None if caller.as_json else 2))


@app.command()
@shop_command
def profiling(
    caller: Caller,
    person: Person,
    refused: Annotated[bool, typer.Option("--refuse/--allow", help="automated decisions")],
) -> None:
    """The switch: not personalised."""
    body = {"person": person_body(person), "refused": refused}
    made = caller.send("POST", caller.path("people", "profiling"), body)
    caller.show(made, f"on record 已登记 (entry {made['entry']})")


@app.command()
@shop_command
def age(
    caller: Caller,
    person: Person,
    age: Annotated[str, typer.Argument(help="child (under 14), minor or adult; never a date")],
) -> None:
    """Note what became known of a person's age."""
    body = {"person": person_body(person), "age": age}
    made = caller.send("POST", caller.path("people", "ages"), body)
    caller.show(made, f"on record 已登记 (entry {made['entry']})")


@app.command()
@shop_command
def guardian(
    caller: Caller,
    person: Person,
    guardian: Annotated[str, typer.Argument(metavar="GUARDIAN", help="as a PERSON")],
    evidence: Annotated[str, typer.Option(help="the id of what showed it")],
) -> None:
    """Note who answers for a child."""
    body = {"person": person_body(person), "guardian": person_body(guardian),
            "evidence": evidence}  # fmt: skip
    made = caller.send("POST", caller.path("people", "guardians"), body)
    caller.show(made, f"on record 已登记 (entry {made['entry']})")


@app.command()
@shop_command
def settle(
    caller: Caller,
    reason: Annotated[str, typer.Option(help="why the list is whole; no personal data")],
    said_no: Annotated[
        list[str] | None,
        typer.Option("--no", metavar="PURPOSE=PERSON", help="said no since; repeatable"),
    ] = None,
) -> None:
    """After a restore: name every no that the copy lacks; consents count again then."""
    pairs = [one.partition("=") for one in said_no or ()]
    body = {
        "said_no": [{"purpose": purpose, "person": person_body(who)} for purpose, _, who in pairs],
        "reason": reason,
    }
    made = caller.send("POST", caller.path("people", "consents:settle"), body)
    caller.show(made, f"settled, {len(pairs)} withdrawn · 已核对 (entry {made['entry']})")


def told(caller: Caller, made: dict[str, Any]) -> None:
    """What was recorded."""
    caller.show(made, f"{made['state']} · 已登记 (entry {made['entry']})")


def new_action() -> str:
    """The id of this one action."""
    return "".join(secrets.choice("bcdfghjkmnpqrstvwxz") for _ in range(16))
