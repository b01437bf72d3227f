"""Invitations: how people who have no account yet, or one in another organisation, come to join."""
