"""Send what is in the outbox to the broker, and hear its commands.

One thread does it all: connects, says that the box is there, sends reports in order with a few on their way at a time,
takes a report out of the outbox when the broker (or, if asked for, an application) has acknowledged it, and connects
again when the connection ends.
"""

import logging
import random
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from edge_app.amendments import AmendmentOutbox
from edge_app.broker_connection import Acknowledgement, BrokerConnection, Message
from edge_app.broker_problems import REPORT_REFUSALS, BrokerProblem
from edge_app.config import BrokerConfig
from edge_app.errors import EdgeCadError
from edge_app.identifiers import MAIN
from edge_app.inbox import Inbox
from edge_app.messages import (
    Amendment,
    Command,
    Event,
    Health,
    PartState,
    Receipt,
    Status,
    device_topic,
)
from edge_app.outbox import Outbox
from edge_app.outgoing import message_of, report_message
from edge_app.store import Store, UnsentReport
from edge_app.waker import Waker

EVENTS_KEPT: Final = 256
"""Events that wait for the broker; older ones are dropped."""
FAILURE: Final = 0x80
"""MQTT 5 reason codes from here on mean that a message was not taken."""
STABLE_AFTER_S: Final = 10.0
"""A connection that lasted longer than this was a good one: the pauses begin at the shortest again."""
GOODBYE_S: Final = 2.0
"""Longest wait for the broker's answer to ``offline``."""
ENVELOPE_BYTES: Final = 512
"""More than topic and properties take beside a report in its packet."""

logger = logging.getLogger(__name__)


def check_broker(settings: BrokerConfig) -> None:
    """Connect to the broker and leave again, beside a service that may be running; up to 15 s.

    Raises:
        BrokerError: It cannot be used; the text says why and the way out.
    """
    waker = Waker()
    connection = BrokerConnection(settings, f"edge-cad-check-{secrets.token_hex(4)}")
    try:
        connection.open(waker.readable, lambda: False)
    finally:
        connection.close()
        waker.close()


