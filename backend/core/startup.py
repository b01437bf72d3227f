"""A start that is refused ends with the reason alone: the person who reads it needs no traceback."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.core.encryption_key import EncryptionKeyError


class RefusalMiddleware:
    """Tells the server why the application does not start, in the words of the error (ASGI lifespan protocol).

    What is no refusal but a mistake passes with its traceback.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the application's life."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        failed: Message | None = None

        async def hold_failure(message: Message) -> None:
            nonlocal failed
            if message["type"] == "lifespan.startup.failed":
                failed = message
            else:
                await send(message)

        try:
            await self._app(scope, receive, hold_failure)
        except EncryptionKeyError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
        except BaseException:
            if failed is not None:
                await send(failed)
            raise
