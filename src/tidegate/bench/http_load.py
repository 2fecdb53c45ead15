"""Load over HTTP by wrk, with a script made at run time: unique ids, new buyers, priced orders.

wrk keeps every connection busy and counts what it could not send or what was not answered with
2xx or 3xx. Ids are unique over threads and runs: each run gets its own prefix. Where wrk is missing
and cannot be installed, the bench is skipped; a slower client never stands in for it silently.
"""

import json
import os
import re
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tidegate.bench.figures import BenchSkipped

CONNECTIONS = 64
INSTALL_DEADLINE_S = 120
WRK_GRACE_S = 30
RESULT_MARK = "TIDEGATE "

# Called by wrk in its own Lua state when all threads are done.
DONE = """
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    'TIDEGATE {"requests": %d, "duration_us": %d, "bytes": %d, "p50_us": %d, "p99_us": %d, '
    .. '"max_us": %d, "status": %d, "connect": %d, "read": %d, "write": %d, "timeout": %d}\\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50),
    latency:percentile(99), latency.max, e.status, e.connect, e.read, e.write, e.timeout))
end
"""

# A thread numbers itself: `setup` runs before the threads' own states start.
SETUP = """
local threads = 0
setup = function(thread)
  thread:set("thread_number", threads)
  threads = threads + 1
end
"""

ORDER = """
local count = 0
local head = {head}
local tail = {tail}
local before_id, after_id, after_time, after_buyer = {pieces}
request = function()
  count = count + 1
  local id = {prefix} .. thread_number .. "-" .. count
  local body = before_id .. id .. after_id .. {placed_at} .. after_time .. id .. after_buyer
  return head .. #body .. tail .. body
end
"""

ECHO_BODY = json.dumps(
    {
        "id": "T-0000000001", "channel": "web", "paid": True, "charged_fen": 3990,
        "buyer": {"account": "u0000000001"}, "lines": [{"sku": "A", "quantity": 1}],
    }
)  # fmt: skip


@dataclass(frozen=True)
class Load:
    """What wrk saw."""

    requests: int
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    status_errors: int  # answered, but above 399
    socket_errors: int

    @property
    def failed(self) -> int:
        """Requests without a good answer."""
        return self.status_errors + self.socket_errors


def wrk_program() -> str:
    """Path of wrk; installs Debian's package when allowed to; raises BenchSkipped."""
    found = shutil.which("wrk")
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        _install()
        found = shutil.which("wrk")
    if found is None:
        raise BenchSkipped("wrk is missing: apt-get install wrk (or brew install wrk)")
    return found


def echo_script() -> str:
    """Posts of an order's size, always the same."""
    return (
        'wrk.method = "POST"\n'
        'wrk.headers["Content-Type"] = "application/json"\n'
        f"wrk.body = {_lua(ECHO_BODY)}\n" + DONE
    )


def order_script(
    path: str,
    key: str,
    order: dict[str, object],
    placed_at_ms: int,
    *,
    host: str = "127.0.0.1",
    prefix: str | None = None,
) -> str:
    """One order a request: `order` with an id and an account of its own in each.

    `order` has neither "id", "placed_at" nor "buyer". The time goes out as it is: it is the
    caller's to keep it within what the shop accepts.
    """
    text = json.dumps(order, separators=(",", ":"))
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
        "Content-Type: application/json\r\nContent-Length: "
    )
    pieces = ('{"id":"', '","placed_at":', ',"buyer":{"account":"u', '"},' + text[1:])
    values = {
        "head": _lua(head),
        "tail": _lua("\r\n\r\n"),
        "pieces": ", ".join(_lua(piece) for piece in pieces),
        "prefix": _lua(prefix or f"B{secrets.token_hex(4)}-"),
        "placed_at": _lua(str(placed_at_ms)),
    }
    # Not str.format: the Lua text has braces of its own.
    body = re.sub(r"\{(head|tail|pieces|prefix|placed_at)\}", lambda m: values[m[1]], ORDER)
    return SETUP + body + DONE


def load(
    url: str, script: str, folder: Path, seconds: float, connections: int = CONNECTIONS,
    threads: int = 1,
) -> Load:  # fmt: skip
    """Run wrk for whole seconds (at least one) and read what it says."""
    program = wrk_program()
    path = folder / "load.lua"
    path.write_text(script, encoding="utf-8")
    whole_s = max(1, round(seconds))
    done = subprocess.run(
        [program, f"-t{threads}", f"-c{connections}", f"-d{whole_s}s", "-s", str(path), url],
        capture_output=True, text=True, timeout=whole_s + WRK_GRACE_S, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"wrk failed: {(done.stderr or done.stdout).strip()[-400:]}")
    return parse(done.stdout)


def parse(text: str) -> Load:
    """Read the line that our script printed after the load."""
    for line in text.splitlines():
        if line.startswith(RESULT_MARK):
            seen: dict[str, int] = json.loads(line.removeprefix(RESULT_MARK))
            return Load(
                requests=seen["requests"],
                requests_per_s=seen["requests"] / (seen["duration_us"] / 1e6),
                p50_ms=seen["p50_us"] / 1e3,
                p99_ms=seen["p99_us"] / 1e3,
                max_ms=seen["max_us"] / 1e3,
                status_errors=seen["status"],
                socket_errors=seen["connect"] + seen["read"] + seen["write"] + seen["timeout"],
            )
    raise RuntimeError(f"wrk printed no result: {text.strip()[-400:]}")


def _install() -> None:
    """Try Debian's package; what goes wrong is told by wrk still being missing."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(
            ["apt-get", "install", "-y", "-q", "wrk"],  # noqa: S607  the system's own
            capture_output=True, env=environment, timeout=INSTALL_DEADLINE_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return


def _lua(text: str) -> str:
    """A Lua string literal; JSON's escapes of control characters are turned into Lua's."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r")
    return '"' + escaped.replace("\n", "\\n").replace("\0", "\\0") + '"'
