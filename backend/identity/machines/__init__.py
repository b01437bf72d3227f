"""Service accounts: users that are programs. They have API keys and neither password nor sign-in page.

A program sends its key as it is, or exchanges it for a short-lived access token by the client credentials grant of
OAuth 2 (RFC 6749, 4.4): the account is the client, the key its secret. Revoking the key ends its tokens at once.
"""
