"""What is noted of those who are refused."""

from collections.abc import Sequence

import structlog

from backend.audit.service import Attempt
from backend.identity import queries
from backend.identity.errors import InvalidCredentialsError
from backend.identity.sessions import SessionKeeper
from backend.identity.signin.service.proof import PASSKEY

log = structlog.get_logger(__name__)

NOBODY = 0


def note_refusal(
    keeper: SessionKeeper,
    user_id: int | None,
    organisations: Sequence[int],
    *,
    method: str,
    reason: str,
) -> None:
    """Take note that an account was tried in vain, if there is such: the trail of its organisation tells."""
    if user_id is None or not organisations:
        log.info("sign_in_refused", user_id=user_id, method=method, reason=reason)
        return
    note_attempt(keeper, user_id=user_id, org_id=organisations[0], method=method, reason=reason)


async def note_refused_passkey(keeper: SessionKeeper, user_id: int | None) -> None:
    """Take note that a passkey proved nothing, if it is somebody's."""
    async with keeper.database.transaction() as session:
        organisations = await queries.organisations_of(session, user_id or NOBODY)
    note_refusal(keeper, user_id, organisations, method=PASSKEY, reason="wrong passkey")


def note_attempt(
    keeper: SessionKeeper, *, user_id: int, org_id: int, method: str, reason: str
) -> None:
    """Take note that an account was tried in vain."""
    log.info("sign_in_refused", user_id=user_id, method=method, reason=reason)
    data = (("method", method), ("reason", reason))
    refused = Attempt("user.sign_in_refused", f"user:{user_id}", org_id, user_id, data=data)
    keeper.attempts.note(refused)


def invalid() -> InvalidCredentialsError:
    """Return the one error for all that may be wrong: which it was is not told."""
    return InvalidCredentialsError("The e-mail address or the password is wrong.")
