"""Falcon: the routes of its requests, for the middleware that is around the application."""

from __future__ import annotations

from typing import Any

from enterspan.integrations._http import ROUTE

__all__ = ["RouteMiddleware"]


class RouteMiddleware:
    """A middleware of Falcon's that tells the ASGI or WSGI middleware which route a request has.

    Falcon says so to its own middlewares only:
    `app = TracingMiddleware(falcon.asgi.App(middleware=[RouteMiddleware()]))`.
    """

    def process_resource(self, req: Any, *_: object) -> None:
        """Take note of the route of a request over WSGI."""
        if req.uri_template:
            req.env[ROUTE] = req.uri_template

    async def process_resource_async(self, req: Any, *_: object) -> None:
        """Take note of the route of a request over ASGI."""
        if req.uri_template:
            req.scope[ROUTE] = req.uri_template
