"""What a phone finds that is held to one of our NTAG 424 tags.

The tag writes its address afresh for whoever reads it, and only a door may judge
it: nothing of it is looked at, kept or logged here, and the page says the same to
everybody. A counter that a phone has used up is below the one the next door sees.
"""

from fastapi import APIRouter, Response

from aldaba_cloud.pages.kit import PageDep

router = APIRouter(include_in_schema=False)


@router.get("/t")
def tag(page: PageDep) -> Response:
    """Where to hold it, and what to do with one that was found."""
    return page.show("tag.html")
