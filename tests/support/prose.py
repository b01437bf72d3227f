"""Texts that look like writing, and edited copies of them, the same ones in every run."""

import random
from collections.abc import Sequence

_SYLLABLES = [
    *("ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ri", "so", "tu"),
    *("va", "we", "xi", "yo", "zu", "bra", "cle", "dri", "fro", "gla"),
]


class Prose:
    """A writer with a vocabulary in which, as in any language, some words are everywhere."""

    def __init__(self, seed: int, words: int = 3_000) -> None:
        self.random = random.Random(seed)  # noqa: S311  # nothing secret
        self._words = [
            "".join(self.random.choices(_SYLLABLES, k=1 + n % 4)) for n in range(1, words + 1)
        ]
        self._weights = [1 / rank for rank in range(1, words + 1)]

    def words(self, count: int) -> list[str]:
        """Return so many words."""
        return self.random.choices(self._words, self._weights, k=count)

    def text(self, count: int) -> str:
        """Return a text of so many words."""
        return " ".join(self.words(count))

    def edited(self, text: str, edits: int) -> str:
        """Return a text with so many words replaced, dropped or put in."""
        words = text.split()
        for _ in range(edits):
            place = self.random.randrange(len(words))
            words[place : place + self.random.choice((0, 1))] = self.words(
                self.random.choice((0, 1, 2))
            )
        return " ".join(words)

    def shuffled(self, paragraphs: Sequence[str]) -> str:
        """Return paragraphs in another order, as one text."""
        return "\n\n".join(self.random.sample(paragraphs, len(paragraphs)))
