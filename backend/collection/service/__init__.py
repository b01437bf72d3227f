"""Collecting, telling what a collection would do, and holding it off."""

from backend.collection.service.collecting import Collection, collect, sweep_temporary
from backend.collection.service.pinning import (
    hold_off_pins,
    live_pins,
    lock_out_collections,
    pin_store,
    release_pin,
    renew_pin,
)
from backend.collection.service.surveying import Survey, Total, survey

__all__ = [
    "Collection",
    "Survey",
    "Total",
    "collect",
    "hold_off_pins",
    "live_pins",
    "lock_out_collections",
    "pin_store",
    "release_pin",
    "renew_pin",
    "survey",
    "sweep_temporary",
]
