"""API keys: what a program sends in place of a person's access token.

A key is made once, shown once and kept as its digest. It acts for one user in one organisation, as long as that user
is active there, it has not expired and nobody has revoked it; all of this is asked at every request. Its scopes,
patterns of actions, narrow what the user may do and never widen it.
"""
