// openai: chat completions, responses, embeddings.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { CHAT, EMBED, isCity, QUESTION, schema, tool, turns, url } from "./shapes.mjs";

const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
const asked = { model: CHAT, messages: turns, temperature: 0, max_tokens: 200 };

test("chat and stream", async () => {
  const whole = await client.chat.completions.create(asked);
  let text = "";
  for await (const chunk of await client.chat.completions.create({ ...asked, stream: true })) {
    text += chunk.choices[0]?.delta.content ?? "";
  }
  assert.equal(text, whole.choices[0].message.content);
  const response = await client.responses.create({ model: CHAT, input: QUESTION, temperature: 0 });
  assert.ok(response.output_text);
});

test("tools", async () => {
  const free = await client.chat.completions.create({ ...asked, tools: [tool] });
  assert.ok(free.choices.length);
  for (const choice of ["required", { type: "function", function: { name: "weather" } }]) {
    const forced = await client.chat.completions.create({
      ...asked, tools: [tool], tool_choice: choice,
    });
    const [call] = forced.choices[0].message.tool_calls;
    assert.ok(isCity(JSON.parse(call.function.arguments)));
  }
});

test("structured", async () => {
  const format = { type: "json_schema", json_schema: { name: "city", strict: true, schema } };
  const found = await client.chat.completions.parse({ ...asked, response_format: format });
  assert.ok(isCity(JSON.parse(found.choices[0].message.content)));
});

test("embeddings", async () => {
  const found = await client.embeddings.create({ model: EMBED, input: ["a cat", "a kitten"] });
  assert.equal(found.data.length, 2);
  const square = found.data[0].embedding.reduce((sum, x) => sum + x * x, 0);
  assert.ok(Math.abs(square - 1) < 1e-3);
});

test("errors", async () => {
  await assert.rejects(client.chat.completions.create({ ...asked, model: "nonesuch" }), {
    status: 404, code: "model_not_found",
  });
  await assert.rejects(client.chat.completions.create({ ...asked, top_p: 7 }), {
    status: 400, param: "top_p",
  });
});
