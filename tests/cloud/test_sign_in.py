"""Signing in: who may, how it ends, and what guessing gets."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select
from structlog.testing import capture_logs

from aldaba_cloud.auth.models import Role
from aldaba_cloud.auth.store import accounts, sessions
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database
from tests.cloud.conftest import PASSWORD, HandClock, account, sign_in


@pytest.fixture(autouse=True)
def _ana(database: Database, config: Config) -> None:
    account(database, config, "ana@example.org", Role.ADMIN)


def test_the_right_password_opens_a_session(browser: TestClient) -> None:
    sign_in(browser, "Ana@Example.org ")
    assert browser.get("/api/v1/session").json()["roles"] == ["accountant", "admin", "installer", "operator"]


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(browser: TestClient) -> None:
    answer = browser.post("/api/v1/session", json={"email": "ana@example.org", "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


def test_password_and_token_are_nowhere_in_the_database(browser: TestClient, database: Database) -> None:
    sign_in(browser, "ana@example.org")
    token = browser.cookies["aldaba"]
    with database.read() as db:
        kept = str(db.execute(select(accounts)).all()) + str(db.execute(select(sessions)).all())
    assert PASSWORD not in kept
    assert token not in kept
    assert "$argon2id$" in kept


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(browser: TestClient) -> None:
    wrong = browser.post("/api/v1/session", json={"email": "ana@example.org", "password": "guess"})
    nobody = browser.post("/api/v1/session", json={"email": "bob@example.org", "password": "guess"})
    assert (wrong.status_code, wrong.json()) == (401, nobody.json())


@pytest.mark.parametrize("email", ["ana@example.org", "nobody@example.org"])
def test_guessing_has_to_wait_whoever_is_guessed_at(browser: TestClient, clock: HandClock, email: str) -> None:
    tries = [browser.post("/api/v1/session", json={"email": email, "password": "guess"}).status_code for _ in range(6)]
    assert tries == [401] * 5 + [429]
    clock.turn(seconds=16)
    assert browser.post("/api/v1/session", json={"email": email, "password": "guess"}).status_code == 401
    assert browser.post("/api/v1/session", json={"email": email, "password": "guess"}).headers["retry-after"] == "30"


def test_a_throttled_address_is_not_let_in_with_the_right_password_either(browser: TestClient) -> None:
    for _ in range(5):
        browser.post("/api/v1/session", json={"email": "ana@example.org", "password": "guess"})
    refused = browser.post("/api/v1/session", json={"email": "ana@example.org", "password": PASSWORD})
    assert refused.status_code == 429


def test_a_session_ends_by_itself(browser: TestClient, clock: HandClock, config: Config) -> None:
    sign_in(browser, "ana@example.org")
    clock.turn(hours=config.session_hours)
    assert browser.get("/api/v1/session").status_code == 401


def test_a_stolen_laptop_is_signed_out_from_another_browser(app: FastAPI, browser: TestClient) -> None:
    with TestClient(app, base_url="http://localhost:8080") as stolen:
        sign_in(stolen, "ana@example.org")
        header = sign_in(browser, "ana@example.org")
        (other,) = [one for one in browser.get("/api/v1/sessions").json() if not one["current"]]
        assert browser.delete(f"/api/v1/sessions/{other['id']}", headers=header).status_code == 204
        assert stolen.get("/api/v1/session").status_code == 401
    assert browser.get("/api/v1/session").status_code == 200


def test_a_change_without_the_sessions_token_is_refused(browser: TestClient) -> None:
    sign_in(browser, "ana@example.org")
    assert browser.delete("/api/v1/session").json()["code"] == "forged_request"
    assert browser.get("/api/v1/session").status_code == 200


@pytest.mark.parametrize("header", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}])
def test_a_change_from_another_origin_is_refused(browser: TestClient, header: dict[str, str]) -> None:
    body = {"email": "ana@example.org", "password": PASSWORD}
    assert browser.post("/api/v1/session", json=body, headers=header).status_code == 403


def test_errors_are_problems_for_programs_and_pages_for_browsers(browser: TestClient) -> None:
    told = browser.get("/api/v1/session")
    assert told.headers["content-type"] == "application/problem+json"
    assert (told.json()["status"], told.json()["code"]) == (401, "not_signed_in")
    shown = browser.get("/nowhere", headers={"accept": "text/html"})
    assert shown.headers["content-type"].startswith("text/html")


def test_every_answer_forbids_inline_script(browser: TestClient) -> None:
    policy = browser.get("/healthz").headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe-inline" not in policy


def test_the_log_never_says_who_or_with_what(browser: TestClient) -> None:
    with capture_logs() as lines:
        sign_in(browser, "ana@example.org")
        browser.get("/api/v1/session?email=ana@example.org")
    assert [line["event"] for line in lines] == ["request_answered"] * 2
    secrets = ("ana@example.org", PASSWORD, browser.cookies["aldaba"])
    assert not any(secret in str(lines) for secret in secrets)
