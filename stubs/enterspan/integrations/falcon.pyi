# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Falcon: the routes of requests, for the middleware around the application."""

from typing import Any

__all__ = ["RouteMiddleware"]

class RouteMiddleware:
    """A Falcon middleware that reports the route of a request to the ASGI or WSGI middleware.

    Falcon only passes it to its own middlewares:
    `app = TracingMiddleware(falcon.asgi.App(middleware=[RouteMiddleware()]))`.
    """

    def process_resource(self, req: Any, *_: object) -> None:
        """Report the route of a request over WSGI."""

    async def process_resource_async(self, req: Any, *_: object) -> None:
        """Report the route of a request over ASGI."""

    async def process_resource_ws(self, req: Any, *_: object) -> None:
        """Report the route of a web socket."""
