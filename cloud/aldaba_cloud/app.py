"""The web application: routers, security headers, and the one place where errors become statuses."""

import html
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from sqlalchemy import text
from sqlalchemy.exc import DataError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aldaba_cloud.access.card_routes import router as card_router
from aldaba_cloud.access.pass_routes import router as pass_router
from aldaba_cloud.access.phone_routes import router as phone_router
from aldaba_cloud.access.pin_routes import router as pin_router
from aldaba_cloud.access.routes import router as access_router
from aldaba_cloud.api.contract import PROBLEM, Service
from aldaba_cloud.api.editions import NotModified
from aldaba_cloud.auth.routes import router as auth_router
from aldaba_cloud.auth.service import Passwords
from aldaba_cloud.billing.collector_routes import router as collector_router
from aldaba_cloud.billing.routes import router as billing_router
from aldaba_cloud.bookings.my_routes import router as my_bookings_router
from aldaba_cloud.bookings.routes import router as bookings_router
from aldaba_cloud.config import Config
from aldaba_cloud.db import Busy, Database, OutOfScope
from aldaba_cloud.deps import SAFE_METHODS, Clock, Cloud, SystemClock
from aldaba_cloud.errors import (
    Forbidden,
    ForgedRequest,
    Missing,
    NotSignedIn,
    Outdated,
    SignatureWrong,
    SignInRefused,
    Taken,
    Throttled,
    TokenInvalid,
)
from aldaba_cloud.fleet.routes import router as fleet_router
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.link.routes import router as link_router
from aldaba_cloud.link.running import start_link
from aldaba_cloud.log import RequestLog, log
from aldaba_cloud.members.routes import contracts_router
from aldaba_cloud.members.routes import router as members_router
from aldaba_cloud.pages.mount import PARTS as PAGES
from aldaba_cloud.pages.mount import mount as mount_pages
from aldaba_cloud.places.routes import router as places_router
from aldaba_cloud.replicas import Replicas
from aldaba_cloud.tasks.routes import router as tasks_router
from aldaba_shared.errors import AldabaError

STATUSES: Final[dict[type[AldabaError], HTTPStatus]] = {
    Missing: HTTPStatus.NOT_FOUND,
    OutOfScope: HTTPStatus.NOT_FOUND,
    Busy: HTTPStatus.SERVICE_UNAVAILABLE,
    Taken: HTTPStatus.CONFLICT,
    Forbidden: HTTPStatus.FORBIDDEN,
    ForgedRequest: HTTPStatus.FORBIDDEN,
    NotSignedIn: HTTPStatus.UNAUTHORIZED,
    SignatureWrong: HTTPStatus.BAD_REQUEST,
    SignInRefused: HTTPStatus.UNAUTHORIZED,
    Throttled: HTTPStatus.TOO_MANY_REQUESTS,
    Outdated: HTTPStatus.PRECONDITION_FAILED,
}
"""Every other error a person can mend is 422: understood, and not usable as it is."""

INVALID_TOKEN: Final = 498
"""What GoCardless wants to hear about a signature that is none; no standard has it."""

SECURITY_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
UNKEPT: Final = ("cache-control", "no-store")
DRESS: Final = tuple((name.encode(), value.encode()) for name, value in (*SECURITY_HEADERS.items(), UNKEPT))
"""As an answer carries them, where it does not say otherwise itself."""


