"""A member's phone as a key: the page that makes its codes. What it signs is told in `aldaba_shared.phone`."""

from fastapi import APIRouter, Response

from aldaba_cloud.access import phones, service
from aldaba_cloud.deps import CloudDep, CurrentMember
from aldaba_cloud.pages.kit import PageDep
from aldaba_cloud.places import store as places

router = APIRouter(prefix="/me/phone", include_in_schema=False)


@router.get("")
def my_phone(caller: CurrentMember, cloud: CloudDep, page: PageDep) -> Response:
    """The code, or the button that makes this phone a key."""
    reached = service.reach_of(caller.work, caller.holder, cloud.keyring)
    sites = [site for name in sorted(reached) if (site := places.find_site(caller.work, name)) is not None]
    keys = phones.key_ids(caller.work, caller.holder, cloud.keyring)
    return page.show("phone.html", sites=sites, holder=caller.holder, keys=keys)
