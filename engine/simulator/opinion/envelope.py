"""The envelopes of Opinion's answers, written without looking at anybody's decoder."""

from __future__ import annotations

import json
from typing import Any

from engine.simulator.wire import Reply

JSON_TYPE = "application/json"


class RefusedError(Exception):
    """The venue refuses what was asked: its code and words, and the HTTP status that carries them."""

    def __init__(self, code: int, message: str, *, status: int = 200) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def dump(value: Any) -> bytes:
    """JSON as the venue writes it: compact, in UTF-8."""
    return json.dumps(value, separators=(",", ":")).encode()


def json_reply(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    """Any JSON value as a complete answer."""
    return Reply(status=status, headers={"Content-Type": JSON_TYPE, **(headers or {})}, body=dump(value))


def envelope(dialect: str, code: int, message: str, result: Any) -> dict[str, Any]:
    """The envelope in the dialect `errno` (errno, errmsg, result) or `code` (code, msg, result)."""
    if dialect == "code":
        return {"code": code, "msg": message or "success", "result": result}
    return {"errno": code, "errmsg": message, "result": result}


def acceptance(dialect: str, result: Any) -> Reply:
    """HTTP 200 with code 0 and the result."""
    return json_reply(envelope(dialect, 0, "", result))


def refusal(dialect: str, refused: RefusedError, *, headers: dict[str, str] | None = None) -> Reply:
    """A refusal in the envelope, with a null result."""
    body = envelope(dialect, refused.code, refused.message, None)
    return json_reply(body, status=refused.status, headers=headers)
