"""`dms smtp`."""

import asyncio

import typer

from backend import letterbox
from backend.core.logging import configure_logging
from backend.core.settings import get_settings

_EXIT_USAGE = 2


def smtp() -> None:
    """Take letters from other mail servers, for the addresses of ways in, until stopped.

    DMS_INTAKE_SMTP_LISTEN says where, DMS_INTAKE_SMTP_DOMAIN for which domain.
    """
    settings = get_settings()
    configure_logging(settings)
    address = settings.letterbox
    if address is None:
        typer.echo("DMS_INTAKE_SMTP_LISTEN and DMS_INTAKE_SMTP_DOMAIN are not set.", err=True)
        raise typer.Exit(_EXIT_USAGE)
    asyncio.run(letterbox.run(settings, address))
