"""Every setting the service honours, read once from the environment. No other module reads the environment."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote

from pydantic import (
    AliasChoices,
    Field,
    PostgresDsn,
    SecretStr,
    UrlConstraints,
    field_validator,
    model_validator,
)
from pydantic_core import Url
from pydantic_settings import BaseSettings, SettingsConfigDict

from backend.core.encryption_key import KeySource

SmtpDsn = Annotated[
    Url, UrlConstraints(allowed_schemes=["smtp", "smtps", "smtp+plain"], host_required=True)
]
_LISTEN = re.compile(r"(\[[0-9A-Fa-f:]+\]|[^:\s]+):\d{1,5}")
_SMTP_PORTS = {"smtp": 587, "smtps": 465, "smtp+plain": 25}
ValkeyDsn = Annotated[Url, UrlConstraints(allowed_schemes=["redis", "rediss", "unix"])]


class ScanMode(StrEnum):
    """What happens to an upload when no virus scanner answers."""

    AUTO = "auto"
    """Store it, marked unscanned."""
    REQUIRED = "required"
    """Refuse it (503)."""
    OFF = "off"
    """Never scan."""


class LimitsPolicy(StrEnum):
    """What happens to an upload that is larger or deeper than the virus scanner looks."""

    REFUSE = "refuse"
    STORE_AS_UNSCANNED = "store-as-unscanned"


class OcrEngineName(StrEnum):
    """What reads the languages that PaddleOCR's models know."""

    RAPIDOCR = "rapidocr"
    """Models out of its wheel."""
    PADDLEOCR = "paddleocr"
    """The package, where it is installed, with models in a directory."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """A server that takes mail from us, and whom the mail is from."""

    host: str
    port: int
    encrypted_from_start: bool
    starttls: bool
    user: str | None
    password: str = field(repr=False)
    sender: str


@dataclass(frozen=True, slots=True)
class LetterboxAddress:
    """Where letters of other mail servers are taken, and the files of the certificate they may be encrypted with."""

    host: str
    port: int
    certificate: Path | None
    key: Path | None


class LogFormat(StrEnum):
    """How log lines are written."""

    CONSOLE = "console"
    JSON = "json"


class Settings(BaseSettings):
    """The settings, each named `DMS_<FIELD>` in the environment; `.env.example` explains them all."""

    model_config = SettingsConfigDict(env_prefix="DMS_", extra="ignore", populate_by_name=True)

    data_dir: Path = Path("data")
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    public_url: str | None = None

    database_url: PostgresDsn = PostgresDsn("postgresql+asyncpg://dms_app@127.0.0.1:5432/dms")
    database_owner_url: PostgresDsn | None = None
    database_direct_url: PostgresDsn | None = None
    database_pool_size: int = Field(default=10, ge=1)
    database_prepared_statements: bool = True
    redis_url: ValkeyDsn = Url("redis://127.0.0.1:6379/0")
    worker_silence_seconds: int = Field(default=60, ge=4)

    encryption_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("ENCRYPTION_KEY", "encryption_key")
    )
    encryption_key_file: Path | None = Field(
        default=None, validation_alias=AliasChoices("ENCRYPTION_KEY_FILE", "encryption_key_file")
    )
    encryption_key_command: str | None = Field(
        default=None,
        validation_alias=AliasChoices("ENCRYPTION_KEY_COMMAND", "encryption_key_command"),
        repr=False,
    )

    storage_url: str | None = None
    storage_access_key_id: str | None = None
    storage_secret_access_key: SecretStr | None = None
    storage_fallback_url: str | None = None
    storage_fallback_access_key_id: str | None = None
    storage_fallback_secret_access_key: SecretStr | None = None

    scan: ScanMode = ScanMode.AUTO
    clamd_socket: Path = Path("/run/clamav/clamd.ctl")
    clamd_address: str | None = None
    scan_timeout: float = Field(default=600.0, gt=0)
    scan_limits: LimitsPolicy | None = None
    rescan_days: int = Field(default=30, ge=0)
    rescan_rate: int = Field(default=10_000_000, ge=1_000_000)

    max_upload_size: int = Field(default=64 * 2**30, gt=0)
    upload_days: int = Field(default=7, ge=1)
    compression_level: int = Field(default=3, ge=1, le=19)
    trash_days: int = Field(default=30, ge=0)
    gc_grace_hours: int = Field(default=24, ge=0)
    audit_retention_days: int = Field(default=0, ge=0)
    scrub_days: int = Field(default=30, ge=0)
    # The largest blob must be read within the time a task has.
    scrub_rate: int = Field(default=50_000_000, ge=10_000_000)

    ocr_engine: OcrEngineName = OcrEngineName.RAPIDOCR
    ocr_models: Path | None = None

    access_token_seconds: int = Field(default=900, gt=0)
    refresh_token_seconds: int = Field(default=30 * 86_400, gt=0)

    sign_in_file: Path | None = None

    smtp_url: SmtpDsn | None = None
    smtp_password: SecretStr | None = None
    mail_from: str | None = None

    intake_smtp_listen: str | None = None
    intake_smtp_certificate: Path | None = None
    intake_smtp_key: Path | None = None
    intake_dirs: str | None = None
    intake_mail_hosts: str | None = None
    intake_smtp_domain: str | None = None

    admin_email: str = "admin@example.org"
    admin_password: SecretStr | None = None
    organisation: str = "My organisation"

    log_format: LogFormat = LogFormat.CONSOLE
    log_level: str = "INFO"
    web_dir: Path = Path("frontend/dist")

    @model_validator(mode="after")
    def _paths_are_absolute(self) -> "Settings":
        """Children are started elsewhere; a path must mean the same to all of them."""
        self.data_dir = self.data_dir.absolute()
        self.web_dir = self.web_dir.absolute()
        if self.ocr_models is not None:
            self.ocr_models = self.ocr_models.absolute()
        if self.intake_smtp_certificate is not None:
            self.intake_smtp_certificate = self.intake_smtp_certificate.absolute()
        if self.intake_smtp_key is not None:
            self.intake_smtp_key = self.intake_smtp_key.absolute()
        return self

    @model_validator(mode="after")
    def _mail_is_whole(self) -> "Settings":
        """What is missing is said at the start, not by letters that never leave."""
        if self.smtp_url is None:
            return self
        if self.mail_from is None:
            raise ValueError("DMS_SMTP_URL needs DMS_MAIL_FROM: the address that mail comes from")
        if self.smtp_url.password is not None:
            raise ValueError(
                "the password for mail belongs in DMS_SMTP_PASSWORD, not in DMS_SMTP_URL"
            )
        if self.smtp_url.username is not None and self.smtp_url.scheme == "smtp+plain":
            raise ValueError(
                "smtp+plain:// would send the password in the clear: use smtp:// or smtps://"
            )
        return self

    @field_validator("intake_smtp_listen")
    @classmethod
    def _letterbox_is_an_address(cls, listen: str | None) -> str | None:
        """A typing error is said at the start, not by letters that never come."""
        if listen is not None and not _LISTEN.fullmatch(listen):
            raise ValueError("DMS_INTAKE_SMTP_LISTEN is an address and a port: 0.0.0.0:25")
        return listen

    @field_validator("smtp_password")
    @classmethod
    def _mail_password_is_plain(cls, password: SecretStr | None) -> SecretStr | None:
        """Python's smtplib signs in with ASCII alone."""
        if password is not None and not password.get_secret_value().isascii():
            raise ValueError("DMS_SMTP_PASSWORD may hold ASCII characters only")
        return password

    @property
    def mail_server(self) -> MailServer | None:
        """The server that takes our mail, if there is one."""
        if self.smtp_url is None or self.mail_from is None:
            return None
        scheme, user = self.smtp_url.scheme, self.smtp_url.username
        return MailServer(
            host=(self.smtp_url.host or "").strip("[]"),
            port=self.smtp_url.port or _SMTP_PORTS[scheme],
            encrypted_from_start=scheme == "smtps",
            starttls=scheme == "smtp",
            user=None if user is None else unquote(user),
            password="" if self.smtp_password is None else self.smtp_password.get_secret_value(),
            sender=self.mail_from,
        )

    @property
    def letterbox(self) -> LetterboxAddress | None:
        """Where letters of other mail servers are taken, if they are."""
        if not self.intake_smtp_listen or not self.intake_smtp_domain:
            return None
        host, _, port = self.intake_smtp_listen.rpartition(":")
        return LetterboxAddress(
            host=host.strip("[]"),
            port=int(port),
            certificate=self.intake_smtp_certificate,
            key=self.intake_smtp_key,
        )

    @property
    def limits_policy(self) -> LimitsPolicy:
        """What happens at the scanner's limits; unless it is said, what happens where there is no scanner."""
        if self.scan_limits is not None:
            return self.scan_limits
        required = self.scan is ScanMode.REQUIRED
        return LimitsPolicy.REFUSE if required else LimitsPolicy.STORE_AS_UNSCANNED

    @property
    def web_url(self) -> str:
        """The address people open, for links in letters: never taken from a request, whose sender chooses its Host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")

    @property
    def store_dir(self) -> Path:
        """Where the content-addressed store keeps its blobs, unless `storage_url` says otherwise."""
        return self.data_dir / "store"

    @property
    def store_locks_dir(self) -> Path:
        """Where processes lock blobs that lie in object storage."""
        return self.data_dir / "locks"

    @property
    def drafts_dir(self) -> Path:
        """Where uploads grow that are to end in object storage; a local store keeps them itself."""
        return self.data_dir / "drafts"

    @property
    def keyring_path(self) -> Path:
        """The file of storage keys, each wrapped by the master key."""
        return self.data_dir / "keys" / "keyring"

    @property
    def work_dir(self) -> Path:
        """Where workers put the plaintext they are reading, one private directory per job."""
        return self.data_dir / "work"

    @property
    def key_source(self) -> KeySource:
        """Where the master key of the keyring comes from."""
        value = self.encryption_key
        return KeySource(
            value=None if value is None else value.get_secret_value(),
            file=self.encryption_key_file,
            command=self.encryption_key_command,
            own_file=self.data_dir / "keys" / "master.key",
        )

    def master_key(self) -> bytes:
        """Return the 32-byte master key, asked for anew each time.

        Raises:
            EncryptionKeyError: no key is given, or two are; it cannot be had, or is no key.
        """
        return self.key_source.read()


@lru_cache
def get_settings() -> Settings:
    """Return the process's settings, read at the first call."""
    return Settings()
