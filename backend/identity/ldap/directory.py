"""Asking a directory who somebody is. Blocking: for a thread.

ldap3 is the one LDAP client that needs no compiler and no system library; its last release is of 2021. It is seen here
alone, so that it can be replaced.
"""

import ssl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from backend.identity.external.settings import Directory

with warnings.catch_warnings():
    # ldap3 uses names that pyasn1 has renamed; it would say so at every start.
    warnings.simplefilter("ignore", DeprecationWarning)
    from ldap3 import AUTO_BIND_NONE, SIMPLE, SUBTREE, Connection, Server, Tls
    from ldap3.core.exceptions import LDAPException
    from ldap3.utils.conv import escape_filter_chars

_MOST_FOUND = 2
_TIMED_OUT_AFTER = 10
"""Seconds, for each of: connecting, and one answer."""
_SUCCESS = 0
_INVALID_CREDENTIALS = 49


class DirectoryFailedError(Exception):
    """The directory cannot be reached, or does not answer as it should."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A person in the directory, who gave the password."""

    subject: str
    email: str | None
    name: str | None
    groups: frozenset[str]


def authenticate(directory: Directory, login: str, password: str) -> Entry | None:
    """Return whom a name and password belong to; None where they belong to nobody, or the name to several.

    Raises:
        DirectoryFailedError: it could not be found out.
    """
    # A bind without a password is anonymous and succeeds for whatever name (RFC 4513, 5.1.2).
    if not login or not password:
        return None
    try:
        with _connected(directory, directory.bind_dn, directory.secret()) as connection:
            if connection is None:
                raise DirectoryFailedError(
                    "the directory refuses the name and password in the settings"
                )
            found = _search(connection, directory, login)
        if found is None:
            return None
        dn, entry = found
        with _connected(directory, dn, password) as connection:
            return None if connection is None else entry
    except (LDAPException, OSError) as error:
        raise DirectoryFailedError(type(error).__name__) from error


@contextmanager
def _connected(directory: Directory, dn: str, password: str) -> Iterator[Connection | None]:
    """Bind as somebody; None where the directory refuses the password."""
    verified = Tls(
        validate=ssl.CERT_REQUIRED,
        version=ssl.PROTOCOL_TLS_CLIENT,
        ca_certs_file=None if directory.ca_file is None else str(directory.ca_file),
    )
    server = Server(
        directory.url, tls=verified, connect_timeout=_TIMED_OUT_AFTER, get_info="NO_INFO"
    )
    connection = Connection(
        server,
        user=dn,
        password=password,
        authentication=SIMPLE,
        auto_bind=AUTO_BIND_NONE,
        receive_timeout=_TIMED_OUT_AFTER,
        auto_referrals=False,
        read_only=True,
        raise_exceptions=False,
    )
    try:
        connection.open()
        if directory.start_tls and not connection.start_tls():
            raise DirectoryFailedError("the directory refuses StartTLS")
        connection.bind()
        code = connection.result["result"]
        if code not in {_SUCCESS, _INVALID_CREDENTIALS}:
            raise DirectoryFailedError(f"binding ended with code {code}")
        yield connection if code == _SUCCESS else None
    finally:
        _close(connection)


def _close(connection: Connection) -> None:
    """Take leave, and close the socket, which ldap3 leaves open where TLS failed."""
    try:
        connection.unbind()
    except (LDAPException, OSError):
        pass
    finally:
        if connection.socket is not None:
            connection.socket.close()


def _search(connection: Connection, directory: Directory, login: str) -> tuple[str, Entry] | None:
    named = {
        "subject": directory.id_attribute,
        "email": directory.email_attribute,
        "name": directory.name_attribute,
        "groups": directory.groups_attribute,
    }
    connection.search(
        search_base=directory.base_dn,
        search_filter=directory.filter.replace("{login}", escape_filter_chars(login)),
        search_scope=SUBTREE,
        attributes=sorted(set(named.values())),
        size_limit=_MOST_FOUND,
        time_limit=_TIMED_OUT_AFTER,
    )
    people = [one for one in connection.response or () if one["type"] == "searchResEntry"]
    if len(people) != 1:
        return None
    attributes = {name.lower(): value for name, value in people[0]["raw_attributes"].items()}
    values = {name: _texts(attributes.get(attribute.lower())) for name, attribute in named.items()}
    if not values["subject"]:
        raise DirectoryFailedError(f"entries have no {directory.id_attribute} that can be read")
    return people[0]["dn"], Entry(
        subject=values["subject"][0],
        email=next(iter(values["email"]), None),
        name=next(iter(values["name"]), None),
        groups=frozenset(group.lower() for group in values["groups"]),
    )


def _texts(values: list[bytes] | None) -> list[str]:
    """Return values as text; what is none (Active Directory's objectGUID) as hexadecimal digits."""
    return [_text(value) for value in values or ()]


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.hex()
