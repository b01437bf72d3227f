"""Rekeying: everything an organisation has stored is brought under its newest storage key, beside who reads and writes.

Which key is the newest, and who may no longer give names under an older one, is the keyring's business (`storage`).
"""
