"""Uploads come about: what they are to become is said, and refused if it would be in the end."""

import secrets
from dataclasses import dataclass
from datetime import timedelta

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.actor import Actor
from backend.core.clock import now
from backend.core.errors import DomainError, NotFoundError
from backend.core.names import clean_name
from backend.documents.service import preflight, uploading
from backend.uploads import queries
from backend.uploads.errors import UploadMetadataError
from backend.uploads.models import Upload, UploadKind
from backend.uploads.schemas import (
    FileCheck,
    FileProblem,
    UploadCheckIn,
    UploadCheckOut,
    UploadTarget,
)


@dataclass(frozen=True, slots=True)
class NewUpload:
    """What a client says of an upload it begins. `length` is bytes; None: it will be said later."""

    kind: UploadKind
    length: int | None
    metadata_header: str | None
    metadata: dict[str, str]
    parts: tuple[str, ...] = ()


def read_target(metadata: dict[str, str], kind: UploadKind) -> UploadTarget:
    """Read from the metadata what an upload is to become.

    Raises:
        UploadMetadataError: a value cannot be, or it is not said where the upload is to go.
        InvalidNameError: the file cannot be called so.
    """
    try:
        target = UploadTarget.model_validate(metadata)
    except ValidationError as error:
        wrong = ", ".join(str(one["loc"][0]) for one in error.errors())
        raise UploadMetadataError(f"Upload-Metadata has values that cannot be: {wrong}.") from error
    if kind is UploadKind.PARTIAL:
        return target
    if (target.folder_id is None) == (target.document_id is None):
        raise UploadMetadataError(
            "Upload-Metadata must say either folder_id, for a new document, or document_id, for a new version."
        )
    if target.folder_id is None:
        return target
    if not target.filename:
        raise UploadMetadataError("Upload-Metadata must say the filename of a new document.")
    return target.model_copy(update={"filename": clean_name(target.filename)})


async def check(
    session: AsyncSession, actor: Actor, target: UploadTarget, *, size: int | None
) -> None:
    """Refuse what would be refused in the end, as far as that is known now."""
    if target.document_id is not None:
        await uploading.check_new_version(
            session, actor, target.document_id, if_match=target.if_match, size=size
        )
    elif target.folder_id is not None and target.filename is not None:
        await uploading.check_upload(
            session,
            actor,
            folder_id=target.folder_id,
            name=target.filename,
            on_conflict=target.on_conflict,
            size=size,
        )


async def check_files(
    session: AsyncSession, actor: Actor, asked: UploadCheckIn, *, largest: int
) -> UploadCheckOut:
    """Tell which of many files would be refused, and why.

    Raises:
        NotFoundError, ForbiddenError: the actor may not see the folder, or not add to it.
    """
    files = [preflight.Announced(file.name, file.size) for file in asked.files]
    problems = await preflight.check_many(
        session,
        actor,
        files,
        folder_id=asked.folder_id,
        on_conflict=asked.on_conflict,
        largest=largest,
    )
    return UploadCheckOut(
        files=[
            FileCheck(name=file.name, ok=problem is None, problem=_problem(problem))
            for file, problem in zip(files, problems, strict=True)
        ]
    )


def _problem(error: DomainError | None) -> FileProblem | None:
    if error is None:
        return None
    document_id = error.data.get("document_id")
    return FileProblem(
        code=error.code,
        detail=error.detail,
        document_id=document_id if isinstance(document_id, int) else None,
    )


async def create(
    session: AsyncSession, actor: Actor, new: NewUpload, *, lifetime: timedelta
) -> Upload:
    """Begin an upload.

    Raises:
        NotFoundError, ForbiddenError, DocumentNameTakenError, StaleError: as an upload in one request.
        UploadMetadataError, InvalidNameError: as `read_target`.
    """
    target = read_target(new.metadata, new.kind)
    await check(session, actor, target, size=new.length)
    upload = Upload(
        id=secrets.token_hex(16),
        org_id=actor.org_id,
        user_id=actor.user_id,
        kind=new.kind,
        length=new.length,
        metadata_header=new.metadata_header,
        target=target.model_dump(mode="json", exclude_none=True),
        parts=list(new.parts),
        expires_at=now() + lifetime,
    )
    session.add(upload)
    await session.flush()
    await session.refresh(upload)
    return upload


async def get_upload(
    session: AsyncSession, actor: Actor, upload_id: str, *, locked: bool = False
) -> Upload:
    """Return an upload of the actor's.

    Raises:
        NotFoundError: there is none, or it is somebody else's.
    """
    upload = await queries.own(session, actor.user_id, upload_id, locked=locked)
    if upload is None:
        raise NotFoundError("There is no such upload, or it is not yours.")
    return upload
