"""What can be booked, and its prices: adding, changing, removing."""

from aldaba_cloud import audit
from aldaba_cloud.bookings import store
from aldaba_cloud.bookings.models import ASSIGNED, NotBookable, Resource
from aldaba_cloud.bookings.prices import PriceRule
from aldaba_cloud.bookings.reading import resource_of
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing
from aldaba_cloud.places import store as places


def add_resource(work: Work, one: Resource) -> Resource:
    """Add something that can be booked.

    Raises:
        Missing: no such site, zone or part within the caller's sight.
    """
    _check_place(work, one)
    store.add_resource(work, one)
    audit.note(work, one.site, "resource_added", one.id, name=one.name)
    return one


def change_resource(work: Work, one: Resource) -> Resource:
    """Change something that can be booked; what is booked already stays.

    Raises:
        Missing: no such resource, site, zone or part within the caller's sight.
        NotBookable: it would move to another site.
    """
    known = resource_of(work, one.id)
    if known.site != one.site:
        raise NotBookable(f"{known.name} cannot move to another site. Add it there, and take this one out of use.")
    _check_place(work, one)
    store.save_resource(work, one)
    audit.note(work, one.site, "resource_changed", one.id, name=one.name)
    return one


def add_price(work: Work, one: PriceRule) -> PriceRule:
    """Add a price.

    Raises:
        Missing: no such site or resource within the caller's sight.
    """
    if one.name == ASSIGNED:
        raise NotBookable(f"A price cannot be called {ASSIGNED!r}: that is what is somebody's own. Call it otherwise.")
    if places.find_site(work, one.site) is None:
        raise Missing("site", one.site)
    if one.resource is not None:
        resource_of(work, one.resource)
    store.add_price_rule(work, one)
    audit.note(work, one.site, "price_added", one.id, name=one.name, hour_cents=one.hour_cents)
    return one


def remove_price(work: Work, price: str) -> None:
    """Remove a price.

    Raises:
        Missing: the caller sees no such price.
    """
    if not store.remove_price_rule(work, price):
        raise Missing("price", price)


def _check_place(work: Work, one: Resource) -> None:
    if places.find_site(work, one.site) is None:
        raise Missing("site", one.site)
    if one.zone is not None and ((zone := places.find_zone(work, one.zone)) is None or zone.site != one.site):
        raise Missing("zone", one.zone)
    for part in one.parts:
        if part == one.id or resource_of(work, part).parts:
            raise NotBookable("A combined resource is made of simple ones. Name its simple parts.")
