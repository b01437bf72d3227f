"""Verification: whether the store still has what the database refers to, and has it whole.

Vocabulary. A *check* goes through every organisation, and there through the rows of `blobs` and the entries of the
store side by side, both in the order of digests; its *cursor* says how far it has come. A *quick* check opens each
blob (header, trailer, index), a *full* one reads every byte. A *sample* is the part of the blobs that is opened; which
of them exist is always compared for all. A *fault* is what is wrong with one blob; faults that make content
unreadable are *damage*, they stay open until a later check, or a *repair* from a good copy, shows that they are gone.
The *scrub* is the check that never ends: in small slices, so that every byte is read once in `DMS_SCRUB_DAYS`.
"""
