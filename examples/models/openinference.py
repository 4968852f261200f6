"""OpenInference's names beside those of OpenTelemetry, for Phoenix and others who read them.

`tracing.add_exporter(OpenInference(OTLPExporter()))`: what was recorded under the names of the
catalogue is exported under both. It is done by the exporter's thread, when a span has ended.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from enterspan import Exporter, SpanData

KINDS: Final = {
    "chat": "LLM",
    "text_completion": "LLM",
    "generate_content": "LLM",
    "embeddings": "EMBEDDING",
    "execute_tool": "TOOL",
    "invoke_agent": "AGENT",
    "create_agent": "AGENT",
}
"""Operations, and the kinds of spans that OpenInference has for them; others are a CHAIN."""
NAMES: Final = {
    "gen_ai.provider.name": "llm.provider",
    "gen_ai.conversation.id": "session.id",
    "gen_ai.agent.name": "agent.name",
    "gen_ai.tool.name": "tool.name",
    "gen_ai.tool.description": "tool.description",
    "gen_ai.tool.call.id": "tool_call.id",
    "gen_ai.usage.input_tokens": "llm.token_count.prompt",
    "gen_ai.usage.output_tokens": "llm.token_count.completion",
}
"""Attributes that have another name, and the same value."""
INPUTS: Final = ("gen_ai.input.messages", "gen_ai.tool.call.arguments")
OUTPUTS: Final = ("gen_ai.output.messages", "gen_ai.tool.call.result")
JSON: Final = "application/json"


class OpenInference:
    """An exporter that gives another one each span with OpenInference's attributes too."""

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[SpanData]) -> None:
        """Export a batch."""
        self._exporter.export([named(span) for span in spans])

    def shutdown(self) -> None:
        """Shut the exporter down."""
        self._exporter.shutdown()


def named(span: SpanData) -> SpanData:
    """The same span, with the attributes that OpenInference has for what it says."""
    given = span.attributes
    operation = given.get("gen_ai.operation.name")
    more: dict[str, Any] = {"openinference.span.kind": KINDS.get(str(operation), "CHAIN")}
    more |= {NAMES[name]: value for name, value in given.items() if name in NAMES}
    model = given.get("gen_ai.response.model") or given.get("gen_ai.request.model")
    if model is not None:
        more["embedding.model_name" if operation == "embeddings" else "llm.model_name"] = model
    counts = [value for name, value in more.items() if name.startswith("llm.token_count.")]
    if counts:
        more["llm.token_count.total"] = sum(counts)
    more |= values("input", INPUTS, given)
    more |= values("output", OUTPUTS, given)
    if more["openinference.span.kind"] == "LLM":
        more |= dict(messages("llm.input_messages", given.get(INPUTS[0])))
        more |= dict(messages("llm.output_messages", given.get(OUTPUTS[0])))
    return replace(span, attributes={**given, **more})


def values(what: str, names: tuple[str, ...], given: Mapping[str, Any]) -> dict[str, Any]:
    """`input.value` or `output.value`, and what kind of text it is."""
    for name in names:
        if name in given:
            value = given[name]
            text = value if isinstance(value, str) else json.dumps(value)
            is_json = not isinstance(value, str) or value[:1] in ("{", "[")
            return {f"{what}.value": text, f"{what}.mime_type": JSON if is_json else "text/plain"}
    return {}


def is_a(kind: type, value: Any) -> bool:
    """Whether a value of JSON is of a kind."""
    return isinstance(value, kind)


def messages(prefix: str, value: object) -> Iterator[tuple[str, Any]]:
    """The messages of a call, each an attribute for itself."""
    try:
        found: Any = json.loads(str(value))
    except ValueError:
        return
    for at, message in enumerate(found if is_a(list, found) else []):
        if not is_a(dict, message):
            continue
        own = f"{prefix}.{at}.message"
        yield f"{own}.role", str(message.get("role", ""))
        content = message.get("content", message.get("parts"))
        if content:
            yield f"{own}.content", content if isinstance(content, str) else json.dumps(content)
        if "tool_call_id" in message:
            yield f"{own}.tool_call_id", str(message["tool_call_id"])
        for number, call in enumerate(message.get("tool_calls") or []):
            function = call.get("function", call)
            one = f"{own}.tool_calls.{number}.tool_call"
            yield f"{one}.id", str(call.get("id", ""))
            yield f"{one}.function.name", str(function.get("name", ""))
            arguments = function.get("arguments", function.get("args", {}))
            yield (
                f"{one}.function.arguments",
                arguments if isinstance(arguments, str) else json.dumps(arguments),
            )
