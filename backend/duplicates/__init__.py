"""Documents with nearly the same text.

A text's *shingles* are its runs of three words. The *similarity* of two texts is the share of their shingles that is in
both (Jaccard). A *signature* stands for a text: MinHash values in *bands*, such that texts that are alike very likely
have a band in common; those that do are compared exactly, and kept as a *pair* where they are nearly the same. Texts
that pairs connect form a *cluster*. Texts are compared by a worker (`worker/tasks/duplicates.py`), which a trigger
tells what is due (docs/adr/0018-near-duplicates.md).
"""
