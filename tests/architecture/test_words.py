"""The web application has words for what the service calls by technical names."""

import re
from pathlib import Path

from worker.app import app

WORDS = Path(__file__).parents[2] / "frontend" / "src" / "i18n" / "en.ts"


def test_every_job_is_told_of_in_words() -> None:
    app.loader.import_default_modules()
    told = re.search(r"\n    task: \{\n(.*?)\n    \},\n", WORDS.read_text(), re.DOTALL)
    assert told
    groups = dict(re.findall(r"(\w+): \{(.*?)\}", told[1], re.DOTALL))
    jobs = {name for name in app.tasks if not name.startswith(("celery.", "test."))}
    words = [
        f"{group}.{name}" for group in groups for name in re.findall(r"(\w+): \"", groups[group])
    ]
    assert sorted(words) == sorted(jobs)
