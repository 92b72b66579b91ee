"""What can go wrong on the serial link, in two groups: what a caller handles, and bugs."""


class FirmwareBridgeError(Exception):
    """Base of every error of this package; its text says what is wrong and the way out."""


class PortLost(FirmwareBridgeError):
    """The serial port is not there, not usable, or went away; opening it again may help."""


class BadMessage(FirmwareBridgeError):
    """A payload is not one of the protocol's messages, or a field is outside its limits."""


class EmulatorUnavailable(FirmwareBridgeError):
    """The reference firmware cannot be built or emulated on this machine."""
