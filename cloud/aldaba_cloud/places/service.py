"""Reading places; a site the caller may not see is missing."""

from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing
from aldaba_cloud.places import store
from aldaba_cloud.places.models import Place, Site
from aldaba_shared.ids import SiteId


def list_sites(work: Work) -> list[Site]:
    """Every site the caller may see."""
    return store.list_sites(work)


def place_of(work: Work, site_id: str) -> Place:
    """A whole site."""
    site = store.find_site(work, SiteId(site_id))
    if site is None:
        raise Missing("site", site_id)
    return store.load_place(work, site)
