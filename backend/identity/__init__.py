"""Organisations, users, sessions: who is asking."""
