"""Contacts, deliveries and what an alarm says; when to try again. Pure."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from aldaba_cloud.errors import Unusable
from aldaba_shared.ids import SiteId

SILENT: Final = "controller_silent"
SILENT_AFTER: Final = timedelta(minutes=5)
TRIES_AFTER: Final = tuple(
    timedelta(seconds=seconds) for seconds in (15, 60, 300, 900, 3600, 3 * 3600, 6 * 3600, 12 * 3600)
)
"""How long we wait after each failure; after the last we give up, and the page says so."""


class Channel(StrEnum):
    """How somebody is reached."""

    MAIL = "mail"
    WEBHOOK = "webhook"


class ContactUnusable(Unusable):
    """Nobody could be reached there."""

    code = "contact_unusable"


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody on duty at a site. Without `kinds` they hear of every alarm."""

    id: str
    site: SiteId
    channel: Channel
    address: str
    language: str = "es"
    kinds: tuple[str, ...] = ()
    sealed_secret: bytes = field(default=b"", repr=False)

    def wants(self, kind: str) -> bool:
        """Whether an alarm of this kind is for them."""
        return not self.kinds or kind in self.kinds


class Delivery(NamedTuple):
    """One alarm on its way to one contact. `due_at` is None once it arrived or was given up."""

    id: int
    alarm: int
    contact: str
    tries: int
    due_at: datetime | None
    sent_at: datetime | None
    why: str


def next_try(tries: int, now: datetime) -> datetime | None:
    """When to try again after this many failures; None to give up."""
    return now + TRIES_AFTER[tries - 1] if tries <= len(TRIES_AFTER) else None


WORDS: Final[dict[str, dict[str, str]]] = {
    "door_forced": {"es": "puerta forzada", "ca": "porta forçada", "en": "door forced"},
    "door_held": {"es": "puerta retenida abierta", "ca": "porta retinguda oberta", "en": "door held open"},
    "lock_stuck": {"es": "cerradura atascada", "ca": "pany encallat", "en": "lock stuck"},
    "power_failing": {"es": "corte de corriente", "ca": "tall de corrent", "en": "mains lost"},
    "battery_low": {"es": "batería casi agotada", "ca": "bateria gairebé esgotada", "en": "battery nearly empty"},
    "fire_reported": {"es": "aviso de incendio", "ca": "avís d'incendi", "en": "fire reported"},
    "tampered": {"es": "caja o lector abierto", "ca": "caixa o lector obert", "en": "box or reader opened"},
    "device_lost": {"es": "un aparato no responde", "ca": "un aparell no respon", "en": "a device stopped working"},
    "duress": {"es": "coacción", "ca": "coacció", "en": "duress"},
    "message_refused": {
        "es": "mensaje falso rechazado",
        "ca": "missatge fals rebutjat",
        "en": "forged message refused",
    },
    "journal_forked": {"es": "dos diarios distintos", "ca": "dos diaris diferents", "en": "two different journals"},
    "unrecorded": {"es": "aperturas sin anotar", "ca": "obertures sense anotar", "en": "releases not recorded"},
    "clock_doubted": {"es": "hora incierta", "ca": "hora incerta", "en": "time uncertain"},
    "disk_short": {"es": "disco lleno", "ca": "disc ple", "en": "disk full"},
    "emergency_code_used": {
        "es": "código de emergencia usado",
        "ca": "codi d'emergència usat",
        "en": "emergency code used",
    },
    SILENT: {"es": "controlador en silencio", "ca": "controlador en silenci", "en": "controller silent"},
    "test": {"es": "prueba de aviso", "ca": "prova d'avís", "en": "test of an alarm"},
}
OTHER: Final = {"es": "algo necesita una mirada", "ca": "alguna cosa demana una mirada", "en": "something needs a look"}


def words_for(kind: str, language: str) -> str:
    """A kind of alarm in a few words."""
    return WORDS.get(kind, OTHER).get(language, WORDS.get(kind, OTHER)["en"])
