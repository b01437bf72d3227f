"""The gate that every new blob passes to its name: behind it there are only newest storage keys.

Writing a blob may take hours, and its namespace may get a newer key meanwhile. Whoever rekeys a
namespace goes through the names there are, and then retires the older keys; so no name may appear
under an older one after that began.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from storage._backend import PlanSlots
from storage._keyring import Keyring, StorageKey
from storage._slots import plan_rekey


class KeyGate:
    """What a blob was sealed under, and how it comes under the newest key of its namespace."""

    def __init__(
        self, keyring: Keyring, key: StorageKey, *, random: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._keyring = keyring
        self._key = key
        self._random = random

    @contextmanager
    def open(self) -> Iterator[PlanSlots | None]:
        """While the block runs, no newer key comes; it yields how to change the blob's slots.

        ``None`` if they need no change. Raises ``WrongKeyError`` if this process does not hold
        the newest key, and what reading the keyring raises.
        """
        with self._keyring.newest_held(self._key.namespace) as newest:
            if newest.key_id == self._key.key_id:
                yield None
            else:
                # The key it was sealed under may be retired by now: here it is still known.
                known = {key.key_id: key for key in (self._key, newest)}
                yield partial(
                    plan_rekey,
                    namespace=newest.namespace,
                    newest=newest,
                    find_key=known.get,
                    random=self._random,
                )
