"""Only pages of this very server may use it: other web sites may not, whatever they try.

A site can make a browser send requests to 127.0.0.1 (CSRF), and can give its own name that address
(DNS rebinding). In the first case `Origin` tells, in the second `Host`.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_OURS = ("127.0.0.1", "localhost")
_HARMLESS = ("GET", "HEAD")
_OWN_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; frame-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Refuses what does not come from our own page; adds the headers that every answer has."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", _OWN_PAGE)
            await send(message)

        why = _objection(scope["method"], Headers(scope=scope))
        answer = JSONResponse({"error": why}, 403) if why else self._app
        await answer(scope, receive, with_headers)


def _objection(method: str, headers: Headers) -> str:
    """Why a request is refused; empty where it is not."""
    hosts, origins = headers.getlist("host"), headers.getlist("origin")
    if len(hosts) != 1 or _name_of(hosts[0]) not in _OURS:
        return "This page answers under http://127.0.0.1 and http://localhost only."
    # The whole origin: a page at another port of this machine is another site. A tunnel may give
    # us another port than the one we listen at, so that is not looked at.
    same = origins == [f"http://{hosts[0]}"]
    if (origins and not same) or (method not in _HARMLESS and not same):
        return "Other web sites may not use this page."
    return ""


def _name_of(host: str) -> str:
    name, _, port = host.partition(":")
    return name.lower() if not port or port.isdecimal() else ""
