"""Do what applications ask for on the box's command topic."""

from collections.abc import Callable
from datetime import UTC, datetime

from edge_app.messages import Command, Event
from edge_app.pipeline import Pipeline
from edge_app.store import Store


class CommandDesk:
    """Takes commands, in whatever thread they come.

    Args:
        device_id: Of this box.
        pipeline: Takes pictures and begins views.
        store: Sends reports again, and keeps in its audit log what was asked for.
        publish: Tells what became of each command.
    """

    def __init__(self, device_id: str, pipeline: Pipeline, store: Store, publish: Callable[[Event], None]) -> None:
        self._device_id, self._pipeline, self._store, self._publish = device_id, pipeline, store, publish

    def do(self, command: Command) -> None:
        """Do it, write it down and tell.

        Raises:
            StoreError: The store cannot be used.
        """
        if command.command == "take_picture":
            self._pipeline.take_picture()
            text = "the next picture is analysed"
        elif command.command == "replay":
            text = f"{self._store.send_again(command.after)} reports are sent again"
        else:
            self._pipeline.name_view(command.view)
            text = f"the view {command.view or 'without a name'} begins with the next picture"
        details: dict[str, str | int | float | bool] = {"command": command.command, "command_id": command.command_id}
        self._store.log("command", details)
        at = datetime.now(UTC)
        self._publish(Event(device_id=self._device_id, at=at, kind="command", text=text, details=details))
