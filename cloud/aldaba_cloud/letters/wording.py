"""What a letter says: a template of its kind, in the reader's language, and the mail made of it.

A template `letters/templates/KIND.txt` extends `_letter.txt` and has two blocks,
`subject` and `body`; its messages are translated in the catalogues of the pages.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, TemplateError

from aldaba_cloud.i18n import DEFAULT, known, speak
from aldaba_cloud.letters.models import Enclosed, Letter, Posted
from aldaba_shared.errors import AldabaError
from aldaba_shared.reasons import Language


class NotWritten(AldabaError):
    """A letter's template or its facts are wrong: a bug, which no second try mends."""

    code = "letter_not_written"

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(f"The letter {kind!r} cannot be written: {why}. Report it; nothing was sent.")


@dataclass(frozen=True, slots=True)
class Words:
    """A letter as its reader sees it."""

    subject: str
    text: str


@cache
def _environment(language: Language) -> Environment:
    environment = Environment(
        loader=PackageLoader("aldaba_cloud.letters"),
        autoescape=False,  # noqa: S701 -- plain text, in which an & is an &
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["language"] = language
    return speak(environment, language)


def words_of(letter: Letter, base_url: str) -> Words:
    """Write a letter.

    Raises:
        NotWritten: there is no template of its kind, or a fact is missing.
    """
    try:
        template = _environment(known(letter.language) or DEFAULT).get_template(f"{letter.kind}.txt")
        facts = {"base_url": base_url, **letter.facts}
        subject = "".join(template.blocks["subject"](template.new_context(facts)))
        return Words(" ".join(subject.split()), template.render(facts))
    except (TemplateError, LookupError, AttributeError, TypeError, ValueError) as error:
        # What a template cannot show may be personal, so only the sort of mistake is said.
        raise NotWritten(letter.kind, type(error).__name__) from error


def mail_of(posted: Posted, base_url: str, sender: str, made: Callable[[Enclosed], bytes]) -> EmailMessage:
    """The mail of a letter. Its Message-ID stays the same, so that a second copy can be told from a second letter.

    Raises:
        NotWritten: there is no template of its kind, or a fact is missing.
    """
    words = words_of(posted.letter, base_url)
    host = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, posted.letter.to, words.subject
    mail["Date"] = format_datetime(posted.written_at)
    mail["Message-ID"] = f"<{posted.id}@{host}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence note is to answer it
    mail["Content-Language"] = posted.letter.language
    mail.set_content(words.text)
    for one in posted.letter.enclosed:
        _enclose(mail, one, made(one) if one.source else one.content)
    return mail


def _enclose(mail: EmailMessage, one: Enclosed, content: bytes) -> None:
    """Add a file; a calendar keeps its METHOD, by which mail programs know an invitation (RFC 6047, 2.4)."""
    head, *rest = (part.strip() for part in one.media_type.split(";"))
    main, _, sub = head.partition("/")
    parameters: Mapping[str, str] = dict(part.split("=", 1) for part in rest if "=" in part)
    if main == "text":
        mail.add_attachment(content.decode(), subtype=sub, filename=one.name, params=parameters)
    else:
        mail.add_attachment(content, maintype=main, subtype=sub, filename=one.name, params=parameters)
