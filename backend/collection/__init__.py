"""Freeing what nobody refers to any more (docs/adr/0010-collection.md says why that loses nothing).

A blob is *unreferenced* when no version and no preview refers to its row; it is *marked* with the time a collection
found that. Bytes in the store that have no row are *orphans*; they are *adopted*: given a row, marked. What has been
marked for the *grace* period is *collected*: bytes and row go, and an audit event stays. A *pin* holds collection off
for a while.
"""
