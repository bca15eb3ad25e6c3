"""What can go wrong between the client and the service. None of it reaches who asks."""


class ClientError(Exception):
    """Root of this package's errors."""


class NotUnderstood(ClientError):
    """What was read is not what freezeguard says; nothing of it was taken over."""


class StreamBroken(ClientError):
    """This connection can't go on; another one may."""


class CopyMissing(ClientError):
    """There is no copy on disk."""


class CopyCorrupt(ClientError):
    """The copy on disk is damaged, or of a format that we don't know; it is not to be trusted."""
