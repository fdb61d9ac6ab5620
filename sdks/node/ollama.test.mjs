// ollama: chat, generate, embed, create.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Ollama } from "ollama";
import { CHAT, EMBED, isCity, QUESTION, schema, tool, turns, url } from "./shapes.mjs";

const client = new Ollama({ host: url });
const options = { temperature: 0, num_predict: 200 };

test("chat and stream", async () => {
  const whole = await client.chat({ model: CHAT, messages: turns, options });
  let text = "";
  const stream = await client.chat({ model: CHAT, messages: turns, options, stream: true });
  for await (const part of stream) text += part.message.content;
  assert.equal(text, whole.message.content);
  assert.ok((await client.generate({ model: CHAT, prompt: QUESTION, options })).response);
});

test("tools and structured", async () => {
  const called = await client.chat({ model: CHAT, messages: turns, tools: [tool], options });
  assert.ok(called.message.content || called.message.tool_calls.length);
  const shaped = await client.chat({ model: CHAT, messages: turns, format: schema, options });
  assert.ok(isCity(JSON.parse(shaped.message.content)));
});

test("embeddings", async () => {
  const found = await client.embed({ model: EMBED, input: ["a cat", "a kitten"] });
  assert.equal(found.embeddings.length, 2);
});

test("create", async () => {
  const statuses = [];
  const stream = await client.create({
    model: "brief", from: CHAT, system: "Be brief.", parameters: { num_predict: 3 }, stream: true,
  });
  for await (const part of stream) statuses.push(part.status);
  assert.equal(statuses.at(-1), "success");
  assert.equal((await client.chat({ model: "brief", messages: turns })).eval_count, 3);
  await client.delete({ model: "brief" });
});

test("errors", async () => {
  const missing = client.chat({ model: "nonesuch", messages: turns });
  await assert.rejects(missing, { status_code: 404 });
  const bad = client.chat({ model: CHAT, messages: turns, options: { top_p: 7 } });
  await assert.rejects(bad, /top_p/);
});
