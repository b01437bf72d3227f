"""`Idempotency-Key`: a creation that is sent again, because its answer was lost, is answered again and not done again.

The answer is kept in the transaction of the creation itself (draft-ietf-httpapi-idempotency-key-header). Keys belong to
a user and are forgotten after a day.
"""

from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Integer, LargeBinary, Text, delete, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.actor import Actor
from backend.core.db import Base, created_at_column, org_id_column
from backend.core.errors import InvalidError


class IdempotencyKeyReusedError(InvalidError):
    """The key named another request before."""

    code = "idempotency_key_reused"
    title = "The idempotency key was used for another request"


class KeptAnswer(Base):
    """The answer to a creation, by the key its caller gave it."""

    __tablename__ = "idempotency_keys"

    user_id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    org_id: Mapped[int] = org_id_column()
    request_digest: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int] = mapped_column(Integer)
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = created_at_column()


async def kept_answer(
    session: AsyncSession, actor: Actor, key: str | None, digest: bytes
) -> KeptAnswer | None:
    """Return the answer given to this request before; two at once wait for each other here.

    Raises:
        IdempotencyKeyReusedError: the key named another request.
    """
    if key is None:
        return None
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, :user))"),
        {"key": key, "user": actor.user_id},
    )
    statement = select(KeptAnswer).where(KeptAnswer.user_id == actor.user_id, KeptAnswer.key == key)
    kept = await session.scalar(statement)
    if kept is not None and kept.request_digest != digest:
        raise IdempotencyKeyReusedError(
            "This Idempotency-Key was sent with another request; make a new one."
        )
    return kept


async def keep_answer(
    session: AsyncSession,
    actor: Actor,
    key: str | None,
    digest: bytes,
    *,
    status: int,
    body: BaseModel,
) -> None:
    """Keep the answer to a creation, if its caller gave it a key."""
    if key is None:
        return
    kept = KeptAnswer(
        user_id=actor.user_id,
        key=key,
        org_id=actor.org_id,
        request_digest=digest,
        status=status,
        body=body.model_dump(mode="json"),
    )
    session.add(kept)
    await session.flush()


async def forget_answers(session: AsyncSession, *, before: datetime) -> int:
    """Forget the answers given before a time, in the transaction's organisation; return how many."""
    forgotten = await session.execute(
        delete(KeptAnswer).where(KeptAnswer.created_at < before).returning(KeptAnswer.key)
    )
    return len(forgotten.all())
