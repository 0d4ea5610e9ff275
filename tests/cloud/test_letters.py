"""Letters: kept with what they tell, sent once, tried again, and never spoken of in a log."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from aldaba_cloud.auth.models import Role
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.letters import service, store
from aldaba_cloud.letters.models import (
    TRIES_AFTER,
    Enclosed,
    Letter,
    NotAnAddress,
    Outcome,
    Posted,
    address_of,
    packed,
    unpacked,
)
from aldaba_cloud.letters.service import KEPT, PostOffice, send_due
from aldaba_cloud.letters.wording import NotWritten, mail_of, words_of
from aldaba_cloud.mail import MailNotSent, SmtpMailer
from aldaba_shared.ids import NetworkId
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK, HandClock, account, sign_in
from tests.cloud.mail_server import mail_server

MARTA = "marta@example.org"


@dataclass
class Post:
    """A mail server that takes everything, nothing while it is away, and knows some to be nobody."""

    away: bool = False
    nobody: frozenset[str] = frozenset()
    mails: list[EmailMessage] = field(default_factory=list)

    def carry(self, message: EmailMessage) -> None:
        """Take a mail."""
        if self.away:
            raise MailNotSent("mail.example.org", "it is away")
        if message["To"] in self.nobody:
            raise MailNotSent("mail.example.org", "no such user", final=True)
        self.mails.append(message)


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def office(post: Post, config: Config) -> PostOffice:
    made = {"sheet": lambda work, ref: f"{ref} for {work.scope.network}".encode()}
    return PostOffice(post, config.model_copy(update={"smtp_host": "mail.example.org"}), made)


def letter(key: str = "test:1", to: str = MARTA, **more: Any) -> Letter:  # noqa: ANN401 -- whatever shall differ
    return Letter("test", key, to, {}, **more)


def written(database: Database, *letters: Letter) -> list[bool]:
    with database.write() as db:
        return [service.write(Work(db, Scope(NETWORK), MONDAY_NOON), BARCELONA, one) for one in letters]


def in_books(database: Database) -> list[Posted]:
    with database.read() as db:
        return store.newest(Work(db, Scope(NETWORK), MONDAY_NOON))


def test_a_letter_arrives_at_a_real_mail_server_with_what_it_encloses(database: Database, config: Config) -> None:
    enclosed = Enclosed("reserva.ics", "text/calendar; method=REQUEST", "SUMMARY:Llotja, demà\r\n".encode())
    written(database, letter(language="ca", enclosed=(enclosed,)))
    with mail_server() as server:
        here = {"smtp_host": "127.0.0.1", "smtp_port": server.port, "smtp_starttls": False}
        spoken = config.model_copy(update=here | {"mail_from": "Aldaba <aldaba@space.example>"})
        assert send_due(database, PostOffice(SmtpMailer(spoken), spoken), MONDAY_NOON) == 1
    (raw,) = server.mails
    mail = message_from_bytes(raw, policy=default)
    assert (mail["To"], mail["Subject"]) == (MARTA, "Prova del correu d\u2019Aldaba")
    assert mail["Message-ID"].endswith("@space.example>")
    (file,) = mail.iter_attachments()
    assert (file.get_content_type(), file.get_param("method"), file.get_filename()) == (
        "text/calendar", "REQUEST", "reserva.ics",
    )  # fmt: skip
    assert "Llotja, demà" in file.get_content()


def test_a_letter_is_written_once_for_its_key_and_sent_once(database: Database, office: PostOffice, post: Post) -> None:
    assert written(database, letter(), letter(), letter("test:2")) == [True, False, True]
    assert written(database, letter()) == [False]
    assert [send_due(database, office, MONDAY_NOON) for _ in range(3)] == [2, 0, 0]
    assert len(post.mails) == 2


def test_a_letter_goes_the_way_of_the_transaction_that_wrote_it(database: Database) -> None:
    def fail_after_writing() -> None:
        with database.write() as db:
            service.write(Work(db, Scope(NETWORK), MONDAY_NOON), BARCELONA, letter())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_writing()
    assert in_books(database) == []


def test_what_a_server_did_not_take_is_tried_again_ever_later_and_then_given_up(
    database: Database, office: PostOffice, post: Post, clock: HandClock
) -> None:
    written(database, letter())
    post.away = True
    for wait in TRIES_AFTER:
        assert send_due(database, office, clock.now()) == 0
        clock.turn(seconds=wait.total_seconds() - 1)
        before = in_books(database)[0].tries
        send_due(database, office, clock.now())
        assert in_books(database)[0].tries == before
        clock.turn(seconds=1)
    send_due(database, office, clock.now())
    (lost,) = in_books(database)
    assert (lost.outcome, lost.tries) == (Outcome.FAILED, len(TRIES_AFTER) + 1)
    assert "it is away" in lost.why


def test_whoever_does_not_exist_is_not_tried_again_until_the_address_is_mended(
    database: Database, office: PostOffice, post: Post
) -> None:
    post.nobody = frozenset({"mrata@example.org"})
    written(database, letter(to="mrata@example.org"))
    assert send_due(database, office, MONDAY_NOON) == 0
    (lost,) = in_books(database)
    assert (lost.outcome, lost.tries) == (Outcome.FAILED, 1)
    with database.write() as db:
        service.send_again(Work(db, Scope(NETWORK), MONDAY_NOON), lost.id, f" {MARTA} ")
    assert send_due(database, office, MONDAY_NOON) == 1
    assert [one["To"] for one in post.mails] == [MARTA]


def test_only_a_servers_last_word_on_a_reader_is_final(config: Config) -> None:
    with mail_server() as server:
        here = {"smtp_host": "127.0.0.1", "smtp_port": server.port, "smtp_starttls": False}
        mailer = SmtpMailer(config.model_copy(update=here))
        server.refuse = True
        with pytest.raises(MailNotSent, match="Check the address") as never:
            mailer.send(MARTA, "s", "t")
        server.nobody = b"450 the box is busy\r\n"
        with pytest.raises(MailNotSent, match="tried again") as later:
            mailer.send(MARTA, "s", "t")
    assert (never.value.final, later.value.final) == (True, False)


def test_somebody_without_a_mail_address_is_shown_and_not_tried(
    database: Database, office: PostOffice, post: Post
) -> None:
    written(database, letter(to=address_of("600 123 456")))
    assert send_due(database, office, MONDAY_NOON) == 0
    assert [(one.outcome, one.why) for one in in_books(database)] == [(Outcome.FAILED, "no mail address")]
    assert post.mails == []


def test_a_letter_waits_for_its_hour_and_is_not_sent_once_it_would_come_too_late(
    database: Database, office: PostOffice, clock: HandClock
) -> None:
    soon, late = MONDAY_NOON + timedelta(minutes=5), MONDAY_NOON + timedelta(minutes=10)
    written(database, letter(due_at=soon), letter("test:2", due_at=soon, until=late))
    assert send_due(database, office, clock.now()) == 0
    clock.turn(minutes=10)
    assert send_due(database, office, clock.now()) == 1
    assert sorted(one.why for one in in_books(database)) == ["", "too late"]


def test_a_letter_that_has_not_left_can_be_taken_back(database: Database, office: PostOffice, post: Post) -> None:
    written(database, letter(due_at=MONDAY_NOON + timedelta(hours=1)), letter("test:2"))
    send_due(database, office, MONDAY_NOON)
    with database.write() as db:
        work = Work(db, Scope(NETWORK), MONDAY_NOON)
        assert [service.withdraw(work, key) for key in ("test:1", "test:2", "test:3")] == [True, False, False]
    assert send_due(database, office, MONDAY_NOON + timedelta(hours=2)) == 0
    assert len(post.mails) == 1


def test_two_processes_never_send_one_letter_and_one_that_died_is_stood_in_for(
    database: Database, office: PostOffice, clock: HandClock
) -> None:
    written(database, letter())
    with database.read() as db:
        (seen,) = store.due(db, clock.now(), 10)
    with database.write() as db:
        taken = [store.take(db, seen, clock.now() + service.TAKEN_FOR) for _ in range(2)]
    assert taken == [True, False]
    assert send_due(database, office, clock.now()) == 0
    clock.turn(seconds=service.TAKEN_FOR.total_seconds())
    assert send_due(database, office, clock.now()) == 1


def test_without_a_mail_server_letters_wait_for_one(database: Database, config: Config, post: Post) -> None:
    written(database, letter())
    assert send_due(database, PostOffice(post, config), MONDAY_NOON) == 0
    assert [one.tries for one in in_books(database)] == [0]


def test_a_file_that_is_named_is_made_for_its_network_when_the_letter_leaves(
    database: Database, office: PostOffice, post: Post
) -> None:
    named = Enclosed("sheet.pdf", "application/pdf", source="sheet", ref="inv_1")
    unknown = Enclosed("other.pdf", "application/pdf", source="nobody", ref="inv_1")
    written(database, letter(enclosed=(named,)), letter("test:2", enclosed=(unknown,)))
    assert send_due(database, office, MONDAY_NOON) == 1
    (file,) = post.mails[0].iter_attachments()
    assert file.get_content() == f"inv_1 for {NETWORK}".encode()
    assert sorted(one.outcome for one in in_books(database)) == [Outcome.FAILED, Outcome.SENT]


def test_no_log_says_to_whom_or_what(database: Database, office: PostOffice, post: Post) -> None:
    post.nobody = frozenset({"b@example.org"})
    written(database, letter(), letter("test:2", "b@example.org"), Letter("none", "n:1", MARTA, {"name": "Marta"}))
    with capture_logs() as lines:
        send_due(database, office, MONDAY_NOON)
    assert {line["event"] for line in lines} == {"letter_tried", "letter_not_written"}
    assert not any(secret in str(lines) for secret in ("example.org", "Marta", "marta"))


def test_a_letter_is_forgotten_and_its_key_is_not(database: Database, office: PostOffice, clock: HandClock) -> None:
    written(database, letter(), letter("test:2", to=""))
    send_due(database, office, clock.now())
    clock.turn(days=KEPT.days + 1)
    send_due(database, office, clock.now())
    assert in_books(database) == []
    assert written(database, letter()) == [False]


def test_another_network_sees_and_takes_back_nothing(database: Database) -> None:
    written(database, letter(due_at=MONDAY_NOON + timedelta(hours=1)))
    with database.write() as db:
        stranger = Work(db, Scope(NetworkId("net_2")), MONDAY_NOON)
        assert store.newest(stranger) == []
        assert not service.withdraw(stranger, "test:1")
    assert len(in_books(database)) == 1


def test_a_letter_without_a_template_or_a_fact_is_a_mistake_that_names_no_fact() -> None:
    with pytest.raises(NotWritten, match="TemplateNotFound"):
        words_of(Letter("nothing", "k", MARTA, {}), "")


def test_a_line_break_makes_no_second_header() -> None:
    assert address_of("a@example.org\nBcc: b@example.org") == ""
    posted = Posted("ltr_1", NETWORK, BARCELONA, letter(), MONDAY_NOON)
    mail = mail_of(posted, "https://space.example", "aldaba@space.example", lambda _one: b"")
    assert mail["Subject"] == "Prueba del correo de Aldaba"
    assert mail["Auto-Submitted"] == "auto-generated"


NO_ADDRESSES = ("", "600 123 456", "a b@example.org", "@", "a@", "@b", "a@b,c@d", "x" * 260 + "@b")


@pytest.mark.parametrize("contact", NO_ADDRESSES)
def test_what_is_no_mail_address_is_none(contact: str) -> None:
    assert address_of(contact) == ""


MOMENTS = st.datetimes(timezones=st.just(UTC), min_value=datetime(2024, 1, 1), max_value=datetime(2028, 12, 31))  # noqa: DTZ001 -- Hypothesis adds the zone
FACTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | MOMENTS
    | st.dates(date(2024, 1, 1), date(2028, 12, 31)) | st.just(ZoneInfo("Europe/Madrid")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(FACTS)
def test_facts_come_back_as_they_were_kept(fact: object) -> None:
    assert unpacked(packed(fact)) == fact


@pytest.fixture
def desk(browser: TestClient, database: Database, config: Config) -> TestClient:
    account(database, config, "op@example.org", Role.OPERATOR)
    browser.headers.update(sign_in(browser, "op@example.org"))
    return browser


def test_the_list_shows_what_failed_and_sends_it_again_to_a_better_address(
    desk: TestClient, database: Database, office: PostOffice, post: Post
) -> None:
    post.nobody = frozenset({"mrata@example.org"})
    written(database, letter(to="mrata@example.org"), letter("test:2"))
    send_due(database, office, MONDAY_NOON)
    page = desk.get("/letters?outcome=failed", headers={"accept-language": "en"}).text
    assert "mrata@example.org" in page
    assert MARTA not in page
    (lost,) = [one for one in in_books(database) if one.outcome is Outcome.FAILED]
    refused = desk.post(f"/letters/{lost.id}/again", data={"address": "no address"})
    assert refused.status_code == 422
    desk.post(f"/letters/{lost.id}/again", data={"address": MARTA})
    assert send_due(database, office, MONDAY_NOON) == 1


def test_nothing_can_be_sent_again_without_an_address(database: Database) -> None:
    written(database, letter(to=""))
    (lost,) = in_books(database)
    with database.write() as db, pytest.raises(NotAnAddress):
        service.send_again(Work(db, Scope(NETWORK), MONDAY_NOON), lost.id)
