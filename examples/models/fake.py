"""A model that needs no network: it asks for tools, and then answers from what they gave."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Message: TypeAlias = "dict[str, object]"


class RateLimitError(Exception):
    """The service is busy: call it again."""


class OverloadedError(Exception):
    """The service has given up."""


@dataclass
class ToolCall:
    """What the model wants to have called."""

    id: str
    name: str
    arguments: dict[str, str]


@dataclass
class Chunk:
    """A part of an answer; the last one says what it has cost."""

    text: str = ""
    tool_calls: list[ToolCall] = field(default_factory=list[ToolCall])
    finish_reason: str = ""
    input_tokens: int = 0
    output_tokens: int = 0


class Model:
    """A fake chat model that is busy a number of times."""

    def __init__(self, name: str = "fake-1", busy: int = 0, delay: float = 0.0) -> None:
        self.name = name
        self.busy = busy
        self.delay = delay

    async def stream(self, messages: list[Message]) -> AsyncIterator[Chunk]:
        """Answer, piece by piece."""
        await asyncio.sleep(self.delay)
        if self.busy:
            self.busy -= 1
            raise RateLimitError("429: try again")
        seen = sum(len(str(message.get("content", "")).split()) for message in messages)
        results = [str(message["content"]) for message in messages if message["role"] == "tool"]
        if not results:
            calls = [
                ToolCall("call_1", "weather", {"city": "Oslo"}),
                ToolCall("call_2", "population", {"city": "Oslo"}),
            ]
            yield Chunk(tool_calls=calls)
            yield Chunk(finish_reason="tool_calls", input_tokens=seen, output_tokens=12)
            return
        words = f"In Oslo: {', '.join(results)}.".split(" ")
        for at, word in enumerate(words):
            await asyncio.sleep(self.delay)
            yield Chunk(word if at == 0 else f" {word}")
        yield Chunk(finish_reason="stop", input_tokens=seen, output_tokens=len(words))
