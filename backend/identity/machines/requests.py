"""Reading a token request (RFC 6749, 2.3.1 and 4.4.2). Pure: bytes and a header in, who asks for what out."""

import base64
import binascii
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote_plus

from backend.identity.machines.errors import (
    InvalidClientError,
    InvalidScopeError,
    TokenRequestError,
    UnsupportedGrantError,
)

LARGEST_BODY = 8_192
_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 20
_CLIENT = re.compile(r"machine-([1-9][0-9]{0,17})-([1-9][0-9]{0,17})", re.ASCII)
_SCOPE = re.compile(r"dms:(\*|[a-z]{1,40}):(\*|[A-Z][A-Za-z]{0,39})", re.ASCII)


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """Who asks for a token, with what proof, and for how much."""

    org_id: int
    user_id: int
    secret: str = field(repr=False)
    scopes: frozenset[str] | None
    """None: whatever the secret extends to."""


def client_id(org_id: int, user_id: int) -> str:
    """Return the name of a service account as a client."""
    return f"machine-{org_id}-{user_id}"


def read_request(
    body: bytes, *, content_type: str | None, authorization: str | None
) -> TokenRequest:
    """Return what is asked for.

    Raises:
        TokenRequestError: the request is malformed.
        UnsupportedGrantError: it asks for another grant.
        InvalidClientError: it does not say who the client is.
        InvalidScopeError: it names no scope.
    """
    fields = _fields(body, content_type)
    if "grant_type" not in fields:
        raise TokenRequestError("The parameter grant_type is missing.")
    if fields["grant_type"] != "client_credentials":
        raise UnsupportedGrantError("Only client_credentials is served here.")
    name, secret = _client(fields, authorization)
    match = _CLIENT.fullmatch(name)
    if match is None:
        raise InvalidClientError("There is no such client, or its secret is wrong.")
    return TokenRequest(int(match[1]), int(match[2]), secret, _scopes(fields.get("scope")))


def _fields(body: bytes, content_type: str | None) -> dict[str, str]:
    if (content_type or "").partition(";")[0].strip().lower() != _FORM:
        raise TokenRequestError(f"The body must be {_FORM}.")
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise TokenRequestError("The body is not a form.") from error
    # A parameter without a value is as good as none, and none may be there twice (RFC 6749, 3.2).
    fields = {name: value for name, value in pairs if value}
    if len(fields) != sum(1 for _, value in pairs if value):
        raise TokenRequestError("A parameter is there more than once.")
    return fields


def _client(fields: dict[str, str], authorization: str | None) -> tuple[str, str]:
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        if "client_id" not in fields or "client_secret" not in fields:
            raise InvalidClientError("Give client_id and client_secret, by Basic or in the body.")
        return fields["client_id"], fields["client_secret"]
    if "client_secret" in fields:
        raise TokenRequestError("Give the secret once: by Basic, or in the body.")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise InvalidClientError("The Authorization header is malformed.") from error
    name, _, secret = text.partition(":")
    if fields.get("client_id", unquote_plus(name)) != unquote_plus(name):
        raise TokenRequestError("The body names another client than the header.")
    return unquote_plus(name), unquote_plus(secret)


def _scopes(scope: str | None) -> frozenset[str] | None:
    if scope is None:
        return None
    scopes = frozenset(scope.split(" "))
    if not all(_SCOPE.fullmatch(one) for one in scopes):
        raise InvalidScopeError("A scope is an action, such as dms:document:Read.")
    return scopes
