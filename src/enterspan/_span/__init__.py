"""The lifecycle of spans and invocations, and the contract of its processors."""
