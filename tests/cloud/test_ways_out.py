"""Mail and webhooks leave by real sockets: what a server of each kind receives, and what becomes of its no."""

import base64
import hmac
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from aldaba_cloud.config import Config
from aldaba_cloud.mail import MailNotSent, SmtpMailer
from aldaba_cloud.webhooks import HttpPoster, Message, WebhookNotTaken
from tests.cloud.mail_server import Received, listening, mail_server

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET = b"only we two know this"


def web(received: Received) -> type[BaseHTTPRequestHandler]:
    """A receiver of webhooks."""

    class Web(BaseHTTPRequestHandler):
        """One request."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.posts.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(received.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing: tests say what they saw."""

    return Web


def web_server() -> AbstractContextManager[Received]:
    received = Received()
    return listening(HTTPServer(("127.0.0.1", 0), web(received)), received)


@pytest.fixture
def mailer_to(tmp_path: Path) -> Callable[[int], SmtpMailer]:
    def to(port: int) -> SmtpMailer:
        config = Config(state_dir=tmp_path, smtp_host="127.0.0.1", smtp_port=port, smtp_starttls=False)
        return SmtpMailer(config)

    return to


@pytest.mark.parametrize("leave", [b"", b"421 closing\r\n", b"\xff\r\n"], ids=["cut", "failing", "not SMTP"])
def test_a_mail_that_was_taken_is_sent_however_the_server_says_goodbye(
    mailer_to: Callable[[int], SmtpMailer], leave: bytes
) -> None:
    with mail_server() as server:
        server.leave = leave
        mailer_to(server.port).send("duty@space.example", "Alarm", "The street door was forced.")
    assert len(server.mails) == 1


def message(port: int) -> Message:
    return Message("msg_1", f"http://127.0.0.1:{port}/alarms?site=bcn", SECRET, b'{"kind": "door_forced"}', AT)


def test_a_mail_arrives_at_a_server_that_speaks_smtp(mailer_to: Callable[[int], SmtpMailer]) -> None:
    with mail_server() as received:
        mailer_to(received.port).send("duty@example.org", "Porta forçada", "A les 12:00, a la porta del carrer.\n.\nFi")
    (raw,) = received.mails
    mail = message_from_bytes(raw, policy=default)
    assert (mail["To"], mail["Subject"]) == ("duty@example.org", "Porta forçada")
    assert "porta del carrer" in mail.get_content()


def test_a_mail_server_that_says_no_or_is_away_is_an_error_that_will_be_tried_again(
    mailer_to: Callable[[int], SmtpMailer],
) -> None:
    with mail_server() as received:
        received.refuse = True
        with pytest.raises(MailNotSent, match="nobody of that name"):
            mailer_to(received.port).send("duty@example.org", "s", "t")
    assert received.mails == []
    with pytest.raises(MailNotSent, match="tried again"):
        mailer_to(received.port).send("duty@example.org", "s", "t")


def test_a_webhook_arrives_signed_and_a_no_is_said() -> None:
    with web_server() as received:
        HttpPoster().post(message(received.port))
        received.status = 503
        with pytest.raises(WebhookNotTaken, match="status 503"):
            HttpPoster().post(message(received.port))
    path, headers, body = received.posts[0]
    signed = hmac.new(SECRET, f"msg_1.{int(AT.timestamp())}.".encode() + body, sha256).digest()
    assert path == "/alarms?site=bcn"
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(signed).decode()}"
    assert body == b'{"kind": "door_forced"}'


def test_a_webhook_follows_no_redirect_to_somewhere_else() -> None:
    with web_server() as received:
        received.status = 302
        with pytest.raises(WebhookNotTaken, match="status 302"):
            HttpPoster().post(message(received.port))
    assert len(received.posts) == 1
