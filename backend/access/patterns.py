"""The patterns of policies: `*` stands for any characters, also none, `?` for exactly one."""

import re
from functools import lru_cache


def like(value: str, pattern: str) -> bool:
    """Tell whether a whole value is what a pattern describes."""
    return _compiled(pattern).fullmatch(value) is not None


def sql_like(pattern: str) -> str:
    r"""Return the pattern as SQL's LIKE takes it, with `\` as its escape."""
    escaped = re.sub(r"([\\%_])", r"\\\1", pattern)
    return escaped.replace("*", "%").replace("?", "_")


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    # Several stars in a row are one: each of its own would be tried against every other.
    parts = re.split(r"(\*+|\?)", pattern)
    return re.compile(
        "".join(".*" if p[:1] == "*" else "." if p == "?" else re.escape(p) for p in parts),
        re.DOTALL,
    )
