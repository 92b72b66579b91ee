"""What can go wrong in the service, in two groups: what a caller handles, and bugs."""


class EdgeCadError(Exception):
    """Base of every error of this package; its text says what is wrong and the way out."""


class SourceError(EdgeCadError):
    """A picture source cannot be opened or read."""


class UnreadableImage(SourceError):
    """One file of a source cannot be read; the source goes on with the next."""


class CameraLost(SourceError):
    """The capture device went away; opening it again may help."""


class ConfigError(EdgeCadError):
    """The configuration is wrong; the text names the file and the key."""


class StoreError(EdgeCadError):
    """A report could not be kept."""


class StoreUnavailable(StoreError):
    """A report cannot be kept just now (read-only, failing or busy disk): trying again may help."""


class StoreFull(StoreUnavailable):
    """There is no room for a report: on the disk, or within the configured limit."""


class StoreDamaged(StoreError):
    """The file is damaged: opening it again sets it aside."""


class StoreSealed(StoreError):
    """A picture is encrypted, and no key opens it."""


class PageError(EdgeCadError):
    """The operator's page cannot be served as configured."""


class BrokerError(EdgeCadError):
    """The broker cannot be used as configured (refused, wrong password, wrong CA)."""
