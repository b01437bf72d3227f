"""Which tests share a test process, where several processes run them.

pytest-xdist has a marker for this, `xdist_group`, which groups nothing under pytest 9.2 (pytest-xdist issue 1386).
"""

from collections.abc import Mapping
from types import MappingProxyType

from xdist.scheduler import LoadScopeScheduling

STACKS: Mapping[str, str] = MappingProxyType(
    {
        "tests/e2e/": "service",
        "tests/service/test_corpus.py": "service",
        "tests/service/test_outages.py": "service",
        "tests/service/test_tus.py::test_tus_js_client": "service",
        "tests/service/test_tus.py::test_curl": "service",
        "tests/service/test_kill.py": "killed service",
        "tests/service/test_mail.py": "killed service",
        "tests/service/test_tus.py::test_a_server_killed": "killed service",
        "tests/service/test_workers_killed.py": "killed service",
        "tests/deploy/": "production",
        "tests/backend/collection/test_plans.py": "collection plans",
        "tests/backend/search/test_plans.py": "search plans",
        "tests/worker/extraction/": "sandbox",
        "tests/worker/previews/": "sandbox",
        "tests/worker/test_indexing.py": "sandbox",
        "tests/worker/test_previews.py": "sandbox",
    }
)
"""Where tests share something that is too dear to have in each process, and its name."""


class StackScheduling(LoadScopeScheduling):
    """Gives tests out one by one, those that share a stack all to one process, and these first."""

    def _split_scope(self, nodeid: str) -> str:
        return next(
            (stack for place, stack in STACKS.items() if nodeid.startswith(place)),
            nodeid,
        )
