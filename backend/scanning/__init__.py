"""Scanning: what is stored is given to the virus scanner again, and what it finds is quarantined.

Vocabulary. A *run* (`dms scan`) goes through the content of every organisation once; it may be interrupted and
resumed. The *rescan* is what the schedule does in slices, and never ends. What is found is *held* in quarantine: nobody
reads it, through whatever version refers to it. An administrator *releases* it, which is remembered as an exception for
this content and this signature, or *deletes* it. docs/adr/0019-scanning.md.
"""
