"""The second factor: one-time codes of an authenticator app (TOTP, RFC 6238), and recovery codes for when it is lost.

An authenticator counts once its owner has confirmed it with a code. Each code is good once. Recovery codes are shown
once, ten at a time, and kept as digests; each is good once. A factor belongs to the user, in whichever organisation.
"""
