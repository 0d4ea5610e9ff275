"""A controller's page: what it is, its label, and the code for the one that replaces it."""

import os
from hashlib import sha256
from pathlib import Path

from httpx2 import Response

from aldaba_cloud.fleet import store as fleet
from aldaba_cloud.fleet.keys import make_keys
from aldaba_cloud.keyring import Keyring
from aldaba_shared.envelope import SigningKey, seal
from aldaba_shared.messages import Kind, UpdateAsked
from tests.cloud.conftest import MONDAY_NOON
from tests.pages.desk import Desk, built, desk, fresh_url

__all__ = ["built", "desk", "fresh_url"]


def page_of(desk: Desk) -> str:
    return f"/admin/controllers/{desk.space.controllers['street'].id}"


def test_the_list_leads_to_a_page_with_doors_and_versions(desk: Desk) -> None:
    desk.sign_in("fitter")
    assert f'href="{page_of(desk)}"' in desk.see("/admin/controllers")
    shown = desk.see(page_of(desk))
    assert "toy 1" in shown
    assert "Nothing is kept yet" in shown


def test_the_label_is_the_address_of_the_page(desk: Desk) -> None:
    desk.sign_in("fitter")
    answer = desk.browser.get(f"{page_of(desk)}/label.svg")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert answer.text.count("<path") == 1


def test_replacing_shows_a_code_and_takes_nothing_out_of_use_yet(desk: Desk, tmp_path: Path) -> None:
    desk.sign_in("fitter")
    keys = make_keys(Keyring(desk.space.config.key_dir), tmp_path / "root.key", MONDAY_NOON)
    shown = desk.send(f"{page_of(desk)}/replace").text
    assert sha256(keys.root_key).hexdigest() in shown
    assert "sudo aldaba-edge pair " in shown
    assert "--root-fingerprint" in shown
    found = desk.read(lambda work: fleet.find_controller(work, desk.space.controllers["street"].id))
    assert found is not None
    assert found.retired_at is None


def test_an_operator_replaces_nothing(desk: Desk) -> None:
    desk.sign_in("op")
    assert desk.send(f"{page_of(desk)}/replace").status_code == 403


def test_a_canary_is_marked_and_unmarked_and_the_list_says_so(desk: Desk) -> None:
    desk.sign_in("fitter")
    desk.send(f"{page_of(desk)}/canary", canary="true")
    assert "takes updates first" in desk.see("/admin/controllers")
    desk.send(f"{page_of(desk)}/canary", canary="false")
    assert "takes updates first" not in desk.see("/admin/controllers")


def asked(desk: Desk, version: str, who: str = "street") -> Response:
    """What a controller asks before it takes a version, as `aldaba-edge update` sends it."""
    toy = desk.space.controllers[who]
    body = UpdateAsked(toy.id, desk.clock.moment, os.urandom(16), version)
    envelope = seal(Kind.UPDATE, "cloud", body, toy.key)
    return desk.browser.post("/api/v1/update", content=envelope, headers={"content-type": "application/cose"})


def test_a_controller_asks_whether_it_is_its_turn_and_canaries_come_first(desk: Desk) -> None:
    desk.sign_in("fitter")
    other = next(door for door in desk.space.controllers if door != "street")
    desk.send(f"{page_of(desk)}/canary", canary="true")
    assert asked(desk, "9.0.0").json() == {"allowed": True, "why": ""}
    answer = asked(desk, "9.0.0", who=other).json()
    assert answer["allowed"] is False
    assert answer["why"] == f"{desk.space.controllers['street'].id} takes it first"


def test_nobody_asks_in_a_controllers_name_or_twice_with_the_same_words(desk: Desk) -> None:
    toy = desk.space.controllers["street"]
    stranger = SigningKey.generate(toy.key.kid)
    body = UpdateAsked(toy.id, desk.clock.moment, os.urandom(16), "9.0.0")
    forged, own = (seal(Kind.UPDATE, "cloud", body, key) for key in (stranger, toy.key))
    statuses = [
        desk.browser.post("/api/v1/update", content=one).status_code for one in (forged, own, own, b"no envelope")
    ]
    assert statuses == [422, 200, 422, 422]
