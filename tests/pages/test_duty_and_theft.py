"""Who is told of alarms, and a stolen controller taken out of use: the admin's and the installer's pages."""

import re

from aldaba_cloud.duty import store as duty
from aldaba_cloud.fleet import service
from aldaba_cloud.fleet import store as fleet
from tests.cloud.conftest import BARCELONA
from tests.pages.desk import Desk, built, desk, fresh_url

__all__ = ["built", "desk", "fresh_url"]


def test_a_webhooks_secret_is_shown_once_and_never_again(desk: Desk) -> None:
    desk.sign_in("admin")
    shown = desk.send("/admin/duty", site=BARCELONA, channel="webhook", address="https://hooks.example.org/a").text
    secret = re.search(r"whsec_[A-Za-z0-9+/=]{40,}", shown)
    assert secret is not None
    assert secret[0] not in desk.see("/admin/duty")
    assert "https://hooks.example.org/a" in desk.see("/admin/duty")


def test_an_address_nobody_is_at_is_refused_beside_the_form_and_what_was_typed_stays(desk: Desk) -> None:
    desk.sign_in("admin")
    answer = desk.send("/admin/duty", site=BARCELONA, channel="mail", address="nobody", kind="door_forced")
    assert answer.status_code == 422
    assert 'value="nobody"' in answer.text
    assert re.search(r'value="door_forced"\s+checked', answer.text)


def test_a_contact_is_sent_a_test_and_taken_off_duty(desk: Desk) -> None:
    desk.sign_in("admin")
    desk.send("/admin/duty", site=BARCELONA, channel="mail", address="duty@example.org", language="ca")
    (contact,) = desk.read(duty.list_contacts)
    desk.send(f"/admin/duty/{contact.id}/test")
    assert "on its way" in desk.see("/admin/duty")
    desk.send(f"/admin/duty/{contact.id}/remove")
    assert desk.read(duty.list_contacts) == []
    assert desk.send(f"/admin/duty/{contact.id}/remove").status_code == 404


def test_only_an_admin_says_who_is_on_duty(desk: Desk) -> None:
    desk.sign_in("op")
    assert desk.send("/admin/duty", site=BARCELONA, channel="mail", address="me@example.org").status_code == 403


def test_a_stolen_controller_is_taken_out_of_use_after_its_page_said_what_that_means(desk: Desk) -> None:
    desk.sign_in("fitter")
    stolen = desk.space.controllers["street"]
    asked = desk.see(f"/admin/controllers/{stolen.id}/retire")
    assert "cannot be undone" in asked
    done = desk.send(f"/admin/controllers/{stolen.id}/retire")
    assert "Out of use" in done.text
    found = desk.read(lambda work: fleet.find_controller(work, stolen.id))
    assert found is not None
    assert found.retired_at is not None
    peers = desk.read(lambda work: service.presence_keys(work, BARCELONA))
    assert stolen.key.kid not in {one.kid for one in peers}
    assert desk.send(f"/admin/controllers/{stolen.id}/retire").status_code == 404


def test_an_operator_cannot_take_a_controller_out_of_use(desk: Desk) -> None:
    desk.sign_in("op")
    stolen = desk.space.controllers["street"]
    assert desk.send(f"/admin/controllers/{stolen.id}/retire").status_code == 403


def test_the_page_of_controllers_says_which_software_each_runs(desk: Desk) -> None:
    desk.sign_in("fitter")
    street = desk.space.controllers["street"]
    found = desk.read(lambda work: fleet.find_controller(work, street.id))
    assert found is not None
    assert f">{found.software}</span>" in desk.see("/admin/controllers")
