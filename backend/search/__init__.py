"""Search: documents found by their words, under permissions.

A *term* is what must match: a word, or words next to each other. A *lexeme* is a word as the index holds it: folded,
and stemmed in the text's language. The *searched row* is one document as it is searched. *Keys* are what
an actor may read.
"""
