"""Codes of the app, and recovery codes, as the second factor."""

from dataclasses import replace

from backend.identity.attempts import attempt
from backend.identity.errors import TooManyAttemptsError
from backend.identity.second_factor import service as second_factor
from backend.identity.second_factor.errors import WrongSignInCodeError
from backend.identity.sessions import SessionKeeper
from backend.identity.signin.service.proof import Proven
from backend.identity.signin.service.refusals import note_attempt
from backend.identity.signin.service.standing import Standing
from backend.identity.throttle import PER_SECOND_FACTOR, Keys


async def check_code(keeper: SessionKeeper, *, user_id: int, code: str, address: str) -> str | None:
    """Use up a code of a user and return which kind it was; None where it is not good, which is counted.

    Raises:
        TooManyAttemptsError: too many were not.
    """
    name = f"second factor of user:{user_id}"
    keys = Keys.of(keeper.signer, email=name, address=address)
    anywhere = keeper.signer.fingerprint(name)

    async def check() -> str | None:
        async with keeper.database.transaction() as session:
            return await second_factor.take(session, user_id, sealer=keeper.sealer, code=code)

    return await attempt(
        keeper.database,
        {**keys.allowances(), anywhere: PER_SECOND_FACTOR},
        check,
        forgiven=[keys.account, anywhere],
    )


async def with_code(
    keeper: SessionKeeper, proven: Proven, code: str, *, standing: Standing, address: str
) -> Proven:
    """Return what is proven with a code, which is used up by that.

    Raises:
        WrongSignInCodeError: the code is wrong, or was used before.
        TooManyAttemptsError: too many were.
    """
    method = proven.method

    def note(reason: str) -> None:
        user_id, org_id = proven.user_id, standing.org_id
        note_attempt(keeper, user_id=user_id, org_id=org_id, method=method, reason=reason)

    try:
        factor = await check_code(keeper, user_id=proven.user_id, code=code, address=address)
    except TooManyAttemptsError:
        note("too many attempts")
        raise
    if factor is None:
        note("wrong code")
        raise WrongSignInCodeError("The code is wrong, too old, or was used before.")
    return replace(proven, factor=factor)
