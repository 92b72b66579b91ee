"""How each payload becomes an MQTT message: topic, properties, retained or not."""

from edge_app.broker_connection import Message
from edge_app.messages import Amendment, Event, Health, Report, Status, device_topic, report_topic
from edge_app.store_reader import UnsentReport


def report_message(report: UnsentReport, expiry_s: int | None) -> Message:
    """A report, byte for byte as it was kept."""
    return Message(
        report_topic(report.device_id, report.category),
        report.body,
        user_properties=(("schema", Report.model_fields["schema_name"].default), ("report_id", report.report_id)),
        expiry_s=expiry_s,
    )


def message_of(payload: Status | Health | Event | Amendment) -> Message:
    """Anything else; what tells a state is retained."""
    return Message(
        device_topic(payload.device_id, type(payload).__name__.lower()),
        payload.to_json(),
        retain=isinstance(payload, Status | Health),
        user_properties=(("schema", payload.schema_name),),
    )
