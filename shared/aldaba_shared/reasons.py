"""Every reason a door can give, and what it says to the person in front of it.

`reason is GRANTED` means the door opens; everything else is the one check that
failed first. The names are a contract: events, pages and other programs hold
them. Each sentence says what happened and what to do, in the three languages of
the product.
"""

from enum import StrEnum
from typing import Final, Literal, TypeAlias

Language: TypeAlias = Literal["es", "ca", "en"]


class Reason(StrEnum):
    """Why a door answered as it did, in the order in which `decide` asks."""

    GRANTED = "granted"
    DOOR_LOCKED_DOWN = "door_locked_down"
    RULES_UNVERIFIED = "rules_unverified"
    PASS_UNREADABLE = "pass_unreadable"  # noqa: S105 - a reason, not a secret
    PASS_WRONG_DOOR = "pass_wrong_door"  # noqa: S105
    PASS_USED_UP = "pass_used_up"  # noqa: S105
    PASS_REPLAYED = "pass_replayed"  # noqa: S105
    CARD_NOT_GENUINE = "card_not_genuine"
    CARD_COPYABLE = "card_copyable"
    PIN_WRONG = "pin_wrong"
    PIN_FROZEN = "pin_frozen"
    UNKNOWN_CREDENTIAL = "unknown_credential"
    CREDENTIAL_DISABLED = "credential_disabled"
    CLOCK_UNTRUSTED = "clock_untrusted"
    CREDENTIAL_NOT_IN_FORCE = "credential_not_in_force"
    RULES_TOO_OLD = "rules_too_old"
    CONTRACT_NOT_IN_GOOD_STANDING = "contract_not_in_good_standing"
    NO_ACCESS_RIGHTS = "no_access_rights"
    OUT_OF_SCHEDULE = "out_of_schedule"
    PASSBACK = "passback"
    ZONE_FULL = "zone_full"
    INTERLOCKED = "interlocked"
    SECOND_FACTOR_NEEDED = "second_factor_needed"
    SECOND_PERSON_NEEDED = "second_person_needed"


