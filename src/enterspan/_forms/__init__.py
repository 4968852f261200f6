"""What users write: callbacks, decorators, entry points, propagation."""
