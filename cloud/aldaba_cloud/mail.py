"""Outgoing mail: a port, and SMTP behind it."""

import contextlib
import smtplib
from email.message import EmailMessage
from typing import Protocol

from aldaba_cloud.config import Config
from aldaba_shared.errors import AldabaError

TIMEOUT_SECONDS = 15


class MailNotSent(AldabaError):
    """The mail server did not take a message."""

    code = "mail_not_sent"

    def __init__(self, host: str, why: str) -> None:
        super().__init__(f"{host} did not take the mail: {why}. Check the smtp_ settings; it will be tried again.")


class Mailer(Protocol):
    """Whatever sends mail."""

    def send(self, to: str, subject: str, text: str) -> None:
        """Send a plain text to one address."""


class SmtpMailer:
    """Sends through the configured server, with STARTTLS unless told not to."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def send(self, to: str, subject: str, text: str) -> None:
        """Send a plain text to one address.

        Raises:
            MailNotSent: the server refused, or could not be reached.
        """
        config = self._config
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = config.mail_from, to, subject
        message.set_content(text)
        try:
            server = smtplib.SMTP(config.smtp_host, config.smtp_port, timeout=TIMEOUT_SECONDS)
            try:
                if config.smtp_starttls:
                    server.starttls()
                if config.smtp_username:
                    server.login(config.smtp_username, config.smtp_password)
                server.send_message(message)
                _take_leave(server)
            finally:
                server.close()
        except (OSError, smtplib.SMTPException) as error:
            raise MailNotSent(config.smtp_host or "no smtp_host", str(error)) from error


def _take_leave(server: smtplib.SMTP) -> None:
    """Say goodbye; a server that took the mail and then fails has taken it all the same (RFC 5321, 4.2.5)."""
    with contextlib.suppress(OSError, smtplib.SMTPException):
        server.quit()
