"""What identity writes to people, in the languages it can."""

from backend.notifications.mail import Language, Letter


def invitation(
    language: Language, *, organisation: str, inviter: str, link: str, days: int
) -> Letter:
    """Ask somebody to join an organisation."""
    if language is Language.GERMAN:
        return Letter(
            language,
            f"Einladung zu {organisation}",
            (
                "Guten Tag,",
                f"{inviter} lädt Sie ein, bei „{organisation}“ mit Dokumenten zu arbeiten.",
            ),
            link,
            "Einladung annehmen",
            (
                f"Der Link gilt {days} Tage und nur einmal. Geben Sie ihn nicht weiter.",
                "Wenn Sie damit nichts anfangen können, tun Sie nichts: Ohne Sie geschieht nichts.",
            ),
        )
    return Letter(
        language,
        f"Invitation to {organisation}",
        ("Hello,", f"{inviter} invites you to work with the documents of “{organisation}”."),
        link,
        "Accept the invitation",
        (
            f"The link is good for {days} days, and once. Do not pass it on.",
            "If this means nothing to you, do nothing: nothing happens without you.",
        ),
    )


def password_reset(language: Language, *, name: str, link: str) -> Letter:
    """Let somebody who forgot the password set a new one."""
    if language is Language.GERMAN:
        return Letter(
            language,
            "Neues Passwort setzen",
            (f"Guten Tag {name},", "jemand, vermutlich Sie, möchte Ihr Passwort neu setzen."),
            link,
            "Neues Passwort setzen",
            (
                "Der Link gilt eine Stunde und nur einmal. Alle Sitzungen enden, wenn Sie ihn benutzen.",
                "Wenn Sie es nicht waren, tun Sie nichts: Ihr Passwort bleibt, wie es ist.",
            ),
        )
    return Letter(
        language,
        "Set a new password",
        (f"Hello {name},", "somebody, probably you, asked to set a new password for your account."),
        link,
        "Set a new password",
        (
            "The link is good for one hour, and once. All your sessions end when you use it.",
            "If it was not you, do nothing: your password stays as it is.",
        ),
    )


def password_changed(language: Language, *, name: str) -> Letter:
    """Tell somebody that the password was set anew by a link."""
    if language is Language.GERMAN:
        return Letter(
            language,
            "Ihr Passwort wurde neu gesetzt",
            (
                f"Guten Tag {name},",
                "Ihr Passwort wurde soeben mit einem Link aus einer E-Mail neu gesetzt; alle Sitzungen sind beendet.",
                "Waren Sie es nicht, sagen Sie es sofort Ihrer Administration: Jemand anders liest Ihre E-Mails.",
            ),
        )
    return Letter(
        language,
        "Your password was set anew",
        (
            f"Hello {name},",
            "your password was just set anew with a link from a mail, and all your sessions have ended.",
            "If it was not you, tell your administrator at once: somebody else reads your mail.",
        ),
    )
