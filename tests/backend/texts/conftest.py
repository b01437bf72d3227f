"""A worker in the test's process, and documents that it read."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI

from backend.core.db import Database
from backend.core.settings import Settings
from worker.extraction import shut_down
from worker.runtime import Runtime


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
