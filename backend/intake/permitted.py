"""What the installation lets sources have: the directories and addresses that it names, and mail servers."""

from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from backend.core.settings import Settings
from backend.intake.errors import SettingsRefusedError

_ORGANISATION = "{org}"


def allowed_root(settings: Settings, org_id: int, directory: str) -> PurePosixPath:
    """Return the allowed directory that another is or lies below.

    Raises:
        SettingsRefusedError: there is none, or the path is not absolute and plain.
    """
    path = PurePosixPath(directory)
    if not path.is_absolute() or ".." in path.parts or "\0" in directory:
        raise SettingsRefusedError("The directory must be an absolute path without `..`.")
    for root in _roots(settings, org_id):
        if path.is_relative_to(root):
            return root
    raise SettingsRefusedError(
        "This installation lets no source watch that directory: DMS_INTAKE_DIRS names those that may be watched."
    )


def check_host(settings: Settings, host: str) -> None:
    """Return if sources may have mailboxes on a server.

    Raises:
        SettingsRefusedError: they may not.
    """
    allowed = settings.intake_mail_hosts
    if allowed is not None and not any(
        fnmatchcase(host.casefold(), glob.strip().casefold()) for glob in allowed.split(",")
    ):
        raise SettingsRefusedError(
            "This installation lets no source look at that mail server: DMS_INTAKE_MAIL_HOSTS names those it may."
        )


def check_address(settings: Settings, org_id: int, address: str) -> None:
    """Return if letters to an address can reach this installation, and are an organisation's.

    Raises:
        SettingsRefusedError: they cannot, or are not.
    """
    domain = _of_organisation(settings.intake_smtp_domain or "", org_id)
    if not domain:
        raise SettingsRefusedError(
            "This installation takes no letters from other servers: DMS_INTAKE_SMTP_DOMAIN is not set."
        )
    given = address.rpartition("@")[2].casefold()
    if given != domain.casefold() and not given.endswith(f".{domain.casefold()}"):
        raise SettingsRefusedError(f"The address must end in @{domain}.")


def letterbox_name(settings: Settings) -> str:
    """Return the name that the letterbox answers by: the domain that all addresses are of."""
    labels = (settings.intake_smtp_domain or "").split(".")
    return ".".join(label for label in labels if _ORGANISATION not in label)


def _of_organisation(named: str, org_id: int) -> str:
    return named.replace(_ORGANISATION, str(org_id))


def _roots(settings: Settings, org_id: int) -> list[PurePosixPath]:
    named = (settings.intake_dirs or "").split(":")
    paths = [PurePosixPath(_of_organisation(one, org_id)) for one in named if one]
    return [path for path in paths if path.is_absolute()]
