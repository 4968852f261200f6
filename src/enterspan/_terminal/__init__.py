"""Text for terminals: escaping, width, glyphs and colours."""
