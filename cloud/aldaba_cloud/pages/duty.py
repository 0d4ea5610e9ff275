"""Who is told of alarms: mail addresses and webhooks of a site, whether the last alarm reached them, and a test."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from aldaba_cloud.db import Work
from aldaba_cloud.deps import CloudDep, CurrentAdmin
from aldaba_cloud.duty import service, store
from aldaba_cloud.duty.models import Channel, Contact, ContactUnusable, Delivery
from aldaba_cloud.pages.i18n import LANGUAGES, mark
from aldaba_cloud.pages.kit import Page, PageDep
from aldaba_cloud.pages.problems import told
from aldaba_cloud.pages.reading import site_wanted
from aldaba_cloud.pages.words import ALARMS
from aldaba_cloud.places.models import Site
from aldaba_cloud.webhooks import shown_secret

router = APIRouter(prefix="/admin/duty", include_in_schema=False)

CHANNELS: Final[Mapping[Channel, str]] = {Channel.MAIL: mark("mail"), Channel.WEBHOOK: mark("webhook")}


class ContactForm(BaseModel):
    """What stands in the form; no kind ticked means all of them."""

    site: str
    channel: Channel
    address: str = Field(min_length=1, max_length=400)
    language: str = "es"
    kind: list[str] = []


@dataclass(frozen=True, slots=True)
class ContactLine:
    """A contact in the list, and the last thing that was sent there."""

    contact: Contact
    last: Delivery | None

    @property
    def state(self) -> str:
        """Whether the last one arrived, waits, or was given up."""
        if self.last is None:
            return "idle"
        if self.last.sent_at is not None:
            return "good"
        return "waiting" if self.last.due_at is not None else "given_up"


@router.get("")
def list_contacts(caller: CurrentAdmin, page: PageDep, site: str = "") -> Response:
    """Everybody on duty at a site, and the form for the next."""
    return _show(caller.work, page, site_wanted(caller.work, site))


@router.post("")
def add(sent: Annotated[ContactForm, Form()], caller: CurrentAdmin, cloud: CloudDep, page: PageDep) -> Response:
    """Put somebody on duty; a webhook's secret is shown in this answer alone."""
    site = site_wanted(caller.work, sent.site)
    language = sent.language if sent.language in LANGUAGES else "es"
    kinds = tuple(kind for kind in sent.kind if kind in ALARMS)
    wanted = Contact("", site.id, sent.channel, sent.address.strip(), language, kinds)
    try:
        secret = service.add_contact(caller.work, cloud.keyring, wanted)
    except ContactUnusable as error:
        return _show(caller.work, page, site, sent=sent, wrong=told(page, error))
    return _show(caller.work, page, site, secret=shown_secret(secret) if secret else "")


@router.post("/{contact}/test")
def test(contact: str, caller: CurrentAdmin) -> Response:
    """Send a test there."""
    service.send_test(caller.work, contact)
    return RedirectResponse("/admin/duty", HTTPStatus.SEE_OTHER)


@router.post("/{contact}/remove")
def remove(contact: str, caller: CurrentAdmin) -> Response:
    """Take somebody off duty."""
    service.remove_contact(caller.work, contact)
    return RedirectResponse("/admin/duty", HTTPStatus.SEE_OTHER)


def _show(
    work: Work, page: Page, site: Site, *, sent: ContactForm | None = None, wrong: str = "", secret: str = ""
) -> Response:
    here = [one for one in store.list_contacts(work) if one.site == site.id]
    return page.show(
        "duty.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK,
        lines=[ContactLine(one, store.newest_delivery(work, one.id)) for one in here],
        site=site,
        zone=ZoneInfo(site.time_zone),
        sent=sent,
        wrong=wrong,
        secret=secret,
        channels=CHANNELS,
        alarms=ALARMS,
    )
