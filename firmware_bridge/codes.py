"""The protocol's numbers with a name: lamp states, pin roles, events, capabilities, reasons."""

from enum import IntEnum, IntFlag


class Lamp(IntEnum):
    """What the lamp shows."""

    OFF = 0
    SCANNING = 1
    RESULT = 2
    NOT_SURE = 3
    FAULT = 4


class PinRole(IntEnum):
    """What an input pin is wired to."""

    NONE = 0
    FOOT_SWITCH = 1
    FREEZE = 2
    EXPOSURE = 3
    PROBE = 4
    ENCLOSURE = 5


class EventKind(IntEnum):
    """What happened at the controller."""

    FOOT_SWITCH_PRESS = 1
    FOOT_SWITCH_HOLD = 2
    FOOT_SWITCH_DOUBLE = 3
    FREEZE_ON = 4
    FREEZE_OFF = 5
    EXPOSURE_START = 6
    EXPOSURE_END = 7
    PROBE_CONNECTED = 8
    PROBE_DISCONNECTED = 9
    ENCLOSURE_OPENED = 10
    ENCLOSURE_CLOSED = 11
    BATTERY = 12
    TEMPERATURE = 13


class Capability(IntFlag):
    """What a controller has."""

    LAMP = 1
    BUZZER = 2
    RELAY = 4
    BATTERY = 8
    TEMPERATURE = 16


class ResetCause(IntEnum):
    """Why the controller started last."""

    UNKNOWN = 0
    POWER_ON = 1
    EXTERNAL = 2
    WATCHDOG = 3
    SOFTWARE = 4
    BROWN_OUT = 5


class NakReason(IntEnum):
    """Why the controller did not do a command."""

    NOT_GREETED = 1
    UNKNOWN_COMMAND = 2
    BAD_VALUE = 3
    NOT_AVAILABLE = 4
    VERSION = 5
