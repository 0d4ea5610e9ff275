import re

import pytest
from fastapi.testclient import TestClient

from aldaba_cloud.auth.models import Role
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database
from tests.cloud.conftest import PASSWORD, account

AS_BROWSER = {"accept": "text/html", "accept-language": "en"}


@pytest.fixture(autouse=True)
def _ana(database: Database, config: Config) -> None:
    account(database, config, "ana@example.org", Role.ADMIN)


def sign_in(browser: TestClient, password: str = PASSWORD, going: str = "/") -> int:
    form = {"email": "ana@example.org", "password": password, "going": going}
    return browser.post("/sign-in", data=form, headers=AS_BROWSER, follow_redirects=False).status_code


def test_the_right_password_leads_to_where_one_was_going(browser: TestClient) -> None:
    form = {"email": "ana@example.org", "password": PASSWORD, "going": "/admin/members"}
    answer = browser.post("/sign-in", data=form, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/members")


@pytest.mark.parametrize("elsewhere", ["https://evil.example", "//evil.example", "/\\evil.example"])
def test_signing_in_never_sends_anyone_to_another_site(browser: TestClient, elsewhere: str) -> None:
    form = {"email": "ana@example.org", "password": PASSWORD, "going": elsewhere}
    assert browser.post("/sign-in", data=form, follow_redirects=False).headers["location"] == "/"


def test_a_wrong_password_is_said_in_the_readers_language(browser: TestClient) -> None:
    form = {"email": "ana@example.org", "password": "no"}
    answer = browser.post("/sign-in", data=form, headers={"accept-language": "ca"})
    assert answer.status_code == 401
    assert "no coincideixen" in answer.text
    assert "ana@example.org" in answer.text


def test_nobody_signed_in_is_led_to_the_form_and_back(browser: TestClient) -> None:
    answer = browser.get("/", headers=AS_BROWSER)
    assert answer.url.path == "/sign-in"


def test_signing_out_needs_the_token_of_the_page(browser: TestClient) -> None:
    sign_in(browser)
    assert browser.post("/sign-out", headers=AS_BROWSER).status_code == 403
    page = browser.get("/nowhere-yet", headers=AS_BROWSER)
    assert page.status_code == 404
    token = browser.get("/api/v1/session").json()["csrf_token"]
    answer = browser.post("/sign-out", data={"csrf_token": token}, headers=AS_BROWSER, follow_redirects=False)
    assert answer.headers["location"] == "/sign-in"
    assert browser.get("/api/v1/session").status_code == 401


def test_a_switched_language_and_theme_stay(browser: TestClient) -> None:
    browser.post("/preferences", data={"language": "ca", "back": "/sign-in"})
    browser.post("/preferences", data={"theme": "dark", "back": "/sign-in"})
    page = browser.get("/sign-in", headers=AS_BROWSER).text
    assert re.search(r'<html lang="ca" data-theme="dark"', page)
    assert "Contrasenya" in page


def test_a_missing_page_says_so_in_words_and_keeps_the_code_for_the_helper(browser: TestClient) -> None:
    answer = browser.get("/nowhere", headers=AS_BROWSER)
    assert answer.status_code == 404
    assert "Nobody answers at this door" in answer.text
    assert "not_found" in answer.text


def test_assets_come_compressed_and_may_be_kept_for_ever(browser: TestClient) -> None:
    page = browser.get("/sign-in", headers=AS_BROWSER).text
    address = re.search(r'href="(/static/aldaba\.css\?v=\w+)"', page)
    assert address is not None
    answer = browser.get(address[1], headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]
    assert ":root" in answer.text
