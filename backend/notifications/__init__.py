"""Telling people at once: events over WebSocket."""
