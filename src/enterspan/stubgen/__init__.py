"""Type stubs of a package, rendered from its annotated source."""
# internal: the command is what is public
