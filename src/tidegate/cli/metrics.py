"""`tidegate metrics`: everything that the server counts, as Prometheus reads it."""

from typing import Any

import typer

from tidegate.cli._client import Request
from tidegate.cli._command import Caller, server_call

app = typer.Typer()


@app.command()
@server_call
def metrics(caller: Caller) -> None:
    """Print counts and gauges: Prometheus' text, or with --json a list of samples."""
    client = caller.client
    text = client.checked(client.ask(Request("GET", "/metrics"))).body.decode()
    caller.show(samples(text) if caller.as_json else None, text.rstrip("\n"))


def samples(text: str) -> list[dict[str, Any]]:
    """Every sample with its name, labels and value."""
    from prometheus_client.parser import text_string_to_metric_families

    return [
        {"name": sample.name, "labels": sample.labels, "value": sample.value}
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]
