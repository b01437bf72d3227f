"""Signatures find the texts that are alike, and the similarity of what was found is exact."""

from itertools import combinations

import pytest

from backend.duplicates.service import NEARLY
from tests.support.prose import Prose
from worker.nearness import FEWEST, Shingles, shingles_of, signature_of, similarity


def alike(one: str, other: str) -> float:
    return similarity(shingles_of(one), shingles_of(other))


def by_hand(one: str, other: str) -> float:
    """The similarity as it is defined."""
    sets = []
    for text in (one, other):
        words = text.split()
        sets.append({tuple(words[n : n + 3]) for n in range(len(words) - 2)})
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def bands(shingles: Shingles) -> set[int]:
    signature = signature_of(shingles)
    assert signature is not None
    return set(signature.bands)


def test_the_similarity_is_that_of_the_runs_of_three_words() -> None:
    prose = Prose(1)
    for edits in (0, 1, 5, 30, 200):
        text = prose.text(400)
        copy = prose.edited(text, edits)
        assert alike(text, copy) == by_hand(text, copy)
    assert alike("one two three four", "one two three five") == 1 / 3
    assert alike("", "") == alike("one two", "one two") == 0


def test_case_marks_and_line_ends_do_not_count() -> None:
    text = "The lease of 12 Example Street, signed in March, ends. Straße ﬁne Übergabe"
    assert (
        alike(
            text, "THE LEASE\nof 12 example street -- signed in March ends; STRASSE fine ÜBERGABE"
        )
        == 1
    )


def test_paragraphs_in_another_order_are_nearly_the_same() -> None:
    prose = Prose(2)
    paragraphs = [prose.text(80) for _ in range(10)]
    assert alike("\n\n".join(paragraphs), prose.shuffled(paragraphs)) > 0.9


def test_texts_without_blanks_are_compared_by_characters() -> None:
    one = "租赁合同于二〇二六年三月三十一日终止双方应在期满前三个月书面通知对方"
    assert alike(one, one.replace("三月", "四月")) > 0.7
    assert alike(one, "これは全く別の文章であり賃貸契約とは関係がない") < 0.1


@pytest.mark.parametrize("words", [0, 2, FEWEST + 1])
def test_too_short_a_text_has_no_signature(words: int) -> None:
    assert signature_of(shingles_of(" ".join(f"w{n}" for n in range(words)))) is None


def test_a_signature_stays_as_it_was() -> None:
    """Signatures are kept in the database: one made by another release must still be found."""
    signature = signature_of(shingles_of(" ".join(f"word{n}" for n in range(500))))
    assert signature is not None
    assert signature.shingles == 498
    assert signature.digest.hex() == "550cb15347317f1cba28791bdb1c6d40"
    assert min(signature.bands) == -8416171053314391801


def test_what_is_alike_is_found_and_what_is_not_is_not_compared() -> None:
    prose = Prose(3)
    texts: list[Shingles] = []
    for _ in range(60):
        original = prose.text(prose.random.randrange(60, 1_500))
        texts.append(shingles_of(original))
        for share in (0.005, 0.02, 0.05, 0.15, 0.4):
            edits = max(1, int(share * len(original.split())))
            texts.append(shingles_of(prose.edited(original, edits)))
    signatures = [bands(one) for one in texts]
    near = found = candidates = unlike = 0
    for one, other in combinations(range(len(texts)), 2):
        is_candidate = bool(signatures[one] & signatures[other])
        value = similarity(texts[one], texts[other])
        candidates += is_candidate
        near += value >= NEARLY
        found += is_candidate and value >= NEARLY
        unlike += is_candidate and value < 0.2
    assert near > 250
    # Every pair that is kept was compared exactly: precision is one by construction.
    assert found / near > 0.97
    assert unlike / candidates < 0.02
