"""Signing in by an OpenID provider: authorisation code flow with PKCE (OpenID Connect Core 1.0, RFC 7636, RFC 9700).

What holds the two halves of a sign-in together (state, nonce, verifier) is in a signed cookie of the browser that began
it, is good once, and for a few minutes. The provider answers for the second factor too.
"""
