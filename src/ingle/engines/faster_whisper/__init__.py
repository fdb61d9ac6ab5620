"""The engine faster-whisper: Whisper models of CTranslate2."""
