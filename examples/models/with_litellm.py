"""litellm: its functions in traced ones; a stream that is read to its end or left; retries."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import litellm

import spans

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

TAKEN: Any = {
    "model": "gen_ai.request.model",
    "messages": "gen_ai.input.messages",
    "temperature": "gen_ai.request.temperature",
    "max_tokens": "gen_ai.request.max_tokens",
}


def usage_of(name: str) -> Any:
    """A function that finds a count in a response."""
    return lambda response: response.usage[name]


@spans.chat.traced(
    kind="client",
    capture_args=TAKEN,
    capture_return={
        "gen_ai.output.messages": lambda r: [c.message.model_dump() for c in r.choices],
        "gen_ai.response.model": lambda r: r.model,
        "gen_ai.response.id": lambda r: r.id,
        "gen_ai.response.finish_reasons": lambda r: [c.finish_reason for c in r.choices],
        "gen_ai.usage.input_tokens": usage_of("prompt_tokens"),
        "gen_ai.usage.output_tokens": usage_of("completion_tokens"),
    },
    expected="litellm.RateLimitError",  # it is called again: no failure
)
async def completion(
    model: str,
    messages: list[Any],
    temperature: float | None = None,
    max_tokens: int | None = None,
    **options: Any,
) -> Any:
    """Call a model."""
    return await litellm.acompletion(
        model, messages, temperature=temperature, max_tokens=max_tokens, **options
    )


def joined(texts: Sequence[str]) -> Any:
    return [{"role": "assistant", "content": "".join(texts)}]


@spans.chat.traced(
    kind="client",
    capture_args={"model": TAKEN["model"], "messages": TAKEN["messages"]},
    capture_return={"gen_ai.output.messages": joined},
)
async def stream(model: str, messages: list[Any], **options: Any) -> AsyncIterator[str]:
    """The texts of an answer, as they come."""
    response: Any = await litellm.acompletion(model, messages, stream=True, **options)
    async for chunk in response:
        yield chunk.choices[0].delta.content or ""


async def run(question: str) -> str:
    """Answer a question: once the service is busy."""
    messages = [{"role": "user", "content": question}]
    with spans.invoke_agent(agent="geographer", messages=messages):
        answers: list[Any] = ["litellm.RateLimitError", "It rains."]
        for answer in answers:
            try:
                first = await completion(
                    model="gpt-4o-mini", messages=messages, mock_response=answer, max_retries=0
                )
            except litellm.RateLimitError:
                continue
            messages += [first.choices[0].message.model_dump()]
        texts = stream("gpt-4o-mini", messages, mock_response="It rains in Oslo, as it often does.")
        return "".join([text async for text in texts])


if __name__ == "__main__":
    print(asyncio.run(run("How is Oslo?")))
