from datetime import UTC, datetime, timedelta
from random import Random

from aldaba_sim.clock import HandTime, MachineClock
from aldaba_sim.link import Broker, Client, Weather

START = datetime(2026, 11, 23, tzinfo=UTC)


class Town:
    """A broker, a sender and a receiver who writes down what arrives."""

    def __init__(self, seed: int = 1) -> None:
        self.time = HandTime(START)
        self.broker = Broker(self.time, Random(seed))
        self.heard: list[bytes] = []
        self.connections = 0
        self.receiver = self.join("receiver")
        self.sender = self.broker.client("sender", lambda _topic: False)
        self.sender.start(lambda: None, lambda _topic, _payload: None)
        self.wait(5)

    def join(self, name: str) -> Client:
        client = self.broker.client(name, lambda topic: topic == "news")
        client.start(self._connected, lambda _topic, payload: self.heard.append(payload))
        return client

    def send(self, count: int, *, retain: bool = False) -> list[bytes]:
        sent = [bytes([number]) for number in range(count)]
        for message in sent:
            self.sender.publish("news", message, retain=retain)
        return sent

    def wait(self, seconds: float) -> None:
        self.time.run_until(self.time.now() + timedelta(seconds=seconds))

    def _connected(self) -> None:
        self.connections += 1


def test_in_fair_weather_messages_arrive_once_and_in_order() -> None:
    town = Town()
    sent = town.send(100)
    town.wait(1)
    assert town.heard == sent


def test_the_weather_loses_doubles_and_reorders() -> None:
    def heard(weather: Weather) -> list[bytes]:
        town = Town()
        town.receiver.weather = weather
        town.send(100)
        town.wait(60)
        return town.heard

    sent = [bytes([number]) for number in range(100)]
    assert len(heard(Weather(loss=0.3))) < len(sent)
    assert len(heard(Weather(doubling=0.3))) > len(sent)
    reordered = heard(Weather(reordering=0.3))
    assert reordered != sent
    assert sorted(reordered) == sent


def test_a_cut_loses_what_was_on_its_way_and_the_client_comes_back() -> None:
    town = Town()
    town.send(10)
    town.receiver.cut_off()
    town.wait(10)
    assert town.heard == []
    town.receiver.mend()
    town.wait(10)
    assert town.receiver.connected
    assert town.connections == 2


def test_the_last_retained_message_waits_for_who_comes_later() -> None:
    town = Town()
    town.send(3, retain=True)
    town.wait(1)
    town.heard.clear()
    town.join("late")
    town.wait(1)
    assert town.heard == [b"\x02"]


def test_a_broker_that_restarts_may_forget_and_all_clients_return() -> None:
    town = Town()
    town.send(3, retain=True)
    town.wait(1)
    town.broker.stop(forgetting=True)
    assert not town.receiver.connected
    town.broker.start()
    town.wait(10)
    assert town.receiver.connected
    assert town.broker.retained == {}


def test_the_same_seed_gives_the_same_weather() -> None:
    def heard(seed: int) -> list[bytes]:
        town = Town(seed)
        town.receiver.weather = Weather(loss=0.2, doubling=0.2, reordering=0.2, delay_seconds=5)
        town.send(50)
        town.wait(60)
        return town.heard

    assert heard(3) == heard(3)
    assert heard(3) != heard(4)


def test_a_machine_that_died_makes_no_call_it_had_promised() -> None:
    time = HandTime(START)
    clock = MachineClock(time)
    called: list[str] = []
    clock.call_later(10, lambda: called.append("before"))
    clock.die()
    clock.boot()
    clock.call_later(10, lambda: called.append("after"))
    time.run_until(START + timedelta(seconds=60))
    assert called == ["after"]


def test_promises_are_kept_in_the_order_of_their_moments() -> None:
    time = HandTime(START)
    called: list[int] = []
    for seconds in (3, 1, 2):
        time.call_later(seconds, lambda s=seconds: called.append(s))  # type: ignore[misc] # mypy cannot infer a lambda with a default
    time.call_later(1, lambda: called.append(10)).cancel()
    time.run_until(START + timedelta(seconds=60))
    assert called == [1, 2, 3]
    assert time.now() == START + timedelta(seconds=60)


def test_a_wrong_wall_clock_leaves_monotonic_time_alone() -> None:
    time = HandTime(START)
    clock = MachineClock(time)
    clock.error = timedelta(hours=3)
    time.run_until(START + timedelta(seconds=5))
    assert clock.now() == START + timedelta(hours=3, seconds=5)
    assert clock.monotonic() == 5.0
