"""Where the words of a corrected text stand: where those stood that they are written in place of. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from backend.texts.pages import Word

Box = tuple[int, int, int, int]

_TOKEN = re.compile(r"\S+")
_MOST_COMPARED = 3_000
"""Words that are compared; of longer texts only what both begin and end with keeps its place word by word."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A word of the text before, and the boxes of its parts with their lengths."""

    text: str
    parts: tuple[tuple[int, Box], ...]

    @property
    def box(self) -> Box:
        return self.parts[0][1]


def realign(before: str, words: Sequence[Word], after: str) -> list[Word]:
    """Give the words of a corrected text the places of those they stand for.

    What was not changed keeps its place; what was written in place of something shares its place; what was added
    stands where the word before it does.
    """
    known = list(_known(before, words))
    tokens = list(_TOKEN.finditer(after))
    if not known:
        return []
    placed: list[Word] = []
    texts = [token.group() for token in tokens]
    for old, new in _changes([word.text for word in known], texts):
        replaced = known[old.start : old.stop]
        if [word.text for word in replaced] == texts[new.start : new.stop]:
            for word, token in zip(replaced, tokens[new.start : new.stop], strict=True):
                placed += _kept(word, token.start())
        elif replaced:
            placed += _shared(replaced, tokens[new.start : new.stop])
        else:
            box = (known[old.start - 1] if old.start else known[0]).parts[-1][1]
            placed += [_word(token, box) for token in tokens[new.start : new.stop]]
    return placed


def _known(text: str, words: Sequence[Word]) -> Iterator[_Known]:
    parts: list[tuple[int, Box]] = []
    start = end = -1
    for word in words:
        if parts and word.start != end:
            yield _Known(text[start:end], tuple(parts))
            parts = []
        if not parts:
            start = word.start
        parts.append((word.end - word.start, word[2:6]))
        end = word.end
    if parts:
        yield _Known(text[start:end], tuple(parts))


def _changes(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[range, range]]:
    """Yield what corresponds, as ranges of words before and after."""
    shorter = min(len(before), len(after))
    head = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    tail = next(
        (at for at in range(shorter - head) if before[-1 - at] != after[-1 - at]), shorter - head
    )
    yield range(head), range(head)
    middle_before = range(head, len(before) - tail)
    middle_after = range(head, len(after) - tail)
    if max(len(middle_before), len(middle_after)) > _MOST_COMPARED:
        yield middle_before, middle_after
    else:
        matcher = SequenceMatcher(
            None,
            before[middle_before.start : middle_before.stop],
            after[middle_after.start : middle_after.stop],
        )
        for _, old_start, old_end, new_start, new_end in matcher.get_opcodes():
            yield (
                range(head + old_start, head + old_end),
                range(head + new_start, head + new_end),
            )
    yield range(len(before) - tail, len(before)), range(len(after) - tail, len(after))


def _kept(word: _Known, start: int) -> Iterator[Word]:
    for length, box in word.parts:
        yield Word(start, start + length, *box, 100)
        start += length


def _shared(known: Sequence[_Known], tokens: Sequence[re.Match[str]]) -> Iterator[Word]:
    """Yield words that stand in place of others: one for one, or each on its share of their length."""
    if len(known) == len(tokens):
        for word, token in zip(known, tokens, strict=True):
            yield _word(token, word.box)
        return
    length = sum(len(word.text) for word in known)
    written = sum(len(token.group()) for token in tokens)
    at = 0
    for token in tokens:
        end = at + len(token.group())
        yield _word(token, _span(known, at * length / written, end * length / written))
        at = end


def _span(known: Sequence[_Known], start: float, end: float) -> Box:
    """Return the box of some characters of a run of words, as far as they are on one line."""
    found: Box | None = None
    at = 0
    for word in known:
        size = len(word.text)
        first, last = max(start - at, 0.0), min(end - at, float(size))
        at += size
        if first >= last:
            continue
        left, top, right, bottom = word.box
        width = right - left
        piece = (left + int(width * first / size), top, left + round(width * last / size), bottom)
        if found is None:
            found = piece
        elif piece[1] < found[3] and piece[3] > found[1] and piece[0] >= found[0]:
            found = found[0], min(found[1], piece[1]), piece[2], max(found[3], piece[3])
    return found or known[-1].box


def _word(token: re.Match[str], box: Box) -> Word:
    return Word(token.start(), token.end(), *box, 100)
