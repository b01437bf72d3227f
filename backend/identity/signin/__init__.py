"""Signing in: from a first proof of who one is, over a second where one is asked for, to a session.

Every way in (password, passkey, a directory, an identity provider) ends here, so that each is throttled, recorded in
the trail and held to the organisation's policy alike.
"""
