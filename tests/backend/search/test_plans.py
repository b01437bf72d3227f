"""How the statements run, as the application's role, on enough documents that plans differ."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import Database, Tenant
from backend.launch.postgres import EmbeddedPostgres
from backend.search import queries
from backend.search.syntax import parse
from tests.backend.search.conftest import Library

DOCUMENTS = 6_000
