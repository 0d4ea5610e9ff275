"""The page of the reference about what the API answers when something is wrong, written from the errors themselves."""

from collections.abc import Iterator
from http import HTTPStatus
from inspect import getdoc

from aldaba_cloud.app import status_of
from aldaba_shared.errors import AldabaError
from tools.markdown import page, table

OWN = (
    ("invalid", HTTPStatus.UNPROCESSABLE_ENTITY, "A body or parameter of the wrong shape; `errors` names each field."),
    ("unkeepable", HTTPStatus.UNPROCESSABLE_ENTITY, "Text with a character that no database keeps."),
    ("method_not_allowed", HTTPStatus.METHOD_NOT_ALLOWED, "There is such an address, and not that method on it."),
    ("bad_request", HTTPStatus.BAD_REQUEST, "A body that could not be read at all."),
    ("bug", HTTPStatus.INTERNAL_SERVER_ERROR, "Something broke on our side and was written down."),
)
"""What no class of ours stands for."""
NO_ANSWER = ("aldaba_cloud.cli", "aldaba_cloud.config")
"""Where errors are raised that no request ever meets."""


def _kinds(kind: type[AldabaError]) -> Iterator[type[AldabaError]]:
    for one in kind.__subclasses__():
        yield one
        yield from _kinds(one)


def _rows() -> Iterator[tuple[str, HTTPStatus, str]]:
    yield from OWN
    for one in _kinds(AldabaError):
        if one.__module__.startswith("aldaba_cloud") and not one.__module__.startswith(NO_ANSWER):
            yield one.code, status_of(one), (getdoc(one) or "").partition("\n\n")[0].replace("\n", " ")


def problems() -> str:
    """Every problem type of the API."""
    told: dict[tuple[str, HTTPStatus], list[str]] = {}
    for code, status, means in sorted(set(_rows())):
        told.setdefault((code, status), []).append(means)
    rows = [
        [f"`urn:aldaba:problem:{code}`", str(int(status)), " ".join(means)] for (code, status), means in told.items()
    ]
    return page(
        "What the API answers when something is wrong",
        "Every error of `/api/v1` is a problem (RFC 9457, `application/problem+json`) with `type`, `title`, `status`,\n"
        "`detail` for people and `code`, the last part of `type`. Types stay what they are; new ones may be added, so\n"
        "a program goes by `status` for those it does not know. `invalid` brings `errors`: the JSON `pointer` into\n"
        "the body, or the `parameter` or `header`, and what is wrong there.\n",
        table(["type", "status", "what it means"], rows),
    )
