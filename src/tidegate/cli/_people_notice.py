"""`tidegate people notice`: what persons are told; check, publish, list, read, show."""

from pathlib import Path
from typing import Annotated, Any

import typer

from tidegate.cli._client import Request, WrongUsage
from tidegate.cli._command import Caller, shop_call, shop_command
from tidegate.cli._persons import Person, person_body
from tidegate.cli._store import AsJson

app = typer.Typer(help="What persons are told, version by version.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="YAML or JSON", exists=True, dir_okay=False)]
SameMeaning = Annotated[
    list[str] | None,
    typer.Option(metavar="PURPOSE=WHY", help="only its words changed, and who says so; repeatable"),
]
Html = Annotated[bool, typer.Option("--html", help="a page to print, not plain text")]


@app.callback()
def notice() -> None:
    """What persons are told, version by version · 告知."""


@app.command()
@shop_call
def check(caller: Caller, file: File, same_meaning: SameMeaning = None) -> None:
    """Say what a notice lacks, and whom it asks again. Ends with 1 where it lacks something."""
    found = caller.send(
        "POST", caller.path("people", "notices:check"), body_of(file, same_meaning), has_id=False
    )
    lines = [f"sha256 {found['sha256']}"]
    lines += [f"{one['article']}: {one['place']}: {one['mend']}" for one in found["gaps"]]
    lines += [f"asked again 重新征得同意: {purpose} ({', '.join(what)})"
              for purpose, what in found["asked_again"].items()]  # fmt: skip
    lines.append(f"{len(found['gaps'])} gaps 缺项")
    caller.show(found, "\n".join(lines))
    if found["gaps"]:
        raise typer.Exit(1)


@app.command()
@shop_call
def publish(caller: Caller, file: File, same_meaning: SameMeaning = None) -> None:
    """Put a notice in force; the same again changes nothing."""
    body = body_of(file, same_meaning)
    name = str(body["document"]["notice"])
    made = caller.send("PUT", caller.path("people", "notices", name), body, has_id=False)
    again = ", ".join(made["asked_again"]) or "-"
    caller.show(
        made,
        f"notice {name} version {made['version']} in force · 告知已生效"
        f" (entry {made['entry']}, sha256 {made['sha256']}); asked again 重新征得同意: {again}",
    )


@app.command("list")
@shop_call
def list_(caller: Caller) -> None:
    """List the notices in force."""
    found = caller.get(caller.path("people", "notices"))
    lines = [
        f"{one['notice']} {one['version']}  {one['sha256']}  {', '.join(one['purposes'])}"
        for one in found["notices"]
    ]
    caller.show(found, "\n".join(lines) or "none 无")


@app.command()
@shop_call
def read(caller: Caller, name: str, version: int = 0, html: Html = False) -> None:
    """Print a notice as persons read it, in the language of the terminal."""
    query = [f"version={version}"] if version else []
    query += ["form=html"] if html else []
    path = caller.path("people", "notices", name) + ("?" + "&".join(query) if query else "")
    answer = caller.anyone.ask(Request("GET", path))
    if answer.status != 200:
        raise WrongUsage(f"there is no such notice or version: {name}")
    text = answer.body.decode()
    caller.show({"text": text}, text.rstrip("\n"))


@app.command()
@shop_command
def serve(
    caller: Caller,
    person: Person,
    name: str = "main",
    language: Annotated[str, typer.Option(help="zh-CN or en")] = "zh-CN",
    html: Html = False,
) -> None:
    """Show a notice to a person, on record, and print what was shown."""
    body = {
        "person": person_body(person), "language": language, "form": "html" if html else "plain",
        "screen": "command-line",
    }  # fmt: skip
    served = caller.send("POST", caller.path("people", "notices", name, "serve"), body)
    told = f"shown 已出示 (entry {served['entry']}, sha256 {served['sha256']})"
    caller.show(served, f"{served['text']}\n{told}")


@app.command()
def example(as_json: AsJson = False) -> None:
    """Print a complete notice to start from."""
    from tidegate.people.notices.reading import example_text, read_notice

    if as_json:
        import msgspec

        typer.echo(msgspec.json.encode(read_notice(example_text())).decode())
    else:
        typer.echo(example_text())


def body_of(file: Path, same_meaning: list[str] | None) -> dict[str, Any]:
    """A notice's file as it is sent. Raises WrongUsage."""
    import msgspec

    from tidegate.people.notices.reading import NoticeUnreadable, read_notice

    try:
        document = msgspec.to_builtins(read_notice(file.read_text("utf-8")))
    except (NoticeUnreadable, UnicodeDecodeError) as wrong:
        raise WrongUsage(f"{file}: {wrong}") from None
    pairs = dict(one.partition("=")[::2] for one in same_meaning or ())
    if not all(pairs.values()):
        raise WrongUsage("--same-meaning PURPOSE=WHY: say why, and who judged")
    return {"document": document, "same_meaning": pairs}
