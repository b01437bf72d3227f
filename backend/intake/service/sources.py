"""Sources come about, change and go; administrators say so."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import service as audit
from backend.audit.service import Deed
from backend.core.actor import Actor
from backend.core.clock import now
from backend.core.errors import InvalidError, StaleError
from backend.core.outbox import emit
from backend.core.settings import Settings
from backend.folders import service as folders
from backend.identity import service as identity
from backend.identity.sealing import Sealer
from backend.intake import queries
from backend.intake.errors import (
    AddressTakenError,
    NotOfThisKindError,
    SettingsRefusedError,
    SourceNotFoundError,
    SourcePausedError,
)
from backend.intake.models import Keeps, Source, SourceKind
from backend.intake.permitted import allowed_root, check_address, check_host
from backend.intake.schemas import (
    MAX_SOURCES,
    FolderSettings,
    MailboxSettings,
    MailboxSettingsOut,
    PersonRef,
    SettingsIn,
    SettingsOut,
    SmtpSettings,
    SourceIn,
    SourceOut,
    SourceState,
    SourceUpdate,
)
from backend.intake.service.places import folder_places

RUN_WANTED = "intake.run_wanted"
"""A source is to be looked at."""
SOURCE_CHANGED = "intake.source_changed"
"""A source was changed, or looked at and brought something; its administrators hear of it."""


async def list_sources(session: AsyncSession, actor: Actor) -> list[SourceOut]:
    """Return all sources of the organisation, the oldest first."""
    return await describe(session, actor, await queries.sources(session, limit=MAX_SOURCES))


async def get_source(session: AsyncSession, source_id: int, *, lock: bool = False) -> Source:
    """Return a source of the transaction's organisation.

    Raises:
        SourceNotFoundError: there is none.
    """
    source = await queries.source(session, source_id, lock=lock)
    if source is None:
        raise SourceNotFoundError(f"There is no way in {source_id}.")
    return source


async def create_source(
    session: AsyncSession, actor: Actor, asked: SourceIn, *, settings: Settings, sealer: Sealer
) -> Source:
    """Create a source.

    Raises:
        NotFoundError: there is no such folder, or the actor may not see it.
        SettingsRefusedError: the installation does not let it have what it asks for.
        AddressTakenError: letters to the address go elsewhere already.
        InvalidError: there is no such person, or there are as many sources as there may be.
    """
    if await queries.count_sources(session) >= MAX_SOURCES:
        raise InvalidError(f"There are {MAX_SOURCES} ways in already; that is as many as may be.")
    await folders.get_folder(session, actor, asked.folder_id)
    await _check_person(session, actor, asked.acts_as)
    _check_settings(settings, actor, asked.settings)
    kind = SourceKind(asked.settings.kind)
    source = Source(
        org_id=actor.org_id,
        name=asked.name,
        kind=kind,
        enabled=asked.enabled,
        folder_id=asked.folder_id,
        acts_as=asked.acts_as,
        keeps=_keeps(kind, asked.keeps),
        settings=_kept(asked.settings),
        due_at=None if kind is SourceKind.SMTP else now(),
        created_by=actor.user_id,
    )
    await _write(session, source)
    _seal(source, asked.settings, sealer)
    await session.flush()
    await session.refresh(source)
    await _record(session, actor, "intake.source_created", source, _facts(source))
    await _changed(session, source)
    return source


async def update_source(
    session: AsyncSession,
    actor: Actor,
    source_id: int,
    asked: SourceUpdate,
    *,
    if_match: str | None,
    settings: Settings,
    sealer: Sealer,
) -> Source:
    """Change a source; what is not given stays.

    Raises:
        StaleError: `if_match` is not its present ETag.
        What `create_source` raises.
    """
    source = await get_source(session, source_id, lock=True)
    if if_match not in {None, "*", etag(source)}:
        raise StaleError(
            "The way in was changed since you read it; read it again.", etag=etag(source)
        )
    before = _facts(source)
    if asked.folder_id is not None and asked.folder_id != source.folder_id:
        await folders.get_folder(session, actor, asked.folder_id)
        source.folder_id = asked.folder_id
    if asked.acts_as is not None:
        await _check_person(session, actor, asked.acts_as)
        source.acts_as = asked.acts_as
    if asked.settings is not None:
        _check_settings(settings, actor, asked.settings)
        _change_settings(source, asked.settings, sealer)
    if asked.keeps is not None:
        source.keeps = _keeps(source.kind, asked.keeps)
    source.name = source.name if asked.name is None else asked.name
    source.enabled = source.enabled if asked.enabled is None else asked.enabled
    source.revision += 1
    source.last_error = None
    source.due_at = None if source.kind is SourceKind.SMTP else now()
    await _write(session, source)
    await session.refresh(source)
    changes = audit.changes(before, _facts(source)) or {}
    if asked.settings is not None and _password(asked.settings) is not None:
        changes["password"] = {"changed": True}
    await _record(session, actor, "intake.source_updated", source, changes)
    await _changed(session, source)
    return source


async def delete_source(session: AsyncSession, actor: Actor, source_id: int) -> None:
    """Delete a source with its journal; what it filed stays."""
    source = await get_source(session, source_id, lock=True)
    await _record(session, actor, "intake.source_deleted", source, _facts(source))
    await _changed(session, source)
    await session.delete(source)
    await session.flush()


async def request_run(session: AsyncSession, actor: Actor, source_id: int) -> None:
    """Have a source looked at now.

    Raises:
        SourcePausedError: it is switched off.
        NotOfThisKindError: nobody looks at it: what it brings comes by itself.
    """
    source = await get_source(session, source_id, lock=True)
    await wake(session, source)
    await _record(session, actor, "intake.run_requested", source, {})


async def wake(session: AsyncSession, source: Source) -> None:
    """Have a source looked at now."""
    if source.kind is SourceKind.SMTP:
        raise NotOfThisKindError(
            "Letters to this address come by themselves: nobody looks for them."
        )
    if not source.enabled:
        raise SourcePausedError("The way in is switched off; switch it on first.")
    # Where the event is lost with the queue, the schedule finds it due.
    source.due_at = now()
    await session.flush()
    await emit(session, RUN_WANTED, org_id=source.org_id, data={"source_id": source.id})


async def describe(
    session: AsyncSession, actor: Actor, sources: Sequence[Source]
) -> list[SourceOut]:
    """Return the wire shapes of sources, in their order, with a fixed number of queries."""
    if not sources:
        return []
    names = await identity.user_names(session, [one.acts_as for one in sources])
    places = await folder_places(session, actor, [one.folder_id for one in sources])
    return [
        SourceOut(
            id=one.id,
            name=one.name,
            kind=one.kind,
            enabled=one.enabled,
            folder=places.get(one.folder_id or 0),
            acts_as=PersonRef(id=one.acts_as, name=names[one.acts_as]),
            keeps=one.keeps,
            settings=_shown(one),
            state=_state(one),
            last_run_at=one.last_run_at,
            last_error=one.last_error,
            filed=one.filed,
            refused=one.refused,
            created_at=one.created_at,
            revision=one.revision,
        )
        for one in sources
    ]


def etag(source: Source) -> str:
    """Return the entity tag of what is said of a source."""
    return f'"{source.revision}"'


def password_of(source: Source, sealer: Sealer) -> str:
    """Return the password of a source's mailbox; empty where it has none.

    Raises:
        SealBrokenError: it cannot be had.
    """
    if source.sealed_password is None:
        return ""
    return sealer.open(source.sealed_password, belongs_to=_place(source)).decode()


async def announce(session: AsyncSession, *, org_id: int, source_id: int) -> None:
    """Tell administrators that a source fares otherwise than before."""
    await emit(session, SOURCE_CHANGED, org_id=org_id, data={"id": source_id})


async def _check_person(session: AsyncSession, actor: Actor, user_id: int) -> None:
    if await identity.acting(session, org_id=actor.org_id, user_id=user_id) is None:
        raise InvalidError(
            f"User {user_id} cannot be acted as: there is no such active user who works with documents."
        )


def _check_settings(settings: Settings, actor: Actor, asked: SettingsIn) -> None:
    match asked:
        case FolderSettings():
            allowed_root(settings, actor.org_id, asked.directory)
        case MailboxSettings():
            check_host(settings, asked.host)
        case SmtpSettings():
            check_address(settings, actor.org_id, asked.address)


def _change_settings(source: Source, asked: SettingsIn, sealer: Sealer) -> None:
    if asked.kind != source.kind:
        raise SettingsRefusedError("A way in stays of its kind; make a new one.")
    kept = _kept(asked)
    # Whoever may change the server must not have the password sent to one of their own.
    moved = any(
        source.settings.get(name) != kept.get(name) for name in ("host", "port", "user", "security")
    )
    if (
        isinstance(asked, MailboxSettings)
        and asked.password is None
        and source.sealed_password is not None
        and moved
    ):
        raise SettingsRefusedError(
            "Give the password again: the server, the user or the protection of the connection is another."
        )
    source.settings = kept
    _seal(source, asked, sealer)


def _seal(source: Source, asked: SettingsIn, sealer: Sealer) -> None:
    password = _password(asked)
    if password is not None:
        source.sealed_password = sealer.seal(password.encode(), belongs_to=_place(source))


def _password(asked: SettingsIn) -> str | None:
    if not isinstance(asked, MailboxSettings) or asked.password is None:
        return None
    return asked.password.get_secret_value()


def _place(source: Source) -> str:
    return f"intake source {source.id}"


def _kept(asked: SettingsIn) -> dict[str, Any]:
    return asked.model_dump(mode="json", exclude={"password"})


def _shown(source: Source) -> SettingsOut:
    match source.kind:
        case SourceKind.FOLDER:
            return FolderSettings.model_validate(source.settings)
        case SourceKind.MAILBOX:
            has_password = source.sealed_password is not None
            return MailboxSettingsOut.model_validate(
                {**source.settings, "has_password": has_password}
            )
        case SourceKind.SMTP:
            return SmtpSettings.model_validate(source.settings)


def _state(source: Source) -> SourceState:
    if not source.enabled:
        return SourceState.PAUSED
    if source.last_error is not None:
        return SourceState.FAILING
    is_looked_at = source.kind is not SourceKind.SMTP
    return SourceState.NEW if is_looked_at and source.last_run_at is None else SourceState.WORKING


def _keeps(kind: SourceKind, asked: Keeps | None) -> Keeps | None:
    if kind is SourceKind.FOLDER:
        if asked is not None:
            raise SettingsRefusedError("Only of letters it can be said what is kept.")
        return None
    return asked or Keeps.BOTH


async def _write(session: AsyncSession, source: Source) -> None:
    try:
        async with session.begin_nested():
            session.add(source)
            await session.flush()
    except IntegrityError as error:
        if "uq_intake_sources_address" not in str(error.orig):
            raise
        raise AddressTakenError("Letters to this address go elsewhere already.") from error


def _facts(source: Source) -> dict[str, Any]:
    """Return what can be changed of a source, for the audit trail."""
    return {
        "name": source.name,
        "kind": source.kind,
        "enabled": source.enabled,
        "folder_id": source.folder_id,
        "acts_as": source.acts_as,
        "keeps": source.keeps,
        "settings": source.settings,
    }


async def _record(
    session: AsyncSession, actor: Actor, action: str, source: Source, data: dict[str, Any]
) -> None:
    deed = Deed(action, f"source:{source.id}", data)
    await audit.record(session, [deed], org_id=actor.org_id, actor_id=actor.user_id)


async def _changed(session: AsyncSession, source: Source) -> None:
    await announce(session, org_id=source.org_id, source_id=source.id)
