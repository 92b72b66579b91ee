"""What comes in from applications over MQTT: read it, and hand it on or say why not."""

from collections.abc import Callable

from pydantic import ValidationError

from edge_app.broker_connection import Received
from edge_app.errors import EdgeCadError
from edge_app.messages import COMMAND, Command, Receipt


class Inbox:
    """Tells commands and receipts from what is neither.

    Args:
        on_command: Called with every valid command; may raise ``EdgeCadError``.
        on_receipt: The same for every valid receipt.
        on_refused: Called with ``command`` or ``receipt`` and the reason why it was not taken.
    """

    def __init__(
        self,
        on_command: Callable[[Command], None],
        on_receipt: Callable[[Receipt], None],
        on_refused: Callable[[str, str], None],
    ) -> None:
        self._on_command, self._on_receipt, self._on_refused = on_command, on_receipt, on_refused

    def receive(self, received: Received) -> None:
        """Hand on one message."""
        kind = received.topic.rpartition("/")[2]
        if received.retained:
            self._on_refused(kind, "it is retained, so it may be old: publish it without retain")
            return
        try:
            if kind == "command":
                self._on_command(COMMAND.validate_json(received.body))
            else:
                self._on_receipt(Receipt.from_json(received.body))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            self._on_refused(kind, f"{place}: {first['msg']}" if place else first["msg"])
        except EdgeCadError as error:
            self._on_refused(kind, str(error))
