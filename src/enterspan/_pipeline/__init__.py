"""Delivery: live tails and batches of finished spans, on threads of their own."""
