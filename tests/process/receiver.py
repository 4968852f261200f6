"""A receiver of OTLP over http and grpc: prints its ports, then the name of each span it gets."""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from enterspan.exporters._protobuf import decode_fields

_NESTED = (1, 2, 2)  # resourceSpans, scopeSpans, spans
_NAME = 5


def names_of(message, path=_NESTED):
    """The names of the spans of an ExportTraceServiceRequest."""
    if not path:
        yield from (value.decode() for number, value in decode_fields(message) if number == _NAME)
        return
    for number, value in decode_fields(message):
        if number == path[0]:
            yield from names_of(value, path[1:])


def say(protocol, message):
    """Print what has arrived."""
    for name in names_of(message):
        sys.stdout.write(f"{protocol} {name}\n")
    sys.stdout.flush()


class Handler(BaseHTTPRequestHandler):
    """Takes every request."""

    def do_POST(self):
        say("http", self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


def grpc_port():
    """Start a server of grpc, if it is installed."""
    try:
        import grpc
    except ImportError:
        return 0
    from concurrent.futures import ThreadPoolExecutor

    def export(message, context):
        say("grpc", message)
        return b""

    server = grpc.server(ThreadPoolExecutor(2))
    method = grpc.unary_unary_rpc_method_handler(export)
    service = "opentelemetry.proto.collector.trace.v1.TraceService"
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {"Export": method}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    _kept.append(server)
    return port


_kept: list[object] = []

if __name__ == "__main__":
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(http.server_port, grpc_port(), flush=True)
    http.serve_forever()
