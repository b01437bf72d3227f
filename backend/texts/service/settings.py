"""What an organisation says of its scans."""

from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import service as audit
from backend.audit.service import Deed
from backend.core.actor import Actor
from backend.texts import queries
from backend.texts.languages import READABLE
from backend.texts.schemas import TextSettingsIn, TextSettingsOut
from backend.texts.service.changing import check_languages


async def get_settings(session: AsyncSession, actor: Actor) -> TextSettingsOut:
    """Return the languages of the actor's organisation, and all there are to choose from."""
    return TextSettingsOut(
        languages=await queries.languages(session, actor.org_id), readable=sorted(READABLE)
    )


async def change_settings(
    session: AsyncSession, actor: Actor, change: TextSettingsIn
) -> TextSettingsOut:
    """Set the languages of the actor's organisation; the actor is one of its administrators.

    Raises:
        UnknownLanguageError: no engine reads one of them.
    """
    codes = list(dict.fromkeys(change.languages))
    check_languages(codes)
    before = await queries.languages(session, actor.org_id)
    if codes != before:
        await queries.set_languages(session, actor.org_id, codes)
        facts = {"before": before, "after": codes}
        deed = Deed("organisation.text_languages_changed", f"organisation:{actor.org_id}", facts)
        await audit.record(session, [deed], org_id=actor.org_id, actor_id=actor.user_id)
    return TextSettingsOut(languages=codes, readable=sorted(READABLE))
