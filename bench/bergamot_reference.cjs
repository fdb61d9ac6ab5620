// The reference: Bergamot's WebAssembly, in Node. Reads a request from stdin as JSON
// {package, model, vocabulary, shortlist, texts}; writes {texts, cpu_s, wall_s}.
const fs = require("fs"), path = require("path"), vm = require("vm");
const asked = JSON.parse(fs.readFileSync(0, "utf8"));
const folder = path.join(asked.package, "worker");
const source = fs.readFileSync(path.join(folder, "bergamot-translator-worker.js"), "utf8");
const binary = fs.readFileSync(path.join(folder, "bergamot-translator-worker.wasm"));
// The matrix products that browsers bring: those that the module has itself take their place.
const NAMES = {
  int8_prepare_a: "int8PrepareAFallback",
  int8_prepare_b: "int8PrepareBFallback",
  int8_prepare_b_from_transposed: "int8PrepareBFromTransposedFallback",
  int8_prepare_b_from_quantized_transposed: "int8PrepareBFromQuantizedTransposedFallback",
  int8_prepare_bias: "int8PrepareBiasFallback",
  int8_multiply_and_add_bias: "int8MultiplyAndAddBiasFallback",
  int8_select_columns_of_b: "int8SelectColumnsOfBFallback",
};
const CONFIG = [
  "beam-size: 1", "normalize: 1.0", "word-penalty: 0", "max-length-break: 128",
  "mini-batch-words: 1024", "workspace: 128", "max-length-factor: 2.0", "skip-cost: true",
  "cpu-threads: 0", "quiet: true", "quiet-translation: true",
  "gemm-precision: int8shiftAlphaAll", "alignment: soft", "",
].join("\n");

global.Module = {
  wasmBinary: binary,
  INITIAL_MEMORY: 1 << 27,
  print: console.error,
  printErr: console.error,
  onRuntimeInitialized: translate,
  instantiateWasm(imports, accept) {
    const gemm = Object.fromEntries(
      Object.entries(NAMES).map(([name, own]) => [name, (...a) => Module.asm[own](...a)]));
    WebAssembly.instantiate(binary, { ...imports, wasm_gemm: gemm })
      .then((made) => accept(made.instance));
    return {};
  },
};
global.self = global;
global.importScripts = () => {};
global.location = { href: "" };
global.WorkerGlobalScope = function () {};
vm.runInThisContext(source);

function aligned(file, alignment) {
  const data = fs.readFileSync(file);
  const memory = new Module.AlignedMemory(data.length, alignment);
  memory.getByteArrayView().set(data);
  return memory;
}

function translate() {
  const vocabularies = new Module.AlignedMemoryList();
  vocabularies.push_back(aligned(asked.vocabulary, 64));
  const model = new Module.TranslationModel(
    CONFIG, aligned(asked.model, 256), aligned(asked.shortlist, 64), vocabularies, null);
  const service = new Module.BlockingService({ cacheSize: 0 });
  const one = (text) => {
    const input = new Module.VectorString(), options = new Module.VectorResponseOptions();
    input.push_back(text);
    options.push_back({ qualityScores: false, alignment: false, html: false });
    return service.translate(model, input, options).get(0).getTranslatedText();
  };
  one(asked.texts[0]); // compiled by the time that it is measured
  const before = process.cpuUsage(), began = process.hrtime.bigint();
  const texts = asked.texts.map(one);
  const used = process.cpuUsage(before), wall = process.hrtime.bigint() - began;
  const told = { texts, cpu_s: (used.user + used.system) / 1e6, wall_s: Number(wall) / 1e9 };
  fs.writeSync(1, JSON.stringify(told));
  process.exit(0);
}
