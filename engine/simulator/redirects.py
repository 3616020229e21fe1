"""The second listener, to which a redirect fault points: it records whether anybody brings a key along."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import web

KEY_HEADERS = ("apikey", "builder-apikey", "authorization", "poly_api_key", "poly_signature")
"""Headers that carry a secret at any venue, in lower case."""


@dataclass(frozen=True, slots=True)
class FollowedRequest:
    """A request that followed a redirect; `brought_key` says whether a secret came with it."""

    method: str
    path: str
    brought_key: bool


@dataclass(slots=True)
class RedirectTarget:
    """Answers everything with a redirect to itself, and remembers what came."""

    base_url: str = ""
    received: list[FollowedRequest] = field(default_factory=list)

    @property
    def keys_received(self) -> int:
        """How many requests brought a secret."""
        return sum(request.brought_key for request in self.received)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Record the request and send it round again."""
        brought_key = any(name in request.headers for name in KEY_HEADERS)
        self.received.append(FollowedRequest(request.method, request.path, brought_key))
        return web.Response(status=307, headers={"Location": self.base_url + request.raw_path})
