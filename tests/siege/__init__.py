"""The standing siege: seeded attacks on every door, in the tests and, for hours, by hand."""
