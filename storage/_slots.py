"""Key slots: how a blob's data key is wrapped, opened, and moved to a newer storage key.

Pure functions over headers. Where a header lies, and how its bytes are changed without a reader
noticing, is the business of whoever holds the blob.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest

from cryptography.exceptions import InvalidTag

from storage._errors import BlobDamagedError, WrongKeyError
from storage._format import (
    EMPTY_SLOT,
    FIXED_SIZE,
    NONCE_SIZE,
    SLOT_NAMES,
    SLOT_SIZE,
    TAG_SIZE,
    Header,
    KeySlot,
    parse_header,
)
from storage._keyring import StorageKey

FindKey = Callable[[bytes], StorageKey | None]
Random = Callable[[int], bytes]


def wrap(data_key: bytes, fixed: bytes, key: StorageKey, random: Random) -> KeySlot:
    """A slot that holds the data key of the blob with this fixed part, under a storage key."""
    nonce = random(NONCE_SIZE)
    wrapped = key.cipher.encrypt(nonce, data_key, fixed)
    return KeySlot(key.key_id, nonce, wrapped[-TAG_SIZE:], wrapped[:-TAG_SIZE])


def open_data_key(header: Header, namespace: str, find_key: FindKey) -> bytes:
    """The blob's data key, through the first slot that opens.

    Raises ``BlobDamagedError`` if a slot of a known key fails its seal, else ``WrongKeyError``.
    """
    return _first_that_opens(header, namespace, find_key)[1]


def check_slots(header: Header, namespace: str, find_key: FindKey) -> None:
    """Check both key slots, also the one that opening does not need.

    A rotation cut short leaves a slot that does not open; reading works through the other.
    """
    data_key = open_data_key(header, namespace, find_key)
    for name, slot in zip(SLOT_NAMES, header.slots, strict=True):
        if slot is None:
            continue
        try:
            key = _open_slot(name, slot, header, namespace, find_key)
        except WrongKeyError as error:
            raise BlobDamagedError(name, "its key is unknown") from error
        if not compare_digest(key, data_key) or any(slot.reserved):
            raise BlobDamagedError(name, "it is not as it was written")


@dataclass(frozen=True, slots=True)
class SlotChange:
    """Slot ``number`` (0 or 1) is to hold ``slot``, durably; only then is the other emptied.

    Without ``slot`` it holds what it should already.
    """

    number: int
    slot: bytes | None


def apply_change(header: bytes, change: SlotChange) -> bytes:
    """The header as it is after a change."""
    start = FIXED_SIZE + change.number * SLOT_SIZE
    slots = [EMPTY_SLOT, EMPTY_SLOT]
    slots[change.number] = change.slot or header[start : start + SLOT_SIZE]
    return header[:FIXED_SIZE] + slots[0] + slots[1]


def plan_rekey(
    data: bytes, *, namespace: str, newest: StorageKey, find_key: FindKey, random: Random
) -> SlotChange | None:
    """How to bring a header under the newest storage key alone; ``None`` if it is.

    Raises like ``open_data_key``.
    """
    header = parse_header(data)
    number, data_key = _first_that_opens(header, namespace, find_key)
    for candidate in (number, 1 - number):
        if _holds(header, candidate, newest, data_key):
            done = header.slots[1 - candidate] is None
            return None if done else SlotChange(candidate, None)
    return SlotChange(1 - number, wrap(data_key, header.fixed, newest, random).pack())


def _holds(header: Header, number: int, key: StorageKey, data_key: bytes) -> bool:
    slot = header.slots[number]
    if slot is None or slot.key_id != key.key_id or any(slot.reserved):
        return False
    try:
        return compare_digest(_unwrap(slot, header, key), data_key)
    except InvalidTag:
        return False


def _first_that_opens(header: Header, namespace: str, find_key: FindKey) -> tuple[int, bytes]:
    failures: list[BlobDamagedError | WrongKeyError] = []
    for number, (name, slot) in enumerate(zip(SLOT_NAMES, header.slots, strict=True)):
        if slot is not None:
            try:
                return number, _open_slot(name, slot, header, namespace, find_key)
            except (BlobDamagedError, WrongKeyError) as error:
                failures.append(error)
    if not failures:
        raise BlobDamagedError("header", "both key slots are empty")
    raise next((error for error in failures if isinstance(error, BlobDamagedError)), failures[0])


def _open_slot(
    name: str, slot: KeySlot, header: Header, namespace: str, find_key: FindKey
) -> bytes:
    key = find_key(slot.key_id)
    if key is None or key.namespace != namespace:
        message = (
            f"the blob is sealed under storage key {slot.key_id.hex()}, "
            f"which the keyring does not hold for namespace {namespace!r}"
        )
        raise WrongKeyError(message)
    try:
        return _unwrap(slot, header, key)
    except InvalidTag as error:
        reason = "neither it nor the header's fixed part may change, and one did"
        raise BlobDamagedError(name, reason) from error


def _unwrap(slot: KeySlot, header: Header, key: StorageKey) -> bytes:
    return key.cipher.decrypt(slot.nonce, slot.wrapped + slot.tag, header.fixed)
