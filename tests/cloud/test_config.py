"""What the service is told from outside, and what it refuses to be told."""

import pytest

from aldaba_cloud.config import ConfigUnusable, load_config


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", ""])
def test_a_broker_on_this_machine_needs_no_tls(host: str) -> None:
    assert load_config(environ={"ALDABA_MQTT_HOST": host}).mqtt_host == host


def test_a_broker_on_the_network_is_not_spoken_to_in_clear_but_on_a_bench() -> None:
    told = {"ALDABA_MQTT_HOST": "broker.lan"}
    with pytest.raises(ConfigUnusable, match="without TLS"):
        load_config(environ=told)
    assert load_config(environ=told | {"ALDABA_MQTT_CA_FILE": "/etc/ssl/certs/ca-certificates.crt"}).mqtt_ca_file
    assert load_config(environ=told | {"ALDABA_MQTT_WITHOUT_TLS": "bench"}).mqtt_host == "broker.lan"
