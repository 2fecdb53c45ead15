"""The documented HTTP API as the demo's set-up uses it: one call at a time, by one person's key.

Always holds: an answer that is no success raises with the server's own words. Never here: the
crowd; that goes through `load`.
"""

import http.client
import json
import subprocess
import sys
from typing import Any

from tidegate.demo.server import HOST


class CallRefused(Exception):
    """The server did not do what the set-up needs."""


class ShopApi:
    """Calls with one key."""

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._key = key

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """The JSON object of a 2xx answer. Raises CallRefused."""
        connection = http.client.HTTPConnection(HOST, self._port, timeout=30)
        headers = {"Authorization": f"Bearer {self._key}"}
        data = None
        if body is not None:
            data = json.dumps(body)
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            text = answer.read()
        except OSError as error:
            raise CallRefused(f"{method} {path}: {error}") from error
        finally:
            connection.close()
        if not 200 <= answer.status < 300:
            quoted = text[:500].decode("utf-8", "replace")
            raise CallRefused(f"{method} {path}: {answer.status} {quoted}")
        found: dict[str, Any] = json.loads(text) if text else {}
        return found


def command_line(*arguments: str) -> dict[str, Any]:
    """`tidegate ARGUMENTS --json`, and the object that it prints. Raises CallRefused."""
    command = [sys.executable, "-m", "tidegate.cli.main", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace")[-1_000:]
        raise CallRefused(f"tidegate {' '.join(arguments)}: {said}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
