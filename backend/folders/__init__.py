"""The tree of cabinets, drawers and folders."""
