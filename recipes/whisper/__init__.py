"""CTranslate2's Whisper models as files of whisper.cpp."""