def create_app(
    config: Config, *, clock: Clock | None = None, database: Database | None = None, link: bool = True
) -> FastAPI:
    """Put one service together; whoever passes a database keeps it and closes it.

    Without `link` it does not talk to doors: another process of the service does.
    """
    opened = database or Database(config.database)
    cloud = open_cloud(config, opened, clock)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        replicas = Replicas(cloud.database, cloud.live)
        replicas.start()
        broker = start_link(cloud) if link else None
        yield
        if broker:
            broker.stop()
        replicas.stop()
        if database is None:
            opened.close()

    app = Service(title="Aldaba", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json")
    app.state.cloud = cloud
    _mount(app)
    app.add_middleware(Guard)
    app.add_middleware(RequestLog)
    return app


def open_cloud(config: Config, database: Database, clock: Clock | None = None) -> Cloud:
    """What every process of a service consists of, whatever it is there for."""
    return Cloud(config, database, Keyring(config.key_dir), Passwords(config), clock or SystemClock())


@cache
def _routes() -> tuple[BaseRoute, ...]:
    """Every route, worked out once for all the services of a process: FastAPI reads some thousand signatures for it.

    They stand side by side. FastAPI looks through a router that is included twice, once to find it and once within it.
    """
    routers = (
        auth_router,
        places_router,
        members_router,
        contracts_router,
        access_router,
        pass_router,
        card_router,
        phone_router,
        pin_router,
        bookings_router,
        billing_router,
        collector_router,
        my_bookings_router,
        fleet_router,
        link_router,
        tasks_router,
        *(part.router for part in PAGES),
    )
    own = APIRouter()
    own.add_api_route("/healthz", healthz, include_in_schema=False)
    return tuple(route for router in (*routers, own) for route in router.routes)


def _mount(app: FastAPI) -> None:
    """Every router and every error handler."""
    app.router.routes.extend(_routes())
    mount_pages(app)
    app.add_exception_handler(AldabaError, _on_error)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    for unkeepable in (DataError, UnicodeEncodeError):
        app.add_exception_handler(unkeepable, _on_unkeepable)
    app.add_exception_handler(NotModified, _on_not_modified)
    app.add_exception_handler(Exception, _on_bug)


def healthz(request: Request) -> dict[str, str]:
    """Alive, and the database answers."""
    cloud: Cloud = request.app.state.cloud
    with cloud.database.read() as db:
        db.execute(text("SELECT 1"))
    return {"status": "ok"}


def status_of(kind: type[AldabaError]) -> HTTPStatus:
    """The status that an error becomes."""
    return next((STATUSES[one] for one in kind.__mro__ if one in STATUSES), HTTPStatus.UNPROCESSABLE_ENTITY)


def _on_error(request: Request, error: Exception) -> Response:
    """Turn an error a person can mend into its status, for programs or for browsers."""
    if not isinstance(error, AldabaError):
        raise error
    if isinstance(error, NotSignedIn) and _wants_page(request):
        return RedirectResponse(f"/sign-in?next={quote(request.url.path)}", HTTPStatus.SEE_OTHER)
    answer = problem(request, status_of(type(error)), error.code, str(error))
    if isinstance(error, TokenInvalid):
        answer.status_code = INVALID_TOKEN
    if isinstance(error, Throttled):
        answer.headers["retry-after"] = str(error.seconds)
    return answer


def _on_http(request: Request, error: Exception) -> Response:
    """The framework's own refusals, in our form."""
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    answer = problem(request, status, status.name.lower(), str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


def _on_invalid(request: Request, error: Exception) -> Response:
    """A body or parameter of the wrong shape: every mistake, without echoing what was sent."""
    if not isinstance(error, RequestValidationError):
        raise error
    found = error.errors()
    mistakes = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in found]
    errors = [_mistake(item["loc"], item["msg"]) for item in found]
    return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", "; ".join(mistakes), errors=errors)


def _mistake(where: Sequence[str | int], told: str) -> dict[str, str]:
    """One mistake as a program can use it: a JSON pointer (RFC 6901) into the body, or the parameter's name."""
    part, *steps = (str(step) for step in where)
    if part == "body":
        return {"pointer": "".join(f"/{step.replace('~', '~0').replace('/', '~1')}" for step in steps), "detail": told}
    return {"header" if part == "header" else "parameter": steps[0] if steps else part, "detail": told}


def _on_not_modified(_request: Request, error: Exception) -> Response:
    """Who has this edition already gets its tag and no body."""
    if not isinstance(error, NotModified):
        raise error
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"etag": error.tag})


def _on_unkeepable(request: Request, _error: Exception) -> Response:
    """Text with a NUL or half a character in it: well-formed JSON that no database keeps."""
    told = "The text holds a character that cannot be kept. Take it out and send it again."
    return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, "unkeepable", told)


def _on_bug(request: Request, error: Exception) -> Response:
    """Anything else is our fault; the traceback goes to the log and not to the browser."""
    log.error("request_failed", path=request.url.path, exc_info=error)
    told = "Something broke on our side and was written down. Try again; tell us if it stays."
    return problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, "bug", told)


def problem(
    request: Request, status: HTTPStatus, code: str, detail: str, *, errors: Sequence[Mapping[str, str]] = ()
) -> Response:
    """Problem+json (RFC 9457) for programs, a page for people."""
    if _wants_page(request):
        render: Callable[..., Response] | None = getattr(request.app.state, "render_problem", None)
        return render(request, status, code, detail) if render else plain_page(status, detail)
    body: dict[str, object] = {
        "type": f"urn:aldaba:problem:{code}",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
        "code": code,
    }
    return JSONResponse(body | ({"errors": errors} if errors else {}), status, media_type=PROBLEM)


def plain_page(status: HTTPStatus, detail: str) -> Response:
    """An error page that needs no template; the pages replace it through `app.state.render_problem`."""
    body = f"<!doctype html><title>{status.phrase}</title><h1>{status.phrase}</h1><p>{html.escape(detail)}</p>"
    return HTMLResponse(body, status)


def _wants_page(request: Request) -> bool:
    return not request.url.path.startswith("/api/") and "text/html" in request.headers.get("accept", "")


class Guard:
    """Security headers on every answer, and no changing request from another origin.

    Browsers say where a request comes from in `Sec-Fetch-Site` and `Origin`;
    programs send neither and carry no cookie worth stealing.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a forged request, or pass it on and dress the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.setdefault("headers", [])
                known = {name for name, _ in headers}
                headers.extend(one for one in DRESS if one[0] not in known)
            await send(message)

        if scope["method"] not in SAFE_METHODS and _is_foreign(Headers(scope=scope)):
            refused = problem(Request(scope), HTTPStatus.FORBIDDEN, ForgedRequest.code, str(ForgedRequest()))
            await refused(scope, receive, dressed)
            return
        await self._app(scope, receive, dressed)


def _is_foreign(headers: Headers) -> bool:
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host")
