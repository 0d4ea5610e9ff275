"""Every operation of the API keeps the kit's promises; a new one that does not fails here."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator

from aldaba_cloud.api.contract import OF_CONTROLLERS, WRITES, takes_key
from aldaba_cloud.api.examples import WORDS
from aldaba_cloud.api.idempotency import LONGEST_KEY
from aldaba_cloud.auth.models import Grant, Role
from aldaba_cloud.auth.service import NewAccount, Passwords, open_account
from aldaba_cloud.config import Config
from aldaba_cloud.db import ALL_SITES, Database, Scope, Work
from aldaba_shared.ids import HolderId
from tests.cloud.conftest import MONDAY_NOON, NETWORK, PASSWORD, sign_in

KEYLESS = {"/api/v1/session", *(f"/api/v1/{one}" for one in OF_CONTROLLERS)}
PARAMETERS = {name: str(value) for name, value in WORDS.items() if name.endswith("_id") or name in {"journal", "day"}}


@dataclass(frozen=True)
class Operation:
    """One thing that the description says one can do."""

    method: str
    path: str
    told: dict[str, Any]

    @property
    def address(self) -> str:
        """Where to ask, with the examples in the place of names."""
        return self.path.format(**PARAMETERS | {"sequence": 1})

    @property
    def shown(self) -> dict[str, Any]:
        """The bodies of a good answer, by their kind."""
        good = next(answer for status, answer in self.told["responses"].items() if status.startswith("2"))
        content: dict[str, Any] = good.get("content", {})
        return content

    @property
    def is_list(self) -> bool:
        return self.method == "get" and self.shown.get("application/json", {}).get("schema", {}).get("type") == "array"


def operations(app: FastAPI) -> Iterator[Operation]:
    for path, told in app.openapi()["paths"].items():
        for method, one in told.items():
            if path.startswith("/api/"):
                yield Operation(method, path, one)


@pytest.fixture
def everybody(browser: TestClient, database: Database, config: Config) -> dict[str, str]:
    """Somebody signed in with every role there is."""
    with database.write() as db:
        work = Work(db, Scope(NETWORK), MONDAY_NOON)
        grants = tuple(Grant(role, ALL_SITES) for role in Role)
        open_account(
            work, NewAccount("all@example.org", "All", PASSWORD, grants, HolderId("mbr_all")), Passwords(config)
        )
    return sign_in(browser, "all@example.org")


def test_every_operation_has_examples_that_fit(app: FastAPI) -> None:
    described = app.openapi()
    found = 0
    for one in operations(app):
        bodies = {**one.shown, **{f"in {k}": v for k, v in one.told.get("requestBody", {}).get("content", {}).items()}}
        for kind, body in bodies.items():
            if "json" in kind or kind.startswith("in "):
                schema = {"$ref": "#/schema", "schema": body["schema"], "components": described["components"]}
                assert "example" in body, (one.method, one.path, kind)
                mistakes = list(Draft202012Validator(schema).iter_errors(body["example"]))
                assert not mistakes, (one.method, one.path, mistakes)
                found += 1
        for parameter in one.told.get("parameters", ()):
            known = parameter["in"] == "header" or "example" in parameter or "examples" in parameter["schema"]
            assert known or parameter["name"] == "cursor", (one.path, parameter["name"])
    assert found > 80


def test_the_description_has_no_word_nobody_says(app: FastAPI) -> None:
    described = app.openapi()
    models = described["components"]["schemas"]
    said = {name for model in models.values() for name in model.get("properties", {})}
    said |= {f"{name}.{word}" for name, model in models.items() for word in model.get("properties", {})}
    said |= {one["name"] for operation in operations(app) for one in operation.told.get("parameters", ())}
    assert set(WORDS) <= said


def test_every_write_takes_a_key(app: FastAPI, browser: TestClient, everybody: dict[str, str]) -> None:
    writes = [one for one in operations(app) if one.method in WRITES]
    assert {one.path for one in writes if not takes_key(one.method, one.path)} == KEYLESS
    for one in writes:
        named = "Idempotency-Key" in {parameter["name"] for parameter in one.told.get("parameters", ())}
        assert named is takes_key(one.method, one.path)
        if named:
            unusable = everybody | {"idempotency-key": "k" * (LONGEST_KEY + 1)}
            answer = browser.request(one.method, one.address, headers=unusable)
            assert answer.json()["code"] == "idempotency_key_unusable", (one.method, one.path)


@pytest.mark.usefixtures("everybody")
def test_every_list_has_pages(app: FastAPI, browser: TestClient) -> None:
    lists = [one for one in operations(app) if one.is_list]
    assert len(lists) >= 15
    for one in lists:
        names = {parameter["name"] for parameter in one.told["parameters"]}
        assert {"cursor", "limit"} <= names, one.path
        assert browser.get(one.address, params={"cursor": "bm8"}).json()["code"] == "cursor_unusable", one.path


def test_whatever_is_asked_wrongly_a_problem_says_so(app: FastAPI, browser: TestClient) -> None:
    asked = [browser.request(one.method, one.address) for one in operations(app)]
    asked += [browser.get("/api/v1/nothing"), browser.get("/api/nothing"), browser.put("/api/v1/sites")]
    for answer in asked:
        told = answer.json()
        assert answer.headers["content-type"] == "application/problem+json", answer.request.url
        assert {"type", "title", "status", "detail", "code"} <= set(told)
        assert (told["type"], told["status"]) == (f"urn:aldaba:problem:{told['code']}", answer.status_code)
        assert 400 <= answer.status_code < 500
