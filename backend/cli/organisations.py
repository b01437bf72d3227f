"""`dms organisation`: the organisations of an installation. What is in one, no other sees."""

import asyncio
import secrets
from typing import Annotated

import typer

from backend.audit.service import Deed, record
from backend.core.db import Database
from backend.core.settings import get_settings
from backend.identity.service import NewOrganisation, create_organisation

organisations = typer.Typer(no_args_is_help=True, help="Organisations of this installation.")


@organisations.callback()
def _describe() -> None:
    """Organisations of this installation."""


@organisations.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is called.")],
    administrator: Annotated[
        str, typer.Option(help="E-mail address of who administers it; may have an account already.")
    ],
) -> None:
    """Create an organisation. Prints the password of an account that was made for its administrator, once."""
    password = secrets.token_urlsafe(15)

    async def run() -> NewOrganisation:
        database = Database.connect(get_settings())
        try:
            async with database.transaction() as session:
                made = await create_organisation(
                    session,
                    organisation=name,
                    email=administrator,
                    name="Administrator",
                    password=password,
                )
                deed = Deed("organisation.created", f"organisation:{made.org_id}", {"name": name})
                await record(session, [deed], org_id=made.org_id, actor_id=None)
                return made
        finally:
            await database.close()

    if not name.strip() or "@" not in administrator:
        raise typer.BadParameter("give a name, and the administrator's e-mail address")
    made = asyncio.run(run())
    shown = (
        f" with the password {password}" if made.is_new_account else ", with the account there is"
    )
    typer.echo(f"Organisation {made.org_id} was created, administered by {administrator}{shown}")
