# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Tracing: which operations a program runs, how long they take, and which fail.

>>> from enterspan import traced, tracing
>>> from enterspan.testing import capture
>>> @traced
... def price(items: list[int]) -> int:
...     with tracing.span("add up", items=len(items)):
...         return sum(items)
>>> with capture() as trace:
...     price([1, 2, 3])
6
>>> print(trace.tree())
price
  add up

PYTEST_DONT_REWRITE: `enterspan run -m pytest` imports this package before pytest loads its plugin.
"""

from enterspan._model.ids import SpanContext as SpanContext
from enterspan._model.limits import AttributeValue as AttributeValue
from enterspan._model.limits import Limits as Limits
from enterspan._model.protocols import Exporter as Exporter
from enterspan._model.protocols import IdGenerator as IdGenerator
from enterspan._model.protocols import Sampler as Sampler
from enterspan._model.records import SpanData as SpanData
from enterspan._model.records import SpanEvent as SpanEvent
from enterspan._model.records import SpanLink as SpanLink
from enterspan._pipeline.subscription import Stats as Stats
from enterspan._pipeline.subscription import Subscription as Subscription
from enterspan._pipeline.tails import TailHandler as TailHandler
from enterspan._span.scope import SpanScope as SpanScope
from enterspan._span.scope import UseScope as UseScope
from enterspan._span.span import Span as Span
from enterspan._tracing import Invocation as Invocation
from enterspan._tracing import InvocationScope as InvocationScope
from enterspan._tracing import Tracing as Tracing
from enterspan._tracing import traced as traced
from enterspan._tracing import tracing as tracing
from enterspan._version import __version__ as __version__
from enterspan.events import AlarmEventInfo as AlarmEventInfo
from enterspan.events import Attribute as Attribute
from enterspan.events import Attributes as Attributes
from enterspan.events import ConnectEventInfo as ConnectEventInfo
from enterspan.events import CustomEventInfo as CustomEventInfo
from enterspan.events import DiagnosticChannel as DiagnosticChannel
from enterspan.events import DroppedEvents as DroppedEvents
from enterspan.events import EmailEventInfo as EmailEventInfo
from enterspan.events import Exception_ as Exception_
from enterspan.events import FetchEventInfo as FetchEventInfo
from enterspan.events import FetchResponseInfo as FetchResponseInfo
from enterspan.events import Log as Log
from enterspan.events import Onset as Onset
from enterspan.events import Outcome as Outcome
from enterspan.events import QueueEventInfo as QueueEventInfo
from enterspan.events import Return as Return
from enterspan.events import RpcEventInfo as RpcEventInfo
from enterspan.events import ScheduledEventInfo as ScheduledEventInfo
from enterspan.events import SpanClose as SpanClose
from enterspan.events import SpanOpen as SpanOpen
from enterspan.events import StreamDiagnostic as StreamDiagnostic
from enterspan.events import TailEvent as TailEvent
from enterspan.events import TailSpanContext as TailSpanContext
from enterspan.events import TestEventInfo as TestEventInfo
from enterspan.events import TraceEventInfo as TraceEventInfo
from enterspan.events import WebSocketEventInfo as WebSocketEventInfo
from enterspan.instrument.instrumentation import Instrumentation as Instrumentation

__all__ = [
    "AlarmEventInfo",
    "Attribute",
    "AttributeValue",
    "Attributes",
    "ConnectEventInfo",
    "CustomEventInfo",
    "DiagnosticChannel",
    "DroppedEvents",
    "EmailEventInfo",
    "Exception_",
    "Exporter",
    "FetchEventInfo",
    "FetchResponseInfo",
    "IdGenerator",
    "Instrumentation",
    "Invocation",
    "InvocationScope",
    "Limits",
    "Log",
    "Onset",
    "Outcome",
    "QueueEventInfo",
    "Return",
    "RpcEventInfo",
    "Sampler",
    "ScheduledEventInfo",
    "Span",
    "SpanClose",
    "SpanContext",
    "SpanData",
    "SpanEvent",
    "SpanLink",
    "SpanOpen",
    "SpanScope",
    "Stats",
    "StreamDiagnostic",
    "Subscription",
    "TailEvent",
    "TailHandler",
    "TailSpanContext",
    "TestEventInfo",
    "TraceEventInfo",
    "Tracing",
    "UseScope",
    "WebSocketEventInfo",
    "__version__",
    "traced",
    "tracing",
]
