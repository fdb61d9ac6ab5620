"""The command that draws."""
