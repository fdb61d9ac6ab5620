"""Tesseract's codes of languages: three letters of ISO 639-2, for those of two (ISO 639-1)."""

from __future__ import annotations

from collections.abc import Sequence

_PAIRS = """
af afr  ar ara  az aze  be bel  bg bul  bn ben  ca cat  cs ces  cy cym  da dan  de deu  el ell
en eng  eo epo  es spa  et est  eu eus  fa fas  fi fin  fr fra  ga gle  gl glg  gu guj  he heb
hi hin  hr hrv  hu hun  hy hye  id ind  is isl  it ita  ja jpn  ka kat  kk kaz  km khm  kn kan
ko kor  la lat  lt lit  lv lav  mk mkd  ml mal  mr mar  ms msa  my mya  nb nor  ne nep  nl nld
nn nor  no nor  pa pan  pl pol  pt por  ro ron  ru rus  sk slk  sl slv  sq sqi  sr srp  sv swe
sw swa  ta tam  te tel  th tha  tr tur  uk ukr  ur urd  vi vie  zh chi_sim
"""
_WORDS = _PAIRS.split()
_CODES = dict(zip(_WORDS[::2], _WORDS[1::2], strict=True))


def three_letters(code: str, there: Sequence[str]) -> str:
    """A language as Tesseract calls it; as it was given where that is unknown, or is there."""
    if code in there:
        return code
    return _CODES.get(code.lower().partition("-")[0], code)
