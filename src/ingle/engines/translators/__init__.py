"""What all engines that translate share: the session, and chat models as translators."""
