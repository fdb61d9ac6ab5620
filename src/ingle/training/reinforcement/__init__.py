"""Learning from rewards: answers are sampled, judged, and the better ones made likelier."""
