"""An agent: streamed answers, tools that run side by side, one that fails, and a retry.

All attributes are those of the catalogue; none is named here by hand.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from enterspan import tracing

import spans
from fake import Chunk, Message, Model, RateLimitError, ToolCall

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence


def text_of(chunks: Sequence[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


def message_of(chunks: Sequence[Chunk]) -> list[Message]:
    """The message that some chunks make."""
    message: Message = {"role": "assistant", "content": text_of(chunks)}
    calls = [call for chunk in chunks for call in chunk.tool_calls]
    if calls:
        message["tool_calls"] = calls
    return [message]


@spans.chat.traced(
    kind="client",
    capture_args={"model": "gen_ai.request.model", "messages": "gen_ai.input.messages"},
    capture_return={
        "gen_ai.output.messages": message_of,
        "gen_ai.response.finish_reasons": lambda chunks: [chunks[-1].finish_reason],
        "gen_ai.usage.input_tokens": lambda chunks: chunks[-1].input_tokens,
        "gen_ai.usage.output_tokens": lambda chunks: chunks[-1].output_tokens,
    },
    expected="fake.RateLimitError",  # it is called again: no failure
)
async def chat(model: str, messages: list[Message], service: Model) -> AsyncIterator[Chunk]:
    async for chunk in service.stream(messages):
        yield chunk


async def answer(messages: list[Message], service: Model, retries: int = 2) -> list[Chunk]:
    """Call the model, again if it is busy."""
    for left in reversed(range(retries + 1)):
        try:
            return [chunk async for chunk in chat(service.name, messages, service)]
        except RateLimitError:
            if not left:
                raise
            tracing.log("info", "the model is busy: again")
    raise AssertionError


async def call(tool: ToolCall) -> Message:
    """Call a tool; a failure is the model's to deal with."""
    try:
        with spans.execute_tool(tool=tool.name, call_id=tool.id, arguments=tool.arguments) as span:
            result = await TOOLS[tool.name](**tool.arguments)
            span.set_attribute("gen_ai.tool.call.result", result)
    except LookupError as error:
        result = f"no {tool.name} ({error.args[0]})"
    return {"role": "tool", "tool_call_id": tool.id, "content": result}


async def weather(city: str) -> str:
    await asyncio.sleep(0.01)
    return f"rain in {city}"


async def population(city: str) -> str:
    await asyncio.sleep(0.01)
    raise LookupError(f"{city} is not in the census")


TOOLS = {"weather": weather, "population": population}


async def run(question: str, service: Model) -> str:
    """Answer a question."""
    asked: list[Message] = [{"role": "user", "content": question}]
    messages = [*asked]
    with spans.invoke_agent(agent="geographer", messages=asked) as span:
        for turn in range(1, 5):
            with spans.turn(agent="geographer", turn=turn):
                chunks = await answer(messages, service)
                messages += message_of(chunks)
                calls = [call for chunk in chunks for call in chunk.tool_calls]
                if not calls:
                    break
                messages += await asyncio.gather(*map(call, calls))
        span.set_attribute("gen_ai.output.messages", messages[-1:])
    return str(messages[-1]["content"])


def main() -> None:
    print(asyncio.run(run("How is Oslo?", Model(busy=1))))


if __name__ == "__main__":
    import sys

    from enterspan import Limits
    from enterspan.exporters.otlp import OTLPExporter

    from openinference import OpenInference

    PROMPTS = ["gen_ai.input.messages", "gen_ai.output.messages"]
    tracing.configure(limits=Limits(value_bytes_of=dict.fromkeys(PROMPTS, 1_000_000)))
    if len(sys.argv) > 1:
        tracing.add_exporter(OpenInference(OTLPExporter(sys.argv[1], protocol="http/protobuf")))
    main()
