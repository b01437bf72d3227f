"""What can go wrong while the service is started."""


class LaunchError(Exception):
    """The service cannot start; the message says why and what to do, for a person."""
