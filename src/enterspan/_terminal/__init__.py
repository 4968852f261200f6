"""Text for terminals: what is safe to print, what fits, glyphs and colours."""
