"""The audit trail as auditors and administrators see it: searched, filtered, exported, with the names of people."""
