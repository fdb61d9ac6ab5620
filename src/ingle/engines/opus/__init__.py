"""The engine opus: OPUS and other Marian models, by CTranslate2."""
