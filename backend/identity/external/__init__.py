"""Users whom somebody else vouches for: an OpenID provider, or a directory.

Such an identity is known by the issuer and the issuer's own name for the user, never by an e-mail address, which passes
from one person to another. Who is not known yet is made a user where the settings allow for it; who has an account
here links it after having signed in to it. Which of the groups named in the settings a user is in, follows the issuer
at each sign-in; other groups are left alone.
"""
