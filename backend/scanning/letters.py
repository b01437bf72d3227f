"""What people are told by mail when malware is found in what is stored."""

from collections.abc import Sequence

from backend.notifications.mail import Language, Letter

_NAMED = 20
_CONSEQUENCE = (
    "The content is in quarantine: nobody can open or download it. If you opened it before, tell those who look after"
    " your computer."
)


def found(*, name: str, signature: str, documents: Sequence[str], link: str | None) -> Letter:
    """Tell an owner, by the names of the documents, or an administrator, with a link, what is in quarantine."""
    shown = "".join(f"\n- {one}" for one in documents[:_NAMED])
    more = len(documents) - _NAMED
    listed = f" It is in these documents of yours:{shown}" if documents else ""
    return Letter(
        Language.ENGLISH,
        f"Malware was found: {signature}",
        (
            f"Hello {name},",
            f"the virus scanner recognised {signature} in content that was stored before its signatures knew it."
            + listed
            + (f"\n- and {more} more" if more > 0 else ""),
            _CONSEQUENCE,
        ),
        link,
        "Open the quarantine" if link else "",
        (
            "Only you, as an administrator, can release or delete it."
            if link
            else "An administrator decides what becomes of it.",
        ),
    )
