"""Everything that can go wrong at the door, in one shape: RFC 9457 problem documents.

Every problem carries `type`, `title`, `status`, `detail`, `reason`, `reason_number` and
`retry_with_new_id`, whatever refused it: the parser, the framework, a guard of the desk. Numbers
are permanent; the desk's own are below 256, the door's start at 1001. A problem never repeats a
body, a key or a value that could be somebody's personal data.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from tidegate.domain.reasons import REASON_TEXTS, Reason
from tidegate.http.languages import CHINESE, ENGLISH, Language

PROBLEM_TYPE = "/problems/"
PROBLEM_MEDIA_TYPE = b"application/problem+json"
JSON_MEDIA_TYPE = b"application/json"

REFUSED = 409  # the status of every refusal by the desk


class Kind(NamedTuple):
    """One kind of problem that the door itself finds."""

    name: str
    number: int
    status: int
    retry_with_new_id: bool
    english: str
    chinese: str


MALFORMED = Kind("malformed", 1001, 400, False, "the request is not well formed", "请求格式错误")
NOT_AUTHENTICATED = Kind(
    "not_authenticated", 1002, 401, False, "no valid key was given", "缺少有效密钥"
)
NOT_PERMITTED = Kind(
    "not_permitted", 1003, 403, False, "this key may not do that", "该密钥无此权限"
)
NOT_FOUND = Kind("not_found", 1004, 404, False, "there is nothing here", "未找到")
METHOD_NOT_ALLOWED = Kind(
    "method_not_allowed", 1005, 405, False, "not with this method", "不支持该请求方法"
)
REQUEST_TIMEOUT = Kind(
    "request_timeout", 1006, 408, False, "the request came too slowly", "请求超时"
)
BODY_TOO_LARGE = Kind("body_too_large", 1007, 413, False, "the body is too large", "请求体过大")
URL_TOO_LONG = Kind("url_too_long", 1008, 414, False, "the address is too long", "网址过长")
UNSUPPORTED_MEDIA_TYPE = Kind(
    "unsupported_media_type", 1009, 415, False, "not in this media type", "不支持的内容类型"
)
UNPROCESSABLE = Kind(
    "unprocessable", 1010, 422, False, "a field is missing, unknown or out of bounds",
    "字段缺失、未知或超出范围",
)  # fmt: skip
PERSONAL_DATA = Kind(
    "personal_data", 1011, 422, False, "an id or note looks like personal data",
    "编号或备注疑似包含个人信息",
)  # fmt: skip
ID_MISMATCH = Kind(
    "id_mismatch", 1012, 422, False, "Idempotency-Key is not the id", "Idempotency-Key 与编号不一致"
)
RATE_LIMITED = Kind(
    "rate_limited", 1013, 429, False, "too many new ids from this key", "该密钥的新编号过多"
)
HEADERS_TOO_LARGE = Kind(
    "headers_too_large", 1014, 431, False, "the headers are too large", "请求头过大"
)
INTERNAL = Kind(
    "internal",
    1015,
    500,
    False,
    "an error of ours; repeat the same id",
    "系统错误，请用同一编号重试",
)
BUSY = Kind("busy", 1016, 503, False, "busy; repeat the same id", "繁忙，请用同一编号重试")
UNDECIDED = Kind(
    "undecided", 1017, 503, False, "not known to be decided; repeat the same id",
    "尚未确认结果，请用同一编号重试",
)  # fmt: skip
UNREADY = Kind(
    "unready", 1018, 503, False, "this shop takes no requests now; repeat the same id",
    "该店铺暂不受理，请用同一编号重试",
)  # fmt: skip
EXPECTATION_FAILED = Kind(
    "expectation_failed", 1019, 417, False, "that expectation cannot be met", "无法满足 Expect 要求"
)
APPROVAL_NEEDED = Kind(
    "approval_needed", 1020, 409, False, "a different person must approve this", "须由另一人批准"
)
NOT_PUBLISHABLE = Kind(
    "not_publishable", 1021, 409, False, "this draft is not as far as that", "该草稿尚不能发布"
)
BREAKER_OPEN = Kind(
    "breaker_open", 1022, 409, False, "the breaker does not allow this now", "熔断器当前不允许"
)
NOT_SIGNED = Kind(
    "not_signed", 1023, 401, False, "no channel's signature that counts", "缺少有效的渠道签名"
)
NOT_OPEN = Kind("not_open", 1024, 409, False, "this way is not open for it", "此方式对其不可用")
NOT_DONE = Kind(
    "not_done", 1025, 409, True, "this cannot be done as things stand now", "目前状态下无法执行"
)
NOT_LAWFUL = Kind(
    "not_lawful", 1026, 409, False, "the law does not allow this now", "目前不具备合法依据"
)
NOTICE_INCOMPLETE = Kind(
    "notice_incomplete", 1027, 422, False, "the notice lacks something that it must say",
    "告知内容不完整",
)  # fmt: skip
KEY_REUSED = Kind(
    "key_reused", 1028, 409, True, "this key stands for another message", "该键已用于另一条消息"
)

KINDS: tuple[Kind, ...] = (
    MALFORMED, NOT_AUTHENTICATED, NOT_PERMITTED, NOT_FOUND, METHOD_NOT_ALLOWED, REQUEST_TIMEOUT,
    BODY_TOO_LARGE, URL_TOO_LONG, UNSUPPORTED_MEDIA_TYPE, UNPROCESSABLE, PERSONAL_DATA, ID_MISMATCH,
    RATE_LIMITED, HEADERS_TOO_LARGE, INTERNAL, BUSY, UNDECIDED, UNREADY, EXPECTATION_FAILED,
    APPROVAL_NEEDED, NOT_PUBLISHABLE, BREAKER_OPEN, NOT_SIGNED, NOT_OPEN, NOT_DONE,
    NOT_LAWFUL, NOTICE_INCOMPLETE, KEY_REUSED,
)  # fmt: skip
_BY_STATUS = {kind.status: kind for kind in reversed(KINDS)} | {503: BUSY, 409: APPROVAL_NEEDED}


@dataclass
class Problem(Exception):
    """Raise it anywhere behind the door; the answer is made from it."""

    kind: Kind
    detail: str = ""
    detail_zh: str = ""
    retry_after_s: float = 0.0
    figures: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.detail or self.kind.english


class Answer(NamedTuple):
    """A finished answer: the status decides the media type."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


