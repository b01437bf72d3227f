"""Signing in by a directory: search for the person, then bind as the person (RFC 4511, 4.2).

The password is the directory's to know and never kept here. The connection is encrypted, by LDAPS or by StartTLS, and
the directory's certificate is checked; only on the loopback interface may it be plain.
"""
