// What every client asks. The model is tiny: never its wit.
export const url = process.env.INGLE_URL;
export const CHAT = "ember";
export const EMBED = "ember-embed";
export const QUESTION = "What does grep -i do?";
export const turns = [{ role: "user", content: QUESTION }];
export const schema = {
  type: "object",
  properties: {
    city: { type: "string", enum: ["Rome", "Oslo"] },
    days: { type: "integer", minimum: 1, maximum: 9 },
  },
  required: ["city", "days"],
  additionalProperties: false,
};
export const tool = {
  type: "function",
  function: { name: "weather", description: "The weather of a city.", parameters: schema },
};

export function isCity(value) {
  return ["Rome", "Oslo"].includes(value.city) && Number.isInteger(value.days);
}