def problem_answer(problem: Problem, language: Language) -> Answer:
    """The problem as it goes out, with `Retry-After` or `WWW-Authenticate` where they belong."""
    kind = problem.kind
    title = kind.chinese if language == CHINESE else kind.english
    detail = problem.detail
    if language == CHINESE:
        detail = problem.detail_zh or (title if not detail else f"{title}：{detail}")
    document: dict[str, Any] = {
        "type": PROBLEM_TYPE + kind.name,
        "title": title,
        "status": kind.status,
        "detail": detail or title,
        "reason": kind.name,
        "reason_number": kind.number,
        "retry_with_new_id": kind.retry_with_new_id,
    }
    headers: list[tuple[bytes, bytes]] = []
    if problem.retry_after_s > 0 or kind.status == BUSY.status:
        seconds = max(1, -int(-problem.retry_after_s // 1))
        headers.append((b"retry-after", b"%d" % seconds))
        document["retry_after_s"] = seconds
    if kind is NOT_AUTHENTICATED:
        headers.append((b"www-authenticate", b'Bearer realm="tidegate"'))
    document.update(problem.figures)
    return Answer(kind.status, msgspec.json.encode(document), tuple(headers))


def refusal_document(
    reason: Reason, language: Language, detail: str, figures: Mapping[str, Any]
) -> dict[str, Any]:
    """The problem document of a refusal by the desk; `detail` empty = the reason's own words."""
    text = REASON_TEXTS[reason]
    title = text.chinese if language == CHINESE else text.english
    return {
        "type": PROBLEM_TYPE + text.name,
        "title": title,
        "status": REFUSED,
        "detail": detail or title,
        "reason": text.name,
        "reason_number": int(reason),
        "retry_with_new_id": text.retry_with_new_id,
        **figures,
    }


def kind_for_status(status: int) -> Kind:
    """The kind for a status that the framework or the parser came to by itself."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return INTERNAL if status >= INTERNAL.status else MALFORMED


def described(name: str, language: Language = ENGLISH) -> dict[str, Any] | None:
    """What a problem type means, for whoever follows its URI; None for a name that is none."""
    for kind in KINDS:
        if kind.name == name:
            words = kind.chinese if language == CHINESE else kind.english
            return _description(name, kind.number, kind.status, words, kind.retry_with_new_id)
    for reason, text in REASON_TEXTS.items():
        if text.name == name and reason != Reason.ACCEPTED:
            words = text.chinese if language == CHINESE else text.english
            return _description(name, int(reason), REFUSED, words, text.retry_with_new_id)
    return None


def _description(name: str, number: int, status: int, title: str, again: bool) -> dict[str, Any]:
    return {
        "type": PROBLEM_TYPE + name,
        "title": title,
        "status": status,
        "reason": name,
        "reason_number": number,
        "retry_with_new_id": again,
    }
