"""Messages that a worker has taken stay its own for as long as it lives, and no longer.

What a worker has not acknowledged goes to others after the broker's visibility timeout. That would have to be longer
than the longest task, and than the longest wait before another try: what a killed worker held would come back after
hours. So the timeout is short, and the worker says every few seconds that it still has its messages. Its main process
does, which runs no task and is never busy.
"""

import time
from typing import Any

import structlog
from celery import bootsteps
from kombu.transport.redis import Channel, QoS
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)


class RenewedQoS(QoS):
    """What a channel was handed."""

    def renew(self) -> None:
        """Say that what is not acknowledged is still being worked on."""
        acknowledged = self._dirty or set()
        held = {tag: time.time() for tag in self._delivered or () if tag not in acknowledged}
        channel: Any = self.channel
        if held:
            with channel.conn_or_acquire() as client:
                # What was acknowledged in this instant stays so.
                client.zadd(self.unacked_index_key, held, xx=True)


class Renewal(bootsteps.StartStopStep):
    """The part of a worker that renews what it has taken."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, parent: Any) -> None:
        """Renew from now on."""
        silence = parent.app.conf.broker_transport_options["visibility_timeout"]
        parent.timer.call_repeatedly(silence / 4, self._renew, (parent,))

    def _renew(self, consumer: Any) -> None:
        try:
            consumer.task_consumer.channel.qos.renew()
        except (RedisError, OSError, AttributeError) as error:
            # Between two connections there is no channel; the next one begins anew.
            log.warning("messages_not_renewed", error=type(error).__name__)


def use_renewal() -> None:
    """Have the channels of this process renew."""
    Channel.QoS = RenewedQoS
