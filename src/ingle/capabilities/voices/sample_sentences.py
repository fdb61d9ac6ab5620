"""A sentence in each of the well-known languages, to hear a voice by."""

from __future__ import annotations

_SENTENCES = {
    "ar": "صباح الخير، كيف حالك اليوم؟",
    "bg": "Добро утро, как сте днес?",
    "ca": "Bon dia, com esteu avui?",
    "cmn": "早上好，你今天好吗？",
    "cs": "Dobré ráno, jak se dnes máte?",
    "cy": "Bore da, sut ydych chi heddiw?",
    "da": "Godmorgen, hvordan har du det i dag?",
    "de": "Guten Morgen, wie geht es Ihnen heute?",
    "el": "Καλημέρα, πώς είστε σήμερα;",
    "en": "Good morning, how are you today?",
    "eo": "Bonan matenon, kiel vi fartas hodiaŭ?",
    "es": "Buenos días, ¿cómo está usted hoy?",
    "et": "Tere hommikust, kuidas teil täna läheb?",
    "fa": "صبح بخیر، امروز حال شما چطور است؟",
    "fi": "Hyvää huomenta, mitä teille kuuluu tänään?",
    "fr": "Bonjour, comment allez-vous aujourd’hui ?",
    "he": "בוקר טוב, מה שלומך היום?",
    "hi": "सुप्रभात, आज आप कैसे हैं?",
    "hu": "Jó reggelt, hogy van ma?",
    "id": "Selamat pagi, apa kabar hari ini?",
    "it": "Buongiorno, come sta oggi?",
    "ja": "おはようございます。おげんきですか。",
    "ko": "안녕하세요, 오늘 어떻게 지내세요?",
    "la": "Salve, quid agis hodie?",
    "nb": "God morgen, hvordan har du det i dag?",
    "nl": "Goedemorgen, hoe gaat het vandaag met u?",
    "pl": "Dzień dobry, jak się pan dziś miewa?",
    "pt": "Bom dia, como está hoje?",
    "ro": "Bună dimineața, ce mai faceți astăzi?",
    "ru": "Доброе утро, как у вас дела сегодня?",
    "sk": "Dobré ráno, ako sa dnes máte?",
    "sv": "God morgon, hur mår du idag?",
    "tr": "Günaydın, bugün nasılsınız?",
    "uk": "Доброго ранку, як у вас справи сьогодні?",
    "vi": "Chào buổi sáng, hôm nay bạn khỏe không?",
    "zh": "早上好，你今天好吗？",
}
_COUNTING = "1, 2, 3, 4, 5."
"""Voices read digits in their own language."""


def sample(language: str) -> str:
    """A sentence in a language; digits, for one that has none here."""
    return _SENTENCES.get(language.lower().partition("-")[0], _COUNTING)
