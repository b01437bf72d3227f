"""Snapshot, restore, verify."""
