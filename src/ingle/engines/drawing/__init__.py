"""What engines that draw have in common; an engine brings a `Painter`."""
