"""Previews: the pages of versions as pictures, kept in the store beside the content they show."""
