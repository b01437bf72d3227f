"""SQL of access. Used by `service` alone.

Folders and documents stand above access in the layers, so their tables are named here by their columns alone.
"""