class Publisher:
    """Sends the reports of a store to a broker, in a thread of its own.

    Args:
        settings: Where to and how.
        store: Its outbox is drained; nothing else may drain it.
        online: The box's birth; its will is the same, ``offline``.
        health: Asked at every connection, every ``health_interval_s`` and after ``health_changed``.
        on_command: Called in the publisher's thread with every valid command; may raise ``EdgeCadError``, which is told
            in an event.
        on_receipt: The same for every valid receipt.
        on_event: Called with every event that is to be published, in the thread that tells it.
        shortest_pause_s: Before the second attempt to connect; doubles up to ``longest_pause_s``.
        longest_pause_s: Longest pause between two attempts.
        destination: The broker's name in the outbox.
    """

    def __init__(
        self,
        settings: BrokerConfig,
        store: Store,
        online: Status,
        health: Callable[[], Health],
        on_command: Callable[[Command], None] = lambda command: None,
        on_receipt: Callable[[Receipt], None] = lambda receipt: None,
        on_event: Callable[[Event], None] = lambda event: None,
        shortest_pause_s: float = 1.0,
        longest_pause_s: float = 60.0,
        destination: str = MAIN,
    ) -> None:
        self._settings, self._store, self._online, self._health = settings, store, online, health
        self._on_receipt, self._on_event = on_receipt, on_event
        self._inbox = Inbox(on_command, self._receipted, self._message_refused)
        self._shortest_pause_s, self._longest_pause_s = shortest_pause_s, longest_pause_s
        self._device_id = online.device_id
        self._state = PartState(state="stopped")
        self._waker = Waker()
        self._stopping = threading.Event()
        self._flush_until = 0.0
        self._health_asked = threading.Event()
        self._destination = destination
        self._amendments = AmendmentOutbox(store, destination)
        self._events: deque[Event] = deque(maxlen=EVENTS_KEPT)
        receipt_timeout_s = settings.receipt_timeout_s if settings.delivery == "receipt" else None
        urgent_first = settings.order == "urgent"
        self._outbox = Outbox(
            store, settings.in_flight, self._report_refused, receipt_timeout_s, destination, urgent_first
        )
        self._on_way: dict[int, UnsentReport | Amendment | Event | None] = {}
        """By message id; None: a status or health."""
        self._next_health_at = 0.0
        self._last_states: tuple[PartState, ...] = ()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        store.on_unsent(self._waker.wake)

    @property
    def state(self) -> PartState:
        """``connecting``, ``connected``, ``unreachable``, ``refused``, ``untrusted``, ``lost``, ``stopped`` or
        ``failed``, with the reason and the way out."""
        return self._state

    def start(self) -> None:
        """Begin; reports that the broker refused in an earlier run are tried once more."""
        self._store.retry_refused(self._destination)
        self._thread.start()

    def stop(self, flush_s: float = 5.0) -> None:
        """Send what waits, if the broker is there and takes it in time; say ``offline``; end.

        Args:
            flush_s: Time for that; what was not sent stays in the outbox.
        """
        self.ask_to_stop(flush_s)
        if self._thread.is_alive():
            self._thread.join()  # ends after connecting and flushing at the latest, both of which have a limit
        self._waker.close()

    def ask_to_stop(self, flush_s: float = 5.0) -> None:
        """Begin to do what ``stop`` does, without waiting for it."""
        if not self._stopping.is_set():
            self._flush_until = time.monotonic() + flush_s
            self._stopping.set()
            self._waker.wake()

    def publish_event(self, event: Event) -> None:
        """Send an event, now or when the broker is there; of many, the newest are kept."""
        self.queue_event(event)
        self._on_event(event)

    def queue_event(self, event: Event) -> None:
        """The same for an event that those who want to know of it know already."""
        self._events.append(event)
        self._waker.wake()

    def health_changed(self) -> None:
        """Publish the health now, if one of its states is another than the last published."""
        self._health_asked.set()
        self._waker.wake()

    def amendment_kept(self) -> None:
        """Send the amendment that was just put into the store, now or when the broker is there."""
        self._amendments.ask()
        self._waker.wake()

    def _run(self) -> None:
        failures = 0
        self._set_state("connecting", "")
        try:
            while not self._stopping.is_set():
                connection = BrokerConnection(self._settings, f"edge-cad-{self._device_id}", self._will())
                opened_at = time.monotonic()
                try:
                    connection.open(self._waker.readable, self._stopping.is_set)
                    self._set_state("connected", "")
                    self._serve(connection)
                except BrokerProblem as problem:
                    lasted = self._state.state == "connected" and time.monotonic() - opened_at > STABLE_AFTER_S
                    failures = 1 if lasted else failures + 1
                    self._connection_ended(problem)
                    self._set_state(problem.state, str(problem))
                finally:
                    connection.close()
                if self._stopping.is_set():
                    break
                longest = min(self._longest_pause_s, self._shortest_pause_s * 2 ** (failures - 1))
                self._stopping.wait(longest * random.uniform(0.5, 1.0))
        except BaseException as error:
            self._set_state("failed", f"the publisher ended by a bug: {error!r}")
            raise
        self._set_state("stopped", "")

    def _serve(self, connection: BrokerConnection) -> None:
        """Use a connection until it ends or the publisher is stopped."""
        self._on_way.clear()
        self._outbox.connection_opened()
        self._amendments.ask()
        self._publish_status(connection, self._online)
        self._next_health_at = 0.0
        for name in ("command", "receipt") if self._settings.commands else ("receipt",):
            connection.subscribe(device_topic(self._device_id, name))
        while True:
            stopping = self._stopping.is_set()  # first: what was put into the store before the stop is still sent
            self._send(connection)
            if stopping and (self._nothing_waits() or time.monotonic() > self._flush_until):
                break
            self._step(connection, self._next_health_at - time.monotonic())
            for received in connection.take_received():
                self._inbox.receive(received)
        self._outbox.settle()
        self._publish_status(connection, self._online.model_copy(update={"state": "offline", "reason": "stopped"}))
        last_moment = time.monotonic() + GOODBYE_S
        while None in self._on_way.values() and time.monotonic() < last_moment:
            self._step(connection, last_moment - time.monotonic())

    def _step(self, connection: BrokerConnection, timeout_s: float) -> None:
        try:
            connection.step(timeout_s, self._waker.readable)
        finally:
            for acknowledgement in connection.take_acknowledgements():
                self._acknowledge(acknowledgement)
            self._outbox.settle_some()
            for topic in connection.take_refused_subscriptions():
                logger.warning("broker %s does not let us subscribe to %s: allow it there", connection.address, topic)

    def _nothing_waits(self) -> bool:
        return self._outbox.settled and not self._events and not self._on_way

    def _send(self, connection: BrokerConnection) -> None:
        """Hand over as much as the broker takes: health, events, reports."""
        room = connection.receive_maximum - len(self._on_way)
        if room > 0 and self._publish_health(connection):
            room -= 1
        for amendment in self._amendments.next() if room > 0 else ():
            self._on_way[connection.publish(message_of(amendment))] = amendment
            room -= 1
        while room > 0 and self._events:
            event = self._events.popleft()
            self._on_way[connection.publish(message_of(event))] = event
            room -= 1
        for report in self._outbox.next(room):
            self._publish_report(connection, report)

    def _publish_report(self, connection: BrokerConnection, report: UnsentReport) -> None:
        size, limit = len(report.body.encode()) + ENVELOPE_BYTES, connection.maximum_packet_bytes
        if limit is not None and size > limit:
            self._outbox.refused(report, f"the report has {size} bytes, and the broker takes {limit}: raise its limit")
            return
        message = report_message(report, self._settings.report_expiry_s)
        self._on_way[connection.publish(message)] = report

    def _publish_status(self, connection: BrokerConnection, status: Status) -> None:
        self._on_way[connection.publish(message_of(status))] = None

    def _will(self) -> Message:
        return message_of(self._online.model_copy(update={"state": "offline", "reason": "the connection was lost"}))

    def _publish_health(self, connection: BrokerConnection) -> bool:
        """Publish the health if it is due, or asked for and changed."""
        due, asked = time.monotonic() >= self._next_health_at, self._health_asked.is_set()
        if not due and not asked:
            return False
        self._health_asked.clear()
        try:
            health = self._health()
        except EdgeCadError as error:  # a store that cannot be read now; reports and the rest go on
            logger.warning("no health is published: %s", error)
            self._next_health_at = time.monotonic() + self._settings.health_interval_s
            return False
        if not due and health.states() == self._last_states:
            return False
        self._last_states = health.states()
        self._next_health_at = time.monotonic() + self._settings.health_interval_s
        self._on_way[connection.publish(message_of(health))] = None
        return True

    def _acknowledge(self, acknowledgement: Acknowledgement) -> None:
        sent = self._on_way.pop(acknowledgement.message_id, None)
        refused = acknowledgement.code >= FAILURE
        if isinstance(sent, UnsentReport):
            if not refused:
                self._outbox.delivered(sent)
            elif reason := REPORT_REFUSALS.get(acknowledgement.code):
                self._outbox.refused(sent, f"{acknowledgement.name}: {reason}")
            else:
                self._outbox.postponed(sent, f"the broker says {acknowledgement.name}")
        elif isinstance(sent, Amendment) and not refused:
            self._amendments.delivered(sent)
        elif refused:
            what = type(sent).__name__.lower() if isinstance(sent, Event | Amendment) else "the status or health"
            logger.warning("the broker does not take %s (%s): allow this device's topics", what, acknowledgement.name)

    def _connection_ended(self, problem: BrokerProblem) -> None:
        self._outbox.settle()
        self._outbox.connection_lost(problem.closed_by_broker)
        for sent in reversed(self._on_way.values()):
            if isinstance(sent, Event) and len(self._events) < EVENTS_KEPT:
                self._events.appendleft(sent)
        self._on_way.clear()

    def _receipted(self, receipt: Receipt) -> None:
        application = self._settings.receipt_application
        if application is None or receipt.application == application:
            refusal = f"{receipt.application or 'an application'} refuses it: {receipt.reason}"
            self._outbox.receipted(receipt.report_id, refusal if receipt.status == "refused" else None)
        self._on_receipt(receipt)

    def _message_refused(self, kind: str, reason: str) -> None:
        logger.warning("a %s was refused: %s", kind, reason)
        self._tell("message_refused", f"a {kind} was refused: {reason}", {"topic": kind})

    def _report_refused(self, report: UnsentReport, reason: str) -> None:
        logger.error("report %s stays in the store: %s", report.report_id, reason)
        self._tell("report_refused", f"a report stays in the store: {reason}", {"report_id": report.report_id})

    def _tell(self, kind: str, text: str, details: dict[str, str | int | float | bool]) -> None:
        self.publish_event(
            Event(device_id=self._device_id, at=datetime.now(UTC), kind=kind, text=text, details=details)
        )

    def _set_state(self, state: str, reason: str) -> None:
        if (state, reason) != (self._state.state, self._state.reason):
            level = logging.WARNING if reason else logging.INFO
            logger.log(level, "broker %s:%d: %s %s", self._settings.host, self._settings.port, state, reason)
            self._state = PartState(state=state, reason=reason)
