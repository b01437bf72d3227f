"""The audit trail: what was done that must be provable later. It knows no other domain; whoever acts records.

An *event* is recorded in the transaction of its deed. Within a second a *seal* gives it the next number of its
organisation's chain and a hash over itself and all before it; until then it is in the *tail*. A *checkpoint* is a
signed statement of how the chain stood; an *anchor* is one before which the trail was cut (ADR 13).
"""
