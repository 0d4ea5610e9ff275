"""Tasks: opened by people and by other domains, taken, done, and opened about one thing only once."""

from datetime import date

import pytest
from fastapi.testclient import TestClient

from aldaba_cloud.auth.models import Role
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.pages import tasks as page
from aldaba_cloud.tasks import service, store
from aldaba_cloud.tasks.models import TITLES, LinkUnusable, TaskKind
from aldaba_cloud.tasks.service import NewTask
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK, account, sign_in


def resold(booking: str = "bkg_1") -> NewTask:
    facts = {"who": "Ana", "what": "Sala A"}
    return NewTask(BARCELONA, TaskKind.RESOLD, facts=facts, key=f"resold {booking}")


def test_a_task_is_opened_given_and_done_over_the_api(browser: TestClient, database: Database, config: Config) -> None:
    me = account(database, config, "op@example.org", Role.OPERATOR, BARCELONA)
    header = sign_in(browser, "op@example.org")
    body = {"site": BARCELONA, "title": "Water the plants", "due": "2026-11-24"}
    made = browser.post("/api/v1/tasks", json=body, headers=header).json()
    at = f"/api/v1/tasks/{made['id']}"
    assert browser.put(f"{at}/owner", json={"owner": me}, headers=header).json()["owner"] == me
    assert [one["id"] for one in browser.get("/api/v1/tasks").json()] == [made["id"]]
    done = browser.post(f"{at}/finish", headers=header).json()
    assert (done["done_by"], done["done_at"]) == (me, "2026-11-23T11:00:00Z")
    assert browser.get("/api/v1/tasks").json() == []
    assert browser.get("/api/v1/tasks?done=true").json() == [done]
    assert browser.post(f"{at}/reopen", headers=header).json()["done_at"] is None


def test_nobody_who_does_not_exist_is_given_a_task(browser: TestClient, database: Database, config: Config) -> None:
    account(database, config, "op@example.org", Role.OPERATOR, BARCELONA)
    header = sign_in(browser, "op@example.org")
    made = browser.post("/api/v1/tasks", json={"site": BARCELONA, "title": "Call"}, headers=header).json()
    answer = browser.put(f"/api/v1/tasks/{made['id']}/owner", json={"owner": "acc_nobody"}, headers=header)
    assert answer.status_code == 404


def test_the_same_thing_noticed_twice_opens_one_task_and_stays_done(database: Database) -> None:
    with database.write() as db:
        work = Work(db, Scope(NETWORK), MONDAY_NOON)
        first = service.open_task(work, resold())
        assert service.open_task(work, resold()) == first
        done = service.finish(work, first.id)
        assert service.open_task(work, resold()) == done
        assert store.open_tasks(work) == []
        service.settle(work, "nothing was opened about this")


def test_what_is_due_first_stands_first(database: Database) -> None:
    with database.write() as db:
        work = Work(db, Scope(NETWORK), MONDAY_NOON)
        for title, due in (("some day", None), ("later", date(2026, 12, 1)), ("soon", date(2026, 11, 24))):
            service.open_task(work, NewTask(BARCELONA, title=title, due=due))
        assert [one.title for one in store.open_tasks(work)] == ["soon", "later", "some day"]


@pytest.mark.parametrize("link", ["https://example.org", "//example.org/x", "/\\example.org", "javascript:alert(1)"])
def test_a_task_leads_to_no_page_but_ours(database: Database, link: str) -> None:
    with database.write() as db, pytest.raises(LinkUnusable, match="leads to a page of this service"):
        service.open_task(Work(db, Scope(NETWORK), MONDAY_NOON), NewTask(BARCELONA, title="Look", link=link))


def test_the_pages_word_every_kind_of_task() -> None:
    assert dict(page.TITLES) == dict(TITLES)
    assert set(TITLES) == set(TaskKind) - {TaskKind.OWN}
