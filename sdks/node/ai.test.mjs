// ai, over @ai-sdk/openai-compatible and @ai-sdk/openai (chat and responses).
import assert from "node:assert/strict";
import { test } from "node:test";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embedMany, generateText, Output, streamText, tool } from "ai";
import { z } from "zod";
import { CHAT, EMBED, isCity, QUESTION, url } from "./shapes.mjs";

const settings = { baseURL: `${url}/v1`, apiKey: "none" };
const compatible = createOpenAICompatible({
  name: "ingle", supportsStructuredOutputs: true, ...settings,
});
const openai = createOpenAI(settings);
const models = {
  compatible: (name) => compatible(name),
  chat: (name) => openai.chat(name),
  responses: (name) => openai.responses(name),
};
const City = z.object({ city: z.enum(["Rome", "Oslo"]), days: z.number().int().min(1).max(9) });
const weather = tool({ description: "The weather of a city.", inputSchema: City });

for (const [kind, model] of Object.entries(models)) {
  const asked = { model: model(CHAT), prompt: QUESTION, maxRetries: 0, maxOutputTokens: 200 };
  test(`${kind}: chat and stream`, async () => {
    const whole = await generateText(asked);
    assert.ok(whole.text);
    assert.ok(whole.usage.outputTokens > 0);
    const streamed = streamText(asked);
    let text = "";
    for await (const piece of streamed.textStream) text += piece;
    assert.ok(text);
  });
  test(`${kind}: tools`, async () => {
    const free = await generateText({ ...asked, tools: { weather } });
    assert.ok(free.text || free.toolCalls.length);
    for (const toolChoice of ["required", { type: "tool", toolName: "weather" }]) {
      const forced = await generateText({ ...asked, tools: { weather }, toolChoice });
      assert.ok(isCity(forced.toolCalls[0].input));
    }
  });
  test(`${kind}: structured`, async () => {
    const found = await generateText({ ...asked, output: Output.object({ schema: City }) });
    assert.ok(isCity(found.output));
  });
  test(`${kind}: errors`, async () => {
    await assert.rejects(generateText({ ...asked, model: model("nonesuch") }), (error) => {
      assert.equal(error.statusCode, 404);
      assert.match(error.message, /nonesuch/);
      return true;
    });
  });
}

test("embeddings", async () => {
  for (const provider of [compatible.textEmbeddingModel(EMBED), openai.embedding(EMBED)]) {
    const { embeddings } = await embedMany({ model: provider, values: ["a cat", "a kitten"] });
    assert.equal(embeddings.length, 2);
    assert.equal(embeddings[0].length, embeddings[1].length);
  }
});
