"""Passkeys (W3C Web Authentication): keys that an authenticator keeps and uses for the pages of this service alone.

One signs a user in by itself where the authenticator made sure of the person (a fingerprint, a PIN): it then is both
factors in one. After a password any of the user's passkeys is the second factor. Attestation is not asked for: whoever
may use a passkey at all may use any.
"""
