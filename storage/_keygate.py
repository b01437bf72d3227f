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
    """What a blob was sealed under, and how it comes under the newest key of its namespace.

    Without ``key``, the blob is a copy: its slots tell.
    """

    def __init__(
        self,
        keyring: Keyring,
        namespace: str,
        key: StorageKey | None,
        *,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._keyring = keyring
        self._namespace = namespace
        self._key = key
        self._random = random

    @contextmanager
    def open(self) -> Iterator[PlanSlots | None]:
        """While the block runs, no newer key comes; it yields how to change the blob's slots.

        ``None`` if they need no change. Raises ``WrongKeyError`` if this process does not hold
        the newest key, and what reading the keyring raises.
        """
        with self._keyring.newest_held(self._namespace) as newest:
            if self._key is not None and newest.key_id == self._key.key_id:
                yield None
            else:
                yield partial(
                    plan_rekey,
                    namespace=self._namespace,
                    newest=newest,
                    find_key=self._find,
                    random=self._random,
                )

    def _find(self, key_id: bytes) -> StorageKey | None:
        """The key it was sealed under may be retired by now: here it is still known."""
        if self._key is not None and key_id == self._key.key_id:
            return self._key
        return self._keyring.find(key_id)
