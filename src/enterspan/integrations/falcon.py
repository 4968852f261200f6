"""Falcon: the routes of requests, for the middleware around the application."""

from __future__ import annotations

from typing import Any

from enterspan.integrations._http import ROUTE

__all__ = ["RouteMiddleware"]


class RouteMiddleware:
    """A Falcon middleware that reports the route of a request to the ASGI or WSGI middleware.

    Falcon only passes it to its own middlewares:
    `app = TracingMiddleware(falcon.asgi.App(middleware=[RouteMiddleware()]))`.
    """

    def process_resource(self, req: Any, *_: object) -> None:
        """Report the route of a request over WSGI."""
        if req.uri_template:
            req.env[ROUTE] = req.uri_template

    async def process_resource_async(self, req: Any, *_: object) -> None:
        """Report the route of a request over ASGI."""
        if req.uri_template:
            req.scope[ROUTE] = req.uri_template

    async def process_resource_ws(self, req: Any, *_: object) -> None:
        """Report the route of a web socket."""
        await self.process_resource_async(req)
