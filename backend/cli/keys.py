"""`dms keys`: another master key, and other storage keys."""

import asyncio
import json
import os
import sys
from enum import StrEnum
from hmac import compare_digest
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.exc import DBAPIError

from backend.cli.acts import record_act, record_act_of_files
from backend.content.keys import GUIDE, open_keyring
from backend.content.service import Content
from backend.core.db import Database
from backend.core.encryption_key import EncryptionKeyError
from backend.core.settings import Settings, get_settings
from backend.identity.models import store_namespace
from backend.identity.service import organisation_ids
from backend.launch.rotation import generate_key, make_key_file, read_key, rotate_own_key
from backend.rekeying.service import Pace, Rekeyed, retire
from backend.rekeying.service import rekey as rekey_organisation
from storage import StoreError, WrongKeyError, parse_master_key

_EXIT_UNFINISHED = 1
_EXIT_USAGE = 2
_EXIT_UNAVAILABLE = 3
_TYPED = 6
"""Characters of a shown key that are asked back."""
_NICENESS = 10

keys = typer.Typer(
    name="keys",
    help="Change the keys that the store is encrypted with.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@keys.command()
def rotate(
    *,
    new_key_file: Annotated[
        Path | None,
        typer.Option(
            help="Where the new key is, or is to be made (mode 0600) if there is no file."
        ),
    ] = None,
) -> None:
    """Bring the keyring under another master key. No document is touched, whatever the size of the store.

    The settings still give the key in use. Without a file, a new key is made and shown once, on a terminal only; the
    key that `dms up` made is changed where it lies. Afterwards the service is to be started again, with the new key:
    what runs goes on with what it holds.
    """
    settings = get_settings()
    source = settings.key_source
    try:
        if source.is_own and new_key_file is None:
            former = rotate_own_key(settings)
            typer.echo(f"The keyring is under a new master key, in {source.own_file}.")
            typer.echo("Keep a copy of that file, now, in a safe place away from this machine.")
            typer.echo(f"The former one is kept in {former}: backups made before need it.")
        else:
            _rotate_to(settings, new_key_file)
            typer.echo(
                f"The keyring is under the new master key. Give it to the service now, by {source.name}."
            )
            typer.echo("Keep the former one: backups made before need it.")
    except StoreError as error:
        raise EncryptionKeyError(f"The master key was not changed: {error}.") from None
    record_act_of_files(settings, "key.rotated", "key:master", {})
    typer.echo(f"Start every process of the service again ({GUIDE}).")


def _rotate_to(settings: Settings, new_key_file: Path | None) -> None:
    keyring = open_keyring(settings)
    if new_key_file is None:
        new = _show_new_key()
    else:
        make_key_file(new_key_file)
        new = read_key(new_key_file)
    try:
        keyring.rotate(new)
    except WrongKeyError as error:
        raise EncryptionKeyError(f"The master key was not changed: {error}.") from None


def _show_new_key() -> bytes:
    """Show a new key where only a person sees it, and have a part typed back before anything depends on it."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        typer.echo(
            "A new key is shown on a terminal only. Elsewhere, give --new-key-file.", err=True
        )
        raise typer.Exit(_EXIT_USAGE)
    text = generate_key()
    typer.echo(
        "The new master key, shown only this once. Keep it where it cannot be lost, away from this machine:"
    )
    typer.echo(f"\n    {text}\n")
    typed = typer.prompt(
        f"Once it is kept, type its last {_TYPED} characters", default="", show_default=False
    )
    if not compare_digest(typed.strip().encode(), text[-_TYPED:].encode()):
        typer.echo("These are others. Nothing was changed; forget the key above.", err=True)
        raise typer.Exit(_EXIT_USAGE)
    return parse_master_key(text)


@keys.command()
def rekey(
    *,
    org: Annotated[
        list[int] | None, typer.Option(help="Only this organisation; may be given again.")
    ] = None,
    rate: Annotated[
        float, typer.Option(min=0, help="Most blobs to change in a second; 0: no limit.")
    ] = 200.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per organisation.")
    ] = False,
) -> None:
    """Give each organisation a new storage key, bring all it has stored under it, and destroy the old one.

    Runs beside the service; nobody who reads or writes is disturbed. If it is interrupted, run it again: what is done
    is skipped, and organisations begun before are finished before any other gets a new key.

    Exits with 1 if an old key is kept: because something stored could not be opened (`dms fsck` says more), or because
    a backup is being made; with 2 while content may lie in a second store; with 3 if the store or the database cannot
    be reached.
    """
    os.nice(_NICENESS)
    if get_settings().storage_fallback_url is not None:
        typer.echo(
            "DMS_STORAGE_FALLBACK_URL names a second store, and what lies only there would lose its key."
            " Finish with it first: `dms storage migrate`, then remove the setting.",
            err=True,
        )
        raise typer.Exit(_EXIT_USAGE)
    try:
        whole = asyncio.run(_rekey(org, Pace(rate), as_json=as_json))
    except (StoreError, DBAPIError, OSError) as error:
        typer.echo(f"Rekeying did not get to its end: {error}. Run it again to go on.", err=True)
        raise typer.Exit(_EXIT_UNAVAILABLE) from None
    if not whole:
        raise typer.Exit(_EXIT_UNFINISHED)


class _Outcome(StrEnum):
    """What became of an organisation's old key."""

    DESTROYED = "destroyed"
    NEEDED = "kept: something stored may need it"
    PINNED = "kept: a backup is being made; run this again after it"


async def _rekey(given: list[int] | None, pace: Pace, *, as_json: bool) -> bool:
    """Rekey organisations one after the other; whether all old keys are destroyed."""
    settings = get_settings()
    keyring = open_keyring(settings)
    content = Content.open_store(settings)
    database = Database.connect(settings)
    whole = True
    try:
        async with database.transaction() as session:
            org_ids = await organisation_ids(session)
        if given is not None:
            unknown = set(given) - set(org_ids)
            if unknown:
                raise typer.BadParameter(f"there is no organisation {min(unknown)}")
            org_ids = given
        names = {store_namespace(org_id): org_id for org_id in org_ids}
        unfinished = [name for name in names if len(keyring.key_ids(name)) > 1]
        if unfinished:
            typer.echo(f"Finishing what was begun before, of {', '.join(unfinished)}.", err=True)
        for name, older in keyring.renew(names).items():
            done = await rekey_organisation(database, content, keyring, names[name], pace)
            if done.failed:
                outcome = _Outcome.NEEDED
            elif await retire(database, keyring, names[name], older):
                outcome = _Outcome.DESTROYED
            else:
                outcome = _Outcome.PINNED
            facts = {"blobs": done.blobs, "changed": done.changed, "old_key": outcome.name.lower()}
            await record_act(database, "key.renewed", "key:storage", facts, org_ids=[names[name]])
            typer.echo(_as_json(done, outcome) if as_json else _as_text(done, outcome))
            whole = whole and outcome is _Outcome.DESTROYED
    finally:
        await database.close()
        await asyncio.to_thread(content.close)
    return whole


def _as_json(done: Rekeyed, outcome: _Outcome) -> str:
    return json.dumps(
        {
            "organisation": done.org_id,
            "blobs": done.blobs,
            "changed": done.changed,
            "old_key": outcome.name.lower(),
            "failed": {digest.hex(): reason for digest, reason in done.failed.items()},
        }
    )


def _as_text(done: Rekeyed, outcome: _Outcome) -> str:
    lines = [f"{digest.hex()}: {reason}" for digest, reason in done.failed.items()]
    lines.append(
        f"organisation {done.org_id}: {done.changed} brought under the new key, of {done.blobs}; "
        f"{len(done.failed)} could not be opened; the old key is {outcome}"
    )
    return "\n".join(lines)
