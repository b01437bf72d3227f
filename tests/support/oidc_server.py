"""The provider of the tests, a program of its own: oidc-provider-mock made strict, and able to lie.

Strict: a sign-in begins with a challenge by S256 and ends with its verifier (RFC 7636, 4.3 and 4.6), and the client
gives its secret. A provider that did not look would let tests pass whose code sends something else, or nothing.

Its key set has several keys, of which tokens name theirs.

It lies where it is told to, by `PUT /lies/<subject>`: the next identity tokens of that subject have other `claims`
(null takes one away), and are signed with another `key` than the `known` one: an `unknown` one, a `forged` one
(unknown, under the name of the known), the `public` key taken for a secret (HS256), or `none`.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
from typing import Any
from urllib.parse import parse_qs, urlsplit

import flask
import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from oidc_provider_mock import app as make_provider
from werkzeug.wrappers import Response

CLIENT = ("dms", "secret")
_KNOWN = RSAKey.generate_key(2048, {"kid": "known"})
_UNKNOWN = RSAKey.generate_key(2048, {"kid": "unknown"})
_ENDPOINT = "oidc-provider-mock."


def strict_provider() -> flask.Flask:
    """Return the application."""
    app = make_provider(require_nonce=True)
    challenges: dict[str, str] = {}
    lies: dict[str, dict[str, Any]] = {}

    @app.put("/lies/<subject>")
    def lie(subject: str) -> Response:
        lies[subject] = flask.request.get_json()
        return flask.Response(status=204)

    @app.before_request
    def check() -> Response | None:
        if flask.request.endpoint == f"{_ENDPOINT}authorize":
            return _unless_begun_well()
        if flask.request.endpoint == f"{_ENDPOINT}issue_token":
            return _unless_ended_well(challenges)
        return None

    @app.after_request
    def answer(response: flask.Response) -> flask.Response:
        if flask.request.endpoint == f"{_ENDPOINT}authorize" and response.location:
            for code in parse_qs(urlsplit(response.location).query).get("code", []):
                challenges[code] = flask.request.args["code_challenge"]
        if flask.request.endpoint == f"{_ENDPOINT}jwks":
            keys = [*response.get_json()["keys"], _KNOWN.as_dict(private=False)]
            return flask.jsonify(keys=keys)
        if flask.request.endpoint == f"{_ENDPOINT}issue_token" and response.status_code == 200:
            return _told(response, lies)
        return response

    return app


def _unless_begun_well() -> Response | None:
    asked = flask.request.args
    if asked.get("code_challenge_method") != "S256" or len(asked.get("code_challenge", "")) != 43:
        return flask.Response("a challenge by S256 is required", status=400)
    return None


def _unless_ended_well(challenges: dict[str, str]) -> Response | None:
    given, client = flask.request.form, flask.request.authorization
    if client is None or (client.username, client.password) != CLIENT:
        return _refusal("invalid_client", 401)
    verifier = given.get("code_verifier", "")
    digest = hashlib.sha256(verifier.encode()).digest()
    if not 43 <= len(verifier) <= 128 or challenges.pop(given["code"], "") != _text(digest):
        return _refusal("invalid_grant", 400)
    return None


def _refusal(error: str, status: int) -> Response:
    refusal = flask.jsonify(error=error)
    refusal.status_code = status
    return refusal


def _told(response: flask.Response, lies: dict[str, dict[str, Any]]) -> flask.Response:
    """Return an answer of the token endpoint with the identity token that is told to this subject."""
    tokens = response.get_json()
    payload = tokens["id_token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    lie = lies.get(claims["sub"], {})
    claims |= lie.get("claims", {})
    said = {name: value for name, value in claims.items() if value is not None}
    return flask.jsonify({**tokens, "id_token": _signed(said, lie.get("key", "known"))})


def _signed(claims: dict[str, Any], key: str) -> str:
    if key in {"known", "unknown", "forged"}:
        name = "unknown" if key == "unknown" else "known"
        signing = _KNOWN if key == "known" else _UNKNOWN
        return jwt.encode({"alg": "RS256", "kid": name}, claims, signing)
    header = {"alg": "none" if key == "none" else "HS256", "kid": "known", "typ": "JWT"}
    message = ".".join(_text(json.dumps(part).encode()) for part in (header, claims))
    if key == "none":
        return f"{message}."
    secret = _KNOWN.as_pem(private=False)
    return f"{message}.{_text(hmac.digest(secret, message.encode(), hashlib.sha256))}"


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


if __name__ == "__main__":
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    uvicorn.run(
        strict_provider(),
        interface="wsgi",
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_config=None,
    )
