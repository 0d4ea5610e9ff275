"""One example for each word of the API, from which the examples of whole requests and answers are put together.

A word means the same wherever it stands, so it is said once; where it does not
(`start` is a minute of a weekday in a rehearsal), the model is named before it.
A contract test checks that no word is missing and that every example fits its schema.
"""

from collections.abc import Mapping
from typing import Any, Final

Json = Any
"""A value of JSON; schemas and examples are nothing else."""

START: Final = "2026-11-24T09:00:00Z"
END: Final = "2026-11-24T10:30:00Z"
MADE: Final = "2026-11-23T11:00:00Z"
OFFICE_DAY: Final = [[540, 1080]]
OFFICE_WEEK: Final = [OFFICE_DAY] * 5 + [[]] * 2

WORDS: Final[Mapping[str, Json]] = {
    "account": "acc_1f0c5a7e90b2d344",
    "active": True,
    "after": 0,
    "agent": "Firefox 145",
    "approval": False,
    "at": START,
    "because": "lost",
    "before": 10,
    "billed_to": "mbr_4f0c21ab6d90e877",
    "booking": "bkg_7d1e0b93c55a2f08",
    "booking_id": "bkg_7d1e0b93c55a2f08",
    "buyer": "Ana Puig",
    "cancel_free_hours": 24,
    "cancelled_at": None,
    "cents": 4500,
    "changed_rows": 2,
    "checked_in_at": None,
    "code": "slot_taken",
    "commercial_limit": 80,
    "confirmed": [3, 118],
    "contact": "ana@example.org",
    "contract": "con_30aa41f7d2be9c15",
    "contract_id": "con_30aa41f7d2be9c15",
    "controller": "ctl_5be2c0d94f1a7733",
    "controller_id": "ctl_5be2c0d94f1a7733",
    "corrects": None,
    "cost_centre": "Design",
    "counted": True,
    "created_at": MADE,
    "credential": "crd_91d3f6a8e07b42c5",
    "credential_id": "crd_91d3f6a8e07b42c5",
    "credit_minutes": 0,
    "csrf_token": "vX2s8mYtQd0kP4nJ",
    "current": True,
    "cursor": None,
    "day": "2026-12-25",
    "days": [0, 1, 2, 3, 4],
    "days_ahead": 365,
    "detail": "Sala A is taken until 10:30. Take another time or another room.",
    "disabled_because": "",
    "door": "dor_c27f90e1b4a86d53",
    "doors": ["dor_c27f90e1b4a86d53"],
    "done": False,
    "done_at": None,
    "done_by": "",
    "doubt": "",
    "due_on": "2026-12-10",
    "due": "2026-11-27",
    "duress": False,
    "duress_pin": None,
    "email": "desk@example.org",
    "enabled": True,
    "end": END,
    "ended_at": None,
    "ends_on": None,
    "enter_before": 10,
    "epoch": 3,
    "equipment": ["projector", "whiteboard"],
    "essential": False,
    "expires_at": "2026-11-23T23:00:00Z",
    "facts": {"room": "Sala A"},
    "fee_cents": 0,
    "floor_cents": 0,
    "free_hours": 24,
    "from_minute": 540,
    "from_on": "2026-12-01",
    "gainers": 0,
    "granted": True,
    "guests": [],
    "holder": "mbr_4f0c21ab6d90e877",
    "holder_id": "mbr_4f0c21ab6d90e877",
    "host": "mbr_4f0c21ab6d90e877",
    "hour_cents": 3000,
    "id": "mbr_4f0c21ab6d90e877",
    "into": "zon_2ab7cc19f3e05d84",
    "invoice_id": "inv_08c1d7f25be9a346",
    "issued_at": MADE,
    "issued_on": "2026-11-26",
    "journal": "j1",
    "keeps_special_days": True,
    "key_id": "6a0f3c19d2e84b75",
    "keys": ["00112233445566778899aabbccddeeff"],
    "kind": "room",
    "label": "White card",
    "late_cancel_rate": 5000,
    "late_rate": 5000,
    "limit": 100,
    "link": "https://space.example.org/api/v1/passes/shared/9fK2mQ",
    "locale": "ca",
    "long_access": False,
    "longest": 720,
    "losers": 1,
    "made_at": MADE,
    "name": "Sala A",
    "net_cents": 23000,
    "now_ms": 1795431600000,
    "number": "04a1b2c3d4e5f6",
    "open_cents": 27830,
    "opened_at": MADE,
    "out_of": "zon_street00000000",
    "owner": "acc_1f0c5a7e90b2d344",
    "paid_until": "2026-12-31",
    "parent": None,
    "parts": [],
    "party": "mbr_4f0c21ab6d90e877",
    "pass_id": "pas_ee10b7c4d9a25f38",
    "passback": "soft",
    "password": "correct horse battery",
    "people": 4,
    "pin": "4096137",
    "plan": None,
    "price_id": "prc_b1907ce4fd5a2386",
    "public_key": "BHo" + "A" * 84 + "=",
    "published": [3, 118],
    "rate": 2100,
    "reason": "granted",
    "reentry_minutes": 0,
    "release_after": 15,
    "renews": True,
    "resource": "res_d40b8a6e7c1f9253",
    "resource_id": "res_d40b8a6e7c1f9253",
    "rights": ["rgt_1"],
    "roles": ["operator"],
    "rule": "public",
    "safety_limit": 100,
    "same": True,
    "schedule_id": "sch_77e0c5d1a9b3f264",
    "seats": 8,
    "second": None,
    "sentence": "Access granted.",
    "sequence": 41,
    "series": None,
    "series_id": "ser_5c29d0e8b7a1f634",
    "session_id": "ses_0a9d7b4cf1e83265",
    "shortest": 15,
    "since": "2026-11-24T00:00:00Z",
    "site": "site_6b0f9e12c7d5a483",
    "site_id": "site_6b0f9e12c7d5a483",
    "special_days": [],
    "start": START,
    "standing": "good",
    "starts_on": "2026-09-01",
    "state": "confirmed",
    "status": 409,
    "step": 15,
    "task_id": "tsk_e7a0d19b5c3f8246",
    "tax_cents": 4830,
    "tax_id": "B12345674",
    "text": "Hot desk, November 2026",
    "time_zone": "Europe/Madrid",
    "title": "Board meeting",
    "total_cents": 27830,
    "type": "urn:aldaba:problem:slot_taken",
    "uid": "04a1b2c3d4e5f6",
    "until": "2026-11-25T00:00:00Z",
    "until_minute": 1080,
    "up_to_date": True,
    "uses": 2,
    "valid_from": START,
    "valid_until": END,
    "vat": "standard",
    "version": 118,
    "visitor": "Rita Soler",
    "wait_id": "wai_f3b0a59c7e2d1846",
    "way_out_read": True,
    "week": OFFICE_WEEK,
    "weekday": 0,
    "why": "",
    "windows": OFFICE_DAY,
    "zone": "zon_2ab7cc19f3e05d84",
    "BlankIn.kind": "desfire",
    "BookingOut.id": "bkg_7d1e0b93c55a2f08",
    "ContractOut.id": "con_30aa41f7d2be9c15",
    "ContractOut.people": ["mbr_4f0c21ab6d90e877"],
    "ContractOut.plan": "pln_hot_desk",
    "ContractOut.state": "active",
    "CredentialIn.kind": "uid",
    "CredentialOut.id": "crd_91d3f6a8e07b42c5",
    "CredentialOut.kind": "uid",
    "DoorOut.id": "dor_c27f90e1b4a86d53",
    "DoorOut.name": "Street door",
    "HolderOut.kind": "member",
    "HolderOut.name": "Ana Puig",
    "InvoiceOut.id": "inv_08c1d7f25be9a346",
    "InvoiceOut.kind": "invoice",
    "InvoiceOut.number": "BCN2026-000117",
    "InvoiceOut.state": "final",
    "IssuedOut.id": "crd_91d3f6a8e07b42c5",
    "MadeIn.kind": "desfire",
    "OccurrenceOut.start": "2026-11-24T09:00:00+01:00",
    "PassIssuedOut.id": "pas_ee10b7c4d9a25f38",
    "PassOut.id": "pas_ee10b7c4d9a25f38",
    "PriceRuleIn.name": "public",
    "PriceRuleOut.id": "prc_b1907ce4fd5a2386",
    "PriceRuleOut.name": "public",
    "Problem.title": "Conflict",
    "ResourceOut.id": "res_d40b8a6e7c1f9253",
    "ScheduleOut.id": "sch_77e0c5d1a9b3f264",
    "ScheduleOut.name": "Office hours",
    "SeriesIn.until": "2026-12-22",
    "SessionOut.id": "ses_0a9d7b4cf1e83265",
    "SiteOut.id": "site_6b0f9e12c7d5a483",
    "SiteOut.name": "Barcelona",
    "SpanOut.end": 1080,
    "SpanOut.start": 1020,
    "SpecialDayIn.name": "Christmas",
    "TaskIn.link": "/admin/members",
    "TaskIn.title": "Water the plants",
    "TaskOut.id": "tsk_e7a0d19b5c3f8246",
    "TaskOut.kind": "own",
    "TaskOut.link": "/admin/members",
    "TaskOut.title": "Water the plants",
    "WaitingOut.id": "wai_f3b0a59c7e2d1846",
    "WhoOut.name": "Desk",
    "WholeInvoiceOut.id": "inv_08c1d7f25be9a346",
    "WholeInvoiceOut.kind": "invoice",
    "WholeInvoiceOut.number": "BCN2026-000117",
    "WholeInvoiceOut.state": "final",
    "ZoneOut.id": "zon_2ab7cc19f3e05d84",
    "ZoneOut.name": "First floor",
}


class WordUnknown(LookupError):
    """A word of the API has no example; a mistake of whoever added it, which the contract test finds."""


def example_of(schema: Json, models: Json) -> Json:
    """An example of a schema of OpenAPI.

    Raises:
        WordUnknown: a property that `WORDS` lacks.
    """
    if "$ref" in schema:
        model = schema["$ref"].rpartition("/")[2]
        told = models[model]
        if "properties" not in told:
            return example_of(told, models)
        return {name: _word(model, name, one, models) for name, one in told["properties"].items()}
    if schema.get("type") == "array" and "items" in schema:
        return [example_of(schema["items"], models)]
    if "enum" in schema:
        return schema["enum"][0]
    raise WordUnknown(str(schema))


def _word(model: str, name: str, schema: Json, models: Json) -> Json:
    for key in (f"{model}.{name}", name):
        if key in WORDS:
            return WORDS[key]
    try:
        return example_of(schema, models)
    except WordUnknown:
        raise WordUnknown(f"{model}.{name}") from None
