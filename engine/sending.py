"""Put one request on the wire and bring back what it means, or why it means nothing.

A request that has begun is not torn off by a stop: it is sheltered until its answer comes, its time is up, or, once the run
is to stop, a short grace has passed. So what the venue has said by then is not lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import anyio

from engine.core.request import Account
from engine.errors import ThrottledError, TransportError, VenueError
from engine.log import wants_debug
from engine.pacing import Lane, Turn
from engine.venues.base import HttpAnswer, HttpRequest, Transport, Venue

T = TypeVar("T")

SHORTEST_MASKED = 6
"""A secret shorter than this is not searched for in answers: it would be found in ordinary words."""


class Sender:
    """One account's requests in one call.

    Args:
        grace_s: How long an answer on its way is waited for after a stop; None for calls that only read, and lose nothing.

    Attributes:
        requests: How many have left.
    """

    def __init__(
        self, venue: Venue, account: Account, lane: Lane, transport: Transport, *, grace_s: float | None, log: Any
    ) -> None:
        self.venue = venue
        self.account = account
        self.lane = lane
        self.requests = 0
        self._transport = transport
        self._grace_s = grace_s
        self._log = log
        self._shelters: set[anyio.CancelScope] = set()
        self._secrets = tuple(secret.encode() for secret in venue.secrets(account) if len(secret) >= SHORTEST_MASKED)

    async def ask(
        self, request: HttpRequest, turn: Turn, decode: Callable[[HttpAnswer, float], T], *, kind: str
    ) -> T | VenueError:
        """Send the request and decode its answer.

        Returns:
            What `decode` makes of the answer, or the `VenueError` that says why there is none. Raises nothing else, except the
            cancellation of the caller.
        """
        try:
            answer = await self._send(request, turn)
            came: T | VenueError = decode(answer, time.time())
        except VenueError as error:
            came = error
        if isinstance(came, ThrottledError):
            if not self.lane.hold(turn, came.retry_after_s):
                came = ThrottledError(f"{came}; given up", retry_after_s=came.retry_after_s, code=came.code, is_final=True)
        elif not isinstance(came, VenueError):
            self.lane.hear()
        if wants_debug():
            self._tell(kind, came)
        return came

    def hurry(self) -> None:
        """The run is to stop: requests on their way get a short grace, and no more."""
        until_s = anyio.current_time() + (self._grace_s or 0.0)
        for shelter in self._shelters:
            shelter.deadline = min(shelter.deadline, until_s)

    async def _send(self, request: HttpRequest, turn: Turn) -> HttpAnswer:
        timeout_s = self.venue.timeout_s
        answer: HttpAnswer | None = None
        shelter = anyio.CancelScope(shield=self._grace_s is not None, deadline=anyio.current_time() + timeout_s)
        self._shelters.add(shelter)
        try:
            with shelter:
                answer = await self._transport.send(request, on_sent=turn.left)
                turn.left()  # what was answered has left, whether the transport said so or not
        except TransportError as error:
            if error.sent:
                turn.left()
            error.sent = turn.has_left
            raise
        finally:
            self._shelters.discard(shelter)
            self.requests += turn.has_left
            turn.end(is_answered=answer is not None)
        if answer is None:
            raise TransportError(f"no answer within {timeout_s:g} s, or before the stop", sent=turn.has_left, code="timeout")
        return self._masked(answer)

    def _masked(self, answer: HttpAnswer) -> HttpAnswer:
        """The answer, without our own secrets should it repeat them."""
        for secret in self._secrets:
            if secret in answer.body:
                answer = HttpAnswer(status=answer.status, headers=answer.headers, body=answer.body.replace(secret, b"***"))
        return answer

    def _tell(self, kind: str, came: object) -> None:
        told = {"kind": kind, "account": self.account.name, "venue": self.venue.name}
        if isinstance(came, VenueError):
            self._log.debug("request", **told, failure=type(came).__name__, code=came.code, error=str(came))
        else:
            self._log.debug("request", **told, failure=None)
