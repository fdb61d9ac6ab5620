"""Commands of quantising."""
