"""Every broker that reports go to, each with a publisher and a place in the outbox of its own."""

from collections.abc import Callable
from functools import partial

from edge_app.config_mqtt import MqttConfig
from edge_app.identifiers import MAIN
from edge_app.messages import BrokerHealth, Command, Event, Health, PartState, Status
from edge_app.publisher import Publisher
from edge_app.store import Store


class Publishers:
    """One publisher for each destination; a broker that is away holds up none of the others.

    Args:
        settings: The brokers.
        store: Made with their names as destinations.
        online: The box's birth.
        health: Asked by each publisher.
        on_command: Called with the commands of every broker that may give some, in its publisher's thread.
        on_event: Called once with every event that is published.
    """

    def __init__(
        self,
        settings: MqttConfig,
        store: Store,
        online: Status,
        health: Callable[[], Health],
        on_command: Callable[[Command], None],
        on_event: Callable[[Event], None],
    ) -> None:
        self._store, self._on_event = store, on_event
        self._publishers = {
            name: Publisher(
                broker, store, online, health, on_command, on_event=partial(self._told, name), destination=name
            )
            for name, broker in settings.destinations.items()
        }

    @property
    def state(self) -> PartState:
        """Of the connection to the main broker."""
        return self._publishers[MAIN].state

    @property
    def failure(self) -> str:
        """Why one of the publishers ended by a bug; empty if none did."""
        return next((one.state.reason for one in self._publishers.values() if one.state.state == "failed"), "")

    def further(self) -> tuple[BrokerHealth, ...]:
        """How the connections to the further brokers do.

        Raises:
            StoreError: The outbox cannot be counted.
        """
        return tuple(
            BrokerHealth(name=name, state=one.state.state, reason=one.state.reason, unsent=self._store.unsent_to(name))
            for name, one in self._publishers.items()
            if name != MAIN
        )

    def start(self) -> None:
        """Begin."""
        for publisher in self._publishers.values():
            publisher.start()

    def stop(self) -> None:
        """Send what waits, where the broker is there and takes it in time, to all at once; end."""
        for publisher in self._publishers.values():
            publisher.ask_to_stop()
        for publisher in self._publishers.values():
            publisher.stop()

    def publish_event(self, event: Event) -> None:
        """Send an event to every broker, now or when it is there."""
        for publisher in self._publishers.values():
            publisher.queue_event(event)
        self._on_event(event)

    def health_changed(self) -> None:
        """Publish the health now, if one of its states is another than the last published."""
        for publisher in self._publishers.values():
            publisher.health_changed()

    def amendment_kept(self) -> None:
        """Send the amendment that was just put into the store."""
        for publisher in self._publishers.values():
            publisher.amendment_kept()

    def _told(self, name: str, event: Event) -> None:
        """A publisher has told something: the others hear it too."""
        for other, publisher in self._publishers.items():
            if other != name:
                publisher.queue_event(event)
        self._on_event(event)
