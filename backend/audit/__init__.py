"""The audit trail: what was done that must be provable later. It knows no other domain; whoever acts records."""
