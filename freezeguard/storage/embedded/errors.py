"""What can go wrong with the embedded server, each with the remedy in its text."""


class EmbeddedError(Exception):
    """The embedded PostgreSQL server can't be used; the text says why and what helps."""


class NoPostgres(EmbeddedError):
    """No usable PostgreSQL programs were found on this machine."""


class WrongMajorVersion(EmbeddedError):
    """The data directory was made by another major version than the programs at hand."""


class HomeUnusable(EmbeddedError):
    """The data directory is not ours, is gone, or has lost its passwords."""


class ServerNotReady(EmbeddedError):
    """The server could not be started, or did not become ready before the deadline."""
