"""Who may vouch for users: the file that DMS_SIGN_IN_FILE names, in TOML."""

import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

_LOOPBACK = ("http://localhost:", "http://127.0.0.1:", "http://[::1]:")


def _is_safe(url: str) -> str:
    if not url.startswith(("https://", *_LOOPBACK)):
        raise ValueError("must begin with https://")
    return url.rstrip("/")


class Vouching(BaseModel):
    """What every kind of issuer has."""

    model_config = ConfigDict(extra="forbid")

    organisation: int
    """The organisation that new users join, and whose groups are mapped."""
    create_users: bool = False
    """Whether who is not known yet is made a user."""
    allowed_domains: tuple[str, ...] = ()
    """Domains of e-mail addresses that users may be made for; none: no user is made."""
    session_hours: Annotated[int, Field(ge=1, le=2_160)] = 12
    """Hours after which a session that the issuer vouched for ends, and the issuer is asked again."""
    groups: dict[str, str] = Field(default_factory=dict)
    """By the issuer's name of a group: the name of the group here."""


class OidcProvider(Vouching):
    """An OpenID provider."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
    name: str
    issuer: Annotated[str, AfterValidator(_is_safe)]
    client_id: str
    client_secret: SecretStr | None = None
    client_secret_file: Path | None = None
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    required_claims: dict[str, str] = Field(default_factory=dict)
    """Claims that must have these values, or contain them where they are lists."""
    groups_claim: str = "groups"

    @model_validator(mode="after")
    def _one_secret(self) -> "OidcProvider":
        if (self.client_secret is None) == (self.client_secret_file is None):
            raise ValueError("give client_secret or client_secret_file")
        return self

    def secret(self) -> str:
        """Return the client's secret."""
        if self.client_secret is not None:
            return self.client_secret.get_secret_value()
        assert self.client_secret_file is not None  # noqa: S101  # validated
        return self.client_secret_file.read_text().strip()


class Directory(Vouching):
    """A directory that speaks LDAP."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")] = "directory"
    url: Annotated[str, Field(pattern=r"^ldaps?://[^/]+/?$")]
    start_tls: bool = False
    ca_file: Path | None = None
    """The authorities that the directory's certificate may be of; those of the system where none are given."""
    bind_dn: str
    bind_password: SecretStr | None = None
    bind_password_file: Path | None = None
    base_dn: str
    filter: str = "(&(objectClass=inetOrgPerson)(mail={login}))"
    """Finds the one entry of whoever signs in as `{login}`."""
    id_attribute: str = "entryUUID"
    email_attribute: str = "mail"
    name_attribute: str = "cn"
    groups_attribute: str = "memberOf"

    @model_validator(mode="after")
    def _is_sound(self) -> "Directory":
        host = self.url.partition("://")[2]
        is_own = host.startswith(("localhost", "127.0.0.1", "[::1]"))
        if self.url.startswith("ldap:") and not self.start_tls and not is_own:
            raise ValueError("use ldaps:// or start_tls: passwords must not travel in plain")
        if (self.bind_password is None) == (self.bind_password_file is None):
            raise ValueError("give bind_password or bind_password_file")
        if "{login}" not in self.filter:
            raise ValueError("the filter must contain {login}")
        # Names of groups are compared as directories compare them.
        self.groups = {name.lower(): ours for name, ours in self.groups.items()}
        return self

    def secret(self) -> str:
        """Return the password to search with."""
        if self.bind_password is not None:
            return self.bind_password.get_secret_value()
        assert self.bind_password_file is not None  # noqa: S101  # validated
        return self.bind_password_file.read_text().strip()


class SignInSettings(BaseModel):
    """All of the file."""

    model_config = ConfigDict(extra="forbid")

    oidc: tuple[OidcProvider, ...] = ()
    ldap: Directory | None = None

    def provider(self, provider_id: str) -> OidcProvider | None:
        """Return the provider of this id."""
        return next((one for one in self.oidc if one.id == provider_id), None)


def read_settings(path: Path | None) -> SignInSettings:
    """Return what a file says; nobody vouches for users where there is none.

    Raises:
        ValueError: it is no TOML, or says something else than is understood; without its values, which may be secret.
        OSError: it cannot be read.
    """
    if path is None:
        return SignInSettings()
    content: dict[str, Any] = tomllib.loads(path.read_text())
    return SignInSettings.model_validate(content)
