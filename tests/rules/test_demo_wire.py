"""The hand-made HTTP client cuts answers where they end, whatever pieces they come in."""

import pytest

from tidegate.demo.wire import Answer, BadAnswer, take_answers

CREATED = b'HTTP/1.1 201 Created\r\nContent-Length: 7\r\nServer: x\r\n\r\n{"a":1}'
BUSY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nRetry-After: 2\r\n\r\n"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
)


def test_several_answers_in_one_piece() -> None:
    buffer = bytearray(CREATED + BUSY + CHUNKED)
    assert take_answers(buffer) == [
        Answer(201, b'{"a":1}', 0.0),
        Answer(503, b"", 2.0),
        Answer(200, b"abcde", 0.0),
    ]
    assert buffer == b""


@pytest.mark.parametrize("stream", [CREATED, BUSY, CHUNKED])
def test_byte_by_byte_gives_the_same_as_at_once(stream: bytes) -> None:
    whole = take_answers(bytearray(stream))
    buffer, answers = bytearray(), []
    for at in range(len(stream)):
        buffer += stream[at : at + 1]
        answers += take_answers(buffer)
    assert answers == whole
    assert len(answers) == 1


def test_an_answer_without_a_length_has_no_body() -> None:
    assert take_answers(bytearray(b"HTTP/1.1 204 No Content\r\n\r\n")) == [Answer(204, b"", 0.0)]


def test_a_retry_after_date_counts_as_a_second() -> None:
    dated = BUSY.replace(b": 2", b": Tue, 26 Oct 2021 00:00:00 GMT")
    assert take_answers(bytearray(dated))[0].retry_after_s == 1.0


@pytest.mark.parametrize("stream", [b"HTTP/2 200\r\n\r\n", b"SSH-2.0-x\r\n\r\n"])
def test_what_is_no_answer_is_named(stream: bytes) -> None:
    with pytest.raises(BadAnswer):
        take_answers(bytearray(stream))
