"""A worker in the test's process, and documents that it read."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from backend.core.db import Database
from backend.core.settings import Settings
from tests.support.api import Api
from tests.worker.extraction import samples
from worker.extraction import shut_down
from worker.runtime import Runtime
from worker.tasks import indexing


class SharedRuntime(Runtime):
    """A worker's runtime on the resources and the loop of the tests."""

    def __init__(self, settings: Settings, database: Database, app: FastAPI) -> None:
        self.settings = settings
        self.database = database
        self.content = app.state.content


@pytest.fixture
def runtime(settings: Settings, database: Database, app: FastAPI) -> Iterator[Runtime]:
    yield SharedRuntime(settings, database, app)
    shut_down()


async def upload_pdf(runtime: Runtime, api: Api, *pages: list[str]) -> dict[str, Any]:
    """Upload a PDF of such lines, have it read, and return the document."""
    cabinet = await api.folder("Cabinet")
    data = samples.pdf([samples.text_page(lines) for lines in pages])
    document = await api.document(cabinet, "a.pdf", data)
    await indexing._index(runtime, api.org_id, document["current_version"]["id"], ocr=False)
    return document
