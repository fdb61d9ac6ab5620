"""What the engines that speak have in common; in their workers only."""
