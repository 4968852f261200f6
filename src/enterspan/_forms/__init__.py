"""The forms that users write: callbacks, decorators, entry points, propagation."""
