# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Delivery: live tails and batches of finished spans, on threads of their own."""
