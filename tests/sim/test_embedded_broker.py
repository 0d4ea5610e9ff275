import pytest

from aldaba_sim.embedded_broker import may_use


@pytest.mark.parametrize(
    ("who", "topic", "publish"),
    [
        pytest.param("cloud", "aldaba/1/bcn/c-1/down", True, id="the cloud speaks to a controller"),
        pytest.param("cloud", "aldaba/1/+/+/up", False, id="the cloud hears them all"),
        pytest.param("c-1", "aldaba/1/bcn/c-1/up", True, id="a controller reports"),
        pytest.param("c-1", "aldaba/1/bcn/c-1/state", False, id="a controller reads its state"),
        pytest.param("c-1", "aldaba/1/bcn/+/presence", False, id="a controller asks for its peers' presence"),
        pytest.param("c-1", "aldaba/1/bcn/c-2/presence", False, id="and gets it"),
    ],
)
def test_the_broker_lets_pass_what_the_wire_needs(who: str, topic: str, *, publish: bool) -> None:
    assert may_use(who, topic, publish=publish)


@pytest.mark.parametrize(
    ("who", "topic", "publish"),
    [
        pytest.param("c-1", "aldaba/1/bcn/c-2/up", True, id="reporting in another one's name"),
        pytest.param("c-1", "aldaba/1/bcn/c-1/down", True, id="ordering oneself about"),
        pytest.param("c-1", "aldaba/1/bcn/c-2/down", False, id="reading another one's orders"),
        pytest.param("c-1", "aldaba/1/bcn/+/presence", True, id="publishing to a wildcard"),
        pytest.param("c-1", "#", False, id="reading everything"),
        pytest.param(None, "aldaba/1/bcn/c-1/up", True, id="without a name"),
    ],
)
def test_the_broker_keeps_each_controller_to_its_own(who: str | None, topic: str, *, publish: bool) -> None:
    assert not may_use(who, topic, publish=publish)
