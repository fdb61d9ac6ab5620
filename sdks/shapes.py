"""What every client asks, and what must hold of each answer. The model is tiny: never its wit."""

# Clients read the types of `weather` at run time, so its annotations are not texts.
from typing import Literal

from pydantic import BaseModel, Field

CHAT, EMBED = "ember", "ember-embed"
QUESTION = "What does grep -i do?"
TURNS = [{"role": "user", "content": QUESTION}]


class City(BaseModel):
    """A city and a number of days."""

    city: Literal["Rome", "Oslo"]
    days: int = Field(ge=1, le=9)


TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": City.model_json_schema(),
    },
}


def weather(city: Literal["Rome", "Oslo"], days: int) -> str:
    """The weather of a city.

    Args:
        city: Where.
        days: How many days.
    """
    return f"rain in {city} for {days} days"


def is_unit(vector: list[float]) -> bool:
    """It is a vector of length one, and not empty."""
    return len(vector) > 8 and abs(sum(x * x for x in vector) - 1) < 1e-3
