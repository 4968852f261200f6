# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The lifecycle of spans and invocations, and the contract of its processors."""
