"""Signing in and out in a browser, the way home, and the switches for language and theme."""

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from aldaba_cloud.auth import service
from aldaba_cloud.auth.models import Role
from aldaba_cloud.db import Scope, Work
from aldaba_cloud.deps import CloudDep, CurrentSession, TransactionDep, drop_session, keep_session
from aldaba_cloud.errors import SignInRefused, Throttled
from aldaba_cloud.pages.i18n import known, mark
from aldaba_cloud.pages.kit import LANGUAGE_COOKIE, THEME_COOKIE, THEMES, PageDep, page_of

router = APIRouter(include_in_schema=False)

YEAR_SECONDS: Final = 365 * 24 * 3600
REFUSED: Final = mark("Address and password do not fit together. Check both, or ask an admin for a new password.")
THROTTLED: Final = mark("Too many tries in a row. Wait %(seconds)s seconds and try again.")
HOMES: Final = (
    (Role.OPERATOR, "/board"),
    (Role.INSTALLER, "/admin/controllers"),
    (Role.ACCOUNTANT, "/money"),
    (Role.MEMBER, "/me"),
)


@router.get("/")
def home(page: PageDep) -> Response:
    """Wherever this person's work begins."""
    if page.session is None:
        return _to("/sign-in")
    return _to(next((address for role, address in HOMES if role in page.roles), "/account"))


@router.get("/sign-in")
def ask(page: PageDep, next: str = "/") -> Response:  # noqa: A002 -- the parameter's name in the address
    """The form."""
    if page.session is not None:
        return _to(_local(next))
    return page.show("sign_in.html", going=_local(next), email="", wrong="")


@router.post("/sign-in")
def sign_in(
    request: Request,
    cloud: CloudDep,
    *,
    email: Annotated[str, Form(max_length=1024)],
    password: Annotated[str, Form(max_length=1024)],
    going: Annotated[str, Form()] = "/",
) -> Response:
    """Open a session, or say in the form why not; no transaction of its own, for signing in takes several."""
    page = page_of(request, None)
    address = request.client.host if request.client else ""
    attempt = service.SignIn(email, password, address, request.headers.get("user-agent", ""))
    try:
        signed_in = service.sign_in(
            cloud.database, attempt, cloud.passwords, now=cloud.clock.now(), hours=cloud.config.session_hours
        )
    except SignInRefused:
        return page.show(
            "sign_in.html", status=HTTPStatus.UNAUTHORIZED, going=_local(going), email=email, wrong=page.text(REFUSED)
        )
    except Throttled as error:
        told = page.text(THROTTLED) % {"seconds": error.seconds}
        return page.show(
            "sign_in.html", status=HTTPStatus.TOO_MANY_REQUESTS, going=_local(going), email=email, wrong=told
        )
    answer = _to(_local(going))
    keep_session(answer, cloud, signed_in)
    return answer


@router.post("/sign-out")
def sign_out(session: CurrentSession, cloud: CloudDep, db: TransactionDep) -> Response:
    """End this session."""
    work = Work(db, Scope(session.account.network), cloud.clock.now(), session.account.id)
    service.end_session(work, session.account, session.id)
    answer = _to("/sign-in")
    drop_session(answer, cloud)
    return answer


@router.post("/preferences")
def prefer(
    language: Annotated[str, Form()] = "", theme: Annotated[str, Form()] = "", back: Annotated[str, Form()] = "/"
) -> Response:
    """Keep the wished language or theme in this browser; any other theme means what the device says."""
    answer = _to(_local(back))
    if known(language):
        answer.set_cookie(LANGUAGE_COOKIE, language, max_age=YEAR_SECONDS, httponly=True, samesite="lax")
    if theme in THEMES:
        answer.set_cookie(THEME_COOKIE, theme, max_age=YEAR_SECONDS, httponly=True, samesite="lax")
    elif theme:
        answer.delete_cookie(THEME_COOKIE)
    return answer


def _to(address: str) -> Response:
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)


def _local(address: str) -> str:
    """The address if it is one of ours: a link in a mail must not send anyone elsewhere after signing in."""
    return address if address.startswith("/") and not address.startswith(("//", "/\\")) else "/"
