"""Outgoing mail: a port, and SMTP behind it."""

import contextlib
import smtplib
from email.message import EmailMessage
from typing import Protocol

from aldaba_cloud.config import Config
from aldaba_shared.errors import AldabaError

TIMEOUT_SECONDS = 15
PERMANENT = 500
"""From here on a server's no is for good (RFC 5321, 4.2.1)."""


class MailNotSent(AldabaError):
    """The mail server did not take a message; `final` when it never will, since there is nobody of that name."""

    code = "mail_not_sent"

    def __init__(self, host: str, why: str, *, final: bool = False) -> None:
        next_step = "Check the address." if final else "Check the smtp_ settings; it will be tried again."
        super().__init__(f"{host} did not take the mail: {why}. {next_step}")
        self.final = final


class Mailer(Protocol):
    """Whatever sends a plain text."""

    def send(self, to: str, subject: str, text: str) -> None:
        """Send a plain text to one address."""


class Carrier(Protocol):
    """Whatever sends a whole mail, with what it encloses."""

    def carry(self, message: EmailMessage) -> None:
        """Send a mail that names its sender and its reader."""


class SmtpMailer:
    """Sends through the configured server, with STARTTLS unless told not to."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def send(self, to: str, subject: str, text: str) -> None:
        """Send a plain text to one address.

        Raises:
            MailNotSent: the server refused, or could not be reached.
        """
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._config.mail_from, to, subject
        message.set_content(text)
        self.carry(message)

    def carry(self, message: EmailMessage) -> None:
        """Send a mail.

        Raises:
            MailNotSent: the server refused, or could not be reached.
        """
        config = self._config
        host = config.smtp_host or "no smtp_host"
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
        except smtplib.SMTPRecipientsRefused as error:
            nobody = all(code >= PERMANENT for code, _ in error.recipients.values())
            raise MailNotSent(host, str(error), final=nobody) from error
        except (OSError, smtplib.SMTPException) as error:
            raise MailNotSent(host, str(error)) from error


def _take_leave(server: smtplib.SMTP) -> None:
    """Say goodbye; a server that took the mail and then fails has taken it all the same (RFC 5321, 4.2.5)."""
    with contextlib.suppress(OSError, smtplib.SMTPException):
        server.quit()
