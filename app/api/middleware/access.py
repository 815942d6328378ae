"""Check a caller's key, rate and open requests before any of the body is read."""

import ipaddress
from collections import Counter
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.catalogue import NO_KEY
from app.api.handlers import problem_response
from app.api.problems import ProblemError, problem
from app.api.rate import RateLimit
from app.api.trace import trace_of
from app.service.keys import known

OPEN = {
    *("/", "/about-models"),
    *("/health/live", "/health/ready"),
    *("/docs", "/redoc", "/openapi.json"),
}
OPEN_FOLDERS = ("/static/", "/docs-assets/")
"""Paths that need no key, since browsers and orchestrators cannot send one; nothing there is
secret.
"""

BUSY_RETRY_AFTER = 1.0
"""Seconds in which one of the requests of an address is likely to finish."""


class Access:
    """ASGI middleware: 401 without a valid key, if keys are configured, and 429 beyond the limits.

    `hashes` are those of the accepted keys; without any, everybody has access. A caller is
    identified by its key, or else by its address, and may send `per_minute` requests a minute; 0
    means no limit. An address may have `at_once` open requests, so that clients that stall cannot
    lock everybody else out.
    """

    def __init__(
        self, app: ASGIApp, hashes: Collection[str], per_minute: int, at_once: int
    ) -> None:
        self.app = app
        self.at_once = at_once
        self.open: Counter[str] = Counter()
        self.hashes = hashes
        self.rate = RateLimit(per_minute) if per_minute else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the request and pass it on, or respond with a problem."""
        if scope["type"] != "http" or is_open(scope["path"]):
            await self.app(scope, receive, send)
            return
        address = _address(scope)
        try:
            self._admit(scope, address)
        except ProblemError as refusal:
            await problem_response(Request(scope), refusal)(scope, receive, send)
            return
        self.open[address] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.open[address] -= 1
            if not self.open[address]:
                del self.open[address]

    def _admit(self, scope: Scope, address: str) -> None:
        given = _key(Headers(scope=scope))
        key = known(given, self.hashes) if given else None
        trace = trace_of(scope)
        trace.key, trace.client = (key[:8] if key else None), key or address
        # Before the key is checked, so that guessing keys is limited, too.
        if self.rate is not None and (wait := self.rate.wait(key or address)):
            raise problem("rate-limited", retry_after=wait)
        if self.hashes and not key:
            detail = NO_KEY["reason"]
            if given:
                detail = "The key is not valid."
            challenge = {"WWW-Authenticate": 'Bearer realm="denoiser"'}
            raise problem("unauthorized", headers=challenge, reason=detail)
        if self.open[address] >= self.at_once:
            raise problem("too-many-requests", retry_after=BUSY_RETRY_AFTER, limit=self.at_once)


def is_open(path: str) -> bool:
    """Return whether a path needs no key."""
    return path in OPEN or path.startswith(OPEN_FOLDERS)


def _key(headers: Headers) -> str:
    """Return the key that a request carries; empty without one."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "").strip()


def _address(scope: Scope) -> str:
    """Return the caller's address; for IPv6 its /64 network, all of which one machine may use."""
    host = scope["client"][0] if scope.get("client") else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:  # a local socket
        return host
    if isinstance(address, ipaddress.IPv6Address) and not address.ipv4_mapped:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host
