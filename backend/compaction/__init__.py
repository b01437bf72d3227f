"""Compaction: *cold* content, stored long ago, is compressed again at a high level, where that saves something.

Digests stay as they are, and whoever reads meanwhile reads on.
"""