SENTENCES: Final[dict[Reason, dict[Language, str]]] = {
    Reason.GRANTED: {
        "es": "Adelante.",
        "ca": "Endavant.",
        "en": "Come in.",
    },
    Reason.DOOR_LOCKED_DOWN: {
        "es": "La puerta está bloqueada por seguridad. Espera al personal.",
        "ca": "La porta està bloquejada per seguretat. Espera el personal.",
        "en": "The door is locked down for safety. Wait for the staff.",
    },
    Reason.RULES_UNVERIFIED: {
        "es": "La puerta no puede comprobar sus reglas. Avisa al personal.",
        "ca": "La porta no pot comprovar les seves regles. Avisa el personal.",
        "en": "The door cannot verify its rules. Tell the staff.",
    },
    Reason.PASS_UNREADABLE: {
        "es": "El código no es un pase válido. Pide uno nuevo a tu anfitrión.",
        "ca": "El codi no és un passi vàlid. Demana'n un de nou al teu amfitrió.",
        "en": "The code is not a valid pass. Ask your host for a new one.",
    },
    Reason.PASS_WRONG_DOOR: {
        "es": "Este pase es para otra puerta. Mira en el pase cuál es.",
        "ca": "Aquest passi és per a una altra porta. Mira al passi quina és.",
        "en": "This pass is for another door. The pass says which.",
    },
    Reason.PASS_USED_UP: {
        "es": "El pase ya no tiene usos. Pide otro en recepción.",
        "ca": "El passi ja no té usos. Demana'n un altre a recepció.",
        "en": "The pass has no uses left. Ask the front desk for another.",
    },
    Reason.PASS_REPLAYED: {
        "es": "Este código ya se ha mostrado. Enseña el que ves ahora en el móvil.",
        "ca": "Aquest codi ja s'ha mostrat. Ensenya el que veus ara al mòbil.",
        "en": "This code was shown before. Show the one your phone has now.",
    },
    Reason.CARD_NOT_GENUINE: {
        "es": "La tarjeta no ha podido demostrar que es auténtica. Vuelve a acercarla o pregunta en recepción.",
        "ca": "La targeta no ha pogut demostrar que és autèntica. Torna-la a acostar o pregunta a recepció.",
        "en": "The card could not prove that it is genuine. Tap it again, or ask at the front desk.",
    },
    Reason.CARD_COPYABLE: {
        "es": "Esta puerta no acepta tarjetas que se pueden copiar. Pide una mejor en recepción.",
        "ca": "Aquesta porta no accepta targetes que es poden copiar. Demana'n una de millor a recepció.",
        "en": "This door takes no card that can be copied. Ask the front desk for a better one.",
    },
    Reason.PIN_WRONG: {
        "es": "El PIN no es correcto. Prueba otra vez.",
        "ca": "El PIN no és correcte. Torna-ho a provar.",
        "en": "The PIN is wrong. Try again.",
    },
    Reason.PIN_FROZEN: {
        "es": "Demasiados intentos. Espera o usa tu tarjeta.",
        "ca": "Massa intents. Espera o fes servir la targeta.",
        "en": "Too many tries. Wait, or use your card.",
    },
    Reason.UNKNOWN_CREDENTIAL: {
        "es": "No conocemos esta tarjeta. Pregunta en recepción.",
        "ca": "No coneixem aquesta targeta. Pregunta a recepció.",
        "en": "We do not know this card. Ask at the front desk.",
    },
    Reason.CREDENTIAL_DISABLED: {
        "es": "La tarjeta está anulada. Pide otra en recepción.",
        "ca": "La targeta està anul·lada. Demana'n una altra a recepció.",
        "en": "The card is blocked. Ask the front desk for another.",
    },
    Reason.CLOCK_UNTRUSTED: {
        "es": "La puerta no sabe qué hora es y no acepta este pase. Usa una tarjeta o avisa al personal.",
        "ca": "La porta no sap quina hora és i no accepta aquest passi. Usa una targeta o avisa el personal.",
        "en": "The door is not sure of the time and cannot take this pass. Use a card or tell the staff.",
    },
    Reason.CREDENTIAL_NOT_IN_FORCE: {
        "es": "La credencial todavía no vale o ha caducado. Mira sus fechas en tu página.",
        "ca": "La credencial encara no val o ha caducat. Mira'n les dates a la teva pàgina.",
        "en": "The credential is not valid yet or has expired. Your page shows its dates.",
    },
    Reason.RULES_TOO_OLD: {
        "es": "La puerta lleva demasiado tiempo sin conexión. Avisa al personal.",
        "ca": "La porta fa massa temps que no té connexió. Avisa el personal.",
        "en": "The door has been offline for too long. Tell the staff.",
    },
    Reason.CONTRACT_NOT_IN_GOOD_STANDING: {
        "es": "Hay un pago pendiente de tu contrato. Puedes resolverlo en tu página.",
        "ca": "Hi ha un pagament pendent del teu contracte. Ho pots resoldre a la teva pàgina.",
        "en": "Your contract has an open payment. You can settle it on your page.",
    },
    Reason.NO_ACCESS_RIGHTS: {
        "es": "Tu plan no incluye esta puerta. Tu página dice cuáles tienes.",
        "ca": "El teu pla no inclou aquesta porta. La teva pàgina diu quines tens.",
        "en": "Your plan does not include this door. Your page says which you have.",
    },
    Reason.OUT_OF_SCHEDULE: {
        "es": "Fuera de tu horario para esta puerta. Tu página dice cuándo puedes entrar.",
        "ca": "Fora del teu horari per a aquesta porta. La teva pàgina diu quan pots entrar.",
        "en": "Outside your hours for this door. Your page says when you may enter.",
    },
    Reason.PASSBACK: {
        "es": "Ya constas dentro. Si no es así, pide en recepción que lo corrijan.",
        "ca": "Ja constes a dins. Si no és així, demana a recepció que ho corregeixin.",
        "en": "You are counted as inside already. If that is wrong, ask the front desk to correct it.",
    },
    Reason.ZONE_FULL: {
        "es": "La zona está completa. Prueba en otra zona o espera a que salga alguien.",
        "ca": "La zona és plena. Prova una altra zona o espera que surti algú.",
        "en": "The zone is full. Try another zone, or wait until someone leaves.",
    },
    Reason.INTERLOCKED: {
        "es": "La otra puerta está abierta. Ciérrala y vuelve a probar.",
        "ca": "L'altra porta és oberta. Tanca-la i torna-ho a provar.",
        "en": "The other door is open. Close it and try again.",
    },
    Reason.SECOND_FACTOR_NEEDED: {
        "es": "Aquí hacen falta tarjeta y PIN. Muestra ahora lo que falta.",
        "ca": "Aquí calen targeta i PIN. Mostra ara el que falta.",
        "en": "This door needs a card and a PIN. Now show the one that is missing.",
    },
    Reason.SECOND_PERSON_NEEDED: {
        "es": "Hace falta una segunda persona. Que pase su tarjeta.",
        "ca": "Cal una segona persona. Que passi la seva targeta.",
        "en": "A second person is needed. Let them tap their card.",
    },
}


def sentence(reason: Reason, language: Language) -> str:
    """What the door, a page or an explanation says for this reason."""
    return SENTENCES[reason][language]
