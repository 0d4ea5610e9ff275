"""A controller renews its certificate over HTTPS, also one that has run out while the door was without network."""

from datetime import datetime

from sqlalchemy import Connection

from aldaba_cloud import audit
from aldaba_cloud.authority import Authority
from aldaba_cloud.fleet import certificates
from aldaba_cloud.link.requests import opened
from aldaba_shared.messages import CertificateRequest, Kind


def renew(db: Connection, authority: Authority, envelope: bytes, now: datetime) -> bytes:
    """A new certificate, in PEM, for the controller that signed the request.

    Raises:
        EnvelopeRefused: no controller in use signed it, or it is too old, too new or repeated.
        RequestUnusable: there is no usable signing request in it.
    """
    work, sender, wanted = opened(db, Kind.CERTIFY, envelope, CertificateRequest, now)
    issued = authority.controller(wanted.request, sender.id, now)
    certificates.keep(work, sender.site, sender.id, issued)
    audit.note(work, sender.site, "certificate_renewed", sender.id, until=issued.until.isoformat())
    return issued.pem
