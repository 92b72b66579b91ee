"""What can go wrong with a model bundle."""


class ModelError(Exception):
    """Base of every error of this package."""


class BundleNotFound(ModelError):
    """There is no bundle of that name."""


class BundleRejected(ModelError):
    """The bundle is there and must not be used: damaged, altered or not what its card says."""
