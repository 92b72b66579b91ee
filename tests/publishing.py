"""A publisher to test, and what its subscribers heard."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from brokers import Subscriber
from fakes.reports import make_health, make_status

from edge_app.config import MqttConfig
from edge_app.messages import Command, Event, Health, Receipt, Report
from edge_app.publisher import Publisher
from edge_app.store import Store


def make_publisher(
    store: Store,
    port: int,
    health: Callable[[], Health] = make_health,
    on_command: Callable[[Command], None] = lambda command: None,
    on_receipt: Callable[[Receipt], None] = lambda receipt: None,
    **settings: object,
) -> Publisher:
    """A publisher with short pauses; ``settings`` are keys of ``[mqtt]``."""
    return Publisher(
        MqttConfig.model_validate({"port": port, **settings}),
        store,
        make_status(),
        health,
        on_command,
        on_receipt,
        shortest_pause_s=0.1,
        longest_pause_s=0.2,
    )


@contextmanager
def running(publisher: Publisher, flush_s: float = 5.0) -> Iterator[Publisher]:
    publisher.start()
    try:
        yield publisher
    finally:
        publisher.stop(flush_s)


def all_sent(store: Store) -> Callable[[], bool]:
    return lambda: store.counts().unsent == 0


def reports_of(subscriber: Subscriber) -> list[Report]:
    return [Report.from_json(message.body) for message in subscriber.on("report")]


def ids_of(subscriber: Subscriber) -> list[str]:
    return [report.report_id for report in reports_of(subscriber)]


def events_of(subscriber: Subscriber, kind: str) -> list[Event]:
    return [event for event in map(Event.from_json, (m.body for m in subscriber.on("event"))) if event.kind == kind]
