"""What stands on pages that are made to be looked at: those an office document, which has none, was converted to."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from backend.texts import queries
from backend.texts.pages import PageText


async def record_shown(
    session: AsyncSession, *, org_id: int, version_id: int, pages: Sequence[PageText]
) -> None:
    """Keep the words of the pages of a version as they are shown, in place of what was known of them.

    They are no text layer: what is searched is what the file itself says.
    """
    await queries.replace_shown(
        session, org_id=org_id, version_id=version_id, new=[page for page in pages if page.words]
    )
