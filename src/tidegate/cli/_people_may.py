"""`tidegate people may`: the gate's one question, asked now. Nothing is recorded by asking."""

from typing import Annotated

import typer

from tidegate.cli._command import REFUSED_EXIT, Caller, shop_call
from tidegate.cli._persons import Person, person_body

app = typer.Typer()


@app.command()
@shop_call
def may(
    caller: Caller,
    person: Person,
    purpose: Annotated[str, typer.Argument(help="as the notice names it")],
    field: Annotated[list[str] | None, typer.Option(help="repeat for several")] = None,
    recipient: Annotated[str, typer.Option(help="who outside receives it")] = "",
    channel: Annotated[str, typer.Option(help="by which a message would leave")] = "",
) -> None:
    """Whether fields of a person may be used for a purpose now. Ends with 0 yes, 1 no."""
    body = {
        "person": person_body(person), "purpose": purpose, "fields": field or [],
        "recipient": recipient, "channel": channel,
    }  # fmt: skip
    found = caller.send("POST", caller.path("people", "may"), body, has_id=False)
    if found["allowed"]:
        caller.show(found, f"yes 可以: {found['evidence']}")
        return
    caller.show(found, f"no 不可以: {found['reason']}: {found['words']} ({found['article']})")
    raise typer.Exit(REFUSED_EXIT)
