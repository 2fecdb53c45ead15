"""What our protocol relies on in the server it extends: no upgrade changes it unseen."""

import inspect

import pytest
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import Server

from tidegate.http.protocol import DoorProtocol


def body(function: object) -> str:
    return inspect.getsource(function)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    [
        "connection_made", "connection_lost", "data_received", "shutdown", "pause_writing",
        "resume_writing", "on_message_begin", "on_url", "on_header", "on_headers_complete",
        "on_body", "on_message_complete", "on_response_complete", "send_400_response",
        "_start_asgi_task", "_unset_keepalive_if_required",
    ],
)  # fmt: skip
def test_what_we_override_or_call_is_there(name: str) -> None:
    assert callable(getattr(HttpToolsProtocol, name))


def test_ours_are_the_only_new_names_on_a_connection() -> None:
    own = {name for name in vars(DoorProtocol) if not name.startswith("__")}
    new = own - set(dir(HttpToolsProtocol))
    assert new == {
        "parse", "learn", "take_order", "read_on", "takes_orders", "running", "take_answers",
        "send_answers", "end_with", "refuse", "sweep", "idle_s",
    }  # fmt: skip


def test_queued_requests_are_started_as_we_start_them() -> None:
    assert "cycle, app = self.pipeline.pop()" in body(HttpToolsProtocol.on_response_complete)
    assert "self._start_asgi_task(cycle, app)" in body(HttpToolsProtocol.on_response_complete)
    assert "self.pipeline.appendleft((self.cycle, app))" in body(
        HttpToolsProtocol.on_headers_complete
    )


@pytest.mark.parametrize(
    "name", ["response_complete", "response_started", "more_body", "keep_alive", "disconnected"]
)
def test_a_cycle_has_what_ours_stands_in_for(name: str) -> None:
    assert f"self.{name} = " in body(RequestResponseCycle.__init__)


def test_the_server_makes_a_new_list_of_default_headers_when_they_change() -> None:
    """Our answers keep the rendered block for as long as the list is the same object."""
    assert "self.server_state.default_headers = date_header" in body(Server.on_tick)


def test_a_protocol_class_is_a_setting() -> None:
    config = Config(lambda: None, http=DoorProtocol)
    config.load()
    assert config.http_protocol_class is DoorProtocol
