# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Falcon: the routes of its requests, for the middleware that is around the application."""

from typing import Any

__all__ = ["RouteMiddleware"]

class RouteMiddleware:
    """A middleware of Falcon's that tells the ASGI or WSGI middleware which route a request has.

    Falcon says so to its own middlewares only:
    `app = TracingMiddleware(falcon.asgi.App(middleware=[RouteMiddleware()]))`.
    """

    def process_resource(self, req: Any, *_: object) -> None:
        """Take note of the route of a request over WSGI."""

    async def process_resource_async(self, req: Any, *_: object) -> None:
        """Take note of the route of a request over ASGI."""
