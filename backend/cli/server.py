"""What must be done before the service starts: its schema, its keyring, its first administrator."""

import asyncio
import secrets
from pathlib import Path
from typing import Annotated

import typer
from alembic import command
from alembic.config import Config

from backend.content.keys import open_or_make_keyring, refuse_a_lost_keyring
from backend.core.db import Database
from backend.core.settings import get_settings
from backend.documents.service import is_anything_stored
from backend.identity.service import create_first_administrator
from backend.launch.installation import CREATED

_MIGRATIONS = Path(__file__).parents[2] / "migrations"


def migrate(revision: Annotated[str, typer.Argument(help="Where to.")] = "head") -> None:
    """Bring the database's schema up to date, as its owner."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    command.upgrade(config, revision)


def init() -> None:
    """Make the keyring, the first organisation and its administrator, where they are missing.

    Refuses to make a keyring where documents are stored already: it could not open them.

    Prints a generated password once, unless DMS_ADMIN_PASSWORD gives one.
    """
    settings = get_settings()
    given = settings.admin_password
    password = given.get_secret_value() if given else secrets.token_urlsafe(15)

    async def create() -> bool:
        database = Database.connect(settings)
        try:
            stored = await is_anything_stored(database)
            refuse_a_lost_keyring(settings, stored=stored)
            await asyncio.to_thread(open_or_make_keyring, settings)
            async with database.transaction() as session:
                first = await create_first_administrator(
                    session,
                    organisation=settings.organisation,
                    email=settings.admin_email,
                    name="Administrator",
                    password=password,
                )
        finally:
            await database.close()
        return first.user_id is not None

    created = asyncio.run(create())
    if created:
        shown = "" if given else f" with the password {password}"
        typer.echo(f"{CREATED} {settings.admin_email}{shown}")


def prepare() -> None:
    """Do `migrate` and `init`, in one process: everything that must be done before the service starts."""
    migrate()
    init()
