"""An organisation of its own for each test of collection."""

from collections.abc import AsyncIterator

import pytest

from backend.core.db import Database
from backend.core.settings import Settings
from tests.support.archive import Archive, new_archive, open_content


@pytest.fixture
async def archive(settings: Settings, database: Database) -> AsyncIterator[Archive]:
    content = open_content(settings)
    yield await new_archive(database, content)
    content.close()
