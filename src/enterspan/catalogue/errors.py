"""The error of the catalogue."""

from enterspan._model.toml import TomlError


class CatalogueError(TomlError):
    """A catalogue is invalid; the text is one line, with the file and the line if known."""
