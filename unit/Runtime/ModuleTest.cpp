//===- ModuleTest.cpp - Loading payloads and binding calls ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/Module.h"
#include "TestSupport.h"

#include <gtest/gtest.h>

using namespace attn;
using namespace attn::test;

namespace {
// Two inputs [?, 2, ?, 4] that agree in dimension 0, a scalar, an output.
const char *entryJson = R"({"name": "f", "algorithm": "flash", "tile_q": 64,
 "tile_kv": 32, "arguments": [
 {"name": "query", "role": "input", "type": "f32", "shape": [-1, 2, -1, 4]},
 {"name": "key", "role": "input", "type": "f32", "shape": [-1, 2, -1, 4]},
 {"name": "window", "role": "input", "type": "index"},
 {"name": "output", "role": "output", "type": "f32",
  "shape": ["query[0]", 2, "query[2]"]}],
 "dims": [["query[0]", "key[0]"]]})";

std::string joinLines(std::string text) {
  for (char &c : text)
    c = c == '\n' ? ' ' : c;
  return text;
}

std::string entry() { return joinLines(entryJson); }

// The workspace is query[0] * query[2] + window bytes.
const char *functions = R"(
void f(const attn_cpu_host *host, void *const *args) {}
int64_t f_workspace(void *const *args) {
  const int64_t *query = args[0];
  if (args[3] || args[4]) return -2;
  return query[3] * query[5] + *(const int64_t *)args[2];
})";

std::string replaced(std::string text, const std::string &from,
                     const std::string &to) {
  size_t position = text.find(from);
  EXPECT_NE(position, std::string::npos) << from;
  return text.replace(position, from.size(), to);
}

class ModuleTest : public testing::Test {
protected:
  static void SetUpTestSuite() {
    payload = compilePayload(manifestCode(entry()) + functions);
  }
  void SetUp() override {
    ASSERT_FALSE(payload.empty()) << "the test payload does not compile";
    auto loaded = Module::loadFromMemory(payload);
    ASSERT_TRUE(loaded) << loaded.error();
    module = *loaded;
    inputs = {Tensor(data, ElementType::f32, {3, 2, 5, 4}),
              Tensor(data, ElementType::f32, {3, 2, 7, 4}), Scalar::index(10)};
    outputs = {Tensor(data, ElementType::f32, {3, 2, 5})};
  }
  Tensor &input(size_t i) { return std::get<Tensor>(inputs[i]); }
  void expectBindError(const std::string &error) {
    auto call = module->bind("f", inputs, outputs);
    ASSERT_FALSE(call) << "expected: " << error;
    EXPECT_EQ(call.error(), error);
  }

  static std::string payload;
  float data[256] = {};
  std::shared_ptr<const Module> module;
  std::vector<Argument> inputs;
  std::vector<Tensor> outputs;
};
std::string ModuleTest::payload;

TEST_F(ModuleTest, ParsesTheManifest) {
  const Manifest &manifest = module->manifest();
  EXPECT_EQ(manifest.compiler, "test");
  ASSERT_EQ(manifest.entries.size(), 1u);
  const ManifestEntry &entry = manifest.entries[0];
  EXPECT_EQ(entry.algorithm, "flash");
  EXPECT_EQ(entry.tileQ, 64);
  EXPECT_EQ(entry.tileKv, 32);
  EXPECT_EQ(entry.numInputs(), 3);
  EXPECT_EQ(entry.numOutputs(), 1);
  EXPECT_FALSE(entry.arguments[2].isTensor);
  EXPECT_EQ(entry.dimName(entry.arguments[3].sources[2]), "query[2]");
}

TEST_F(ModuleTest, LoadsFromFilesThatAreReplaced) {
  TemporaryFolder folder;
  writeBytes(folder / "a.so", payload);
  auto loaded = Module::load(folder / "a.so");
  ASSERT_TRUE(loaded) << loaded.error();

  // A file that replaces a loaded one is another module.
  std::string renamed = compilePayload(
      manifestCode(replaced(entry(), "flash", "other")) + functions);
  writeBytes(folder / "b.so", renamed);
  std::filesystem::rename(folder / "b.so", folder / "a.so");
  auto other = Module::load(folder / "a.so");
  ASSERT_TRUE(other) << other.error();
  EXPECT_EQ((*loaded)->manifest().entries[0].algorithm, "flash");
  EXPECT_EQ((*other)->manifest().entries[0].algorithm, "other");
}

TEST_F(ModuleTest, ChecksTheCpu) {
  auto missing = Module::loadFromMemory(compilePayload(
      manifestCode(entry(), "1", "\"no-such\", \"fma-of-2090\"") + functions));
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().find("lacks fma-of-2090 and no-such, which code "
                                 "for 'c' may use; compile it for"),
            std::string::npos)
      << missing.error();
  // Manifests without the list are accepted.
  auto old = parseManifest(R"({"format": 1, "compiler": "c", "target":
      {"triple": "", "cpu": "", "features": ""}, "entries": []})",
                           "'a.so'");
  EXPECT_TRUE(old) << old.error();
}

TEST_F(ModuleTest, KeepsPayloadsInMemoryApart) {
  std::string renamed = compilePayload(
      manifestCode(replaced(entry(), "flash", "other")) + functions);
  auto other = Module::loadFromMemory(renamed);
  ASSERT_TRUE(other) << other.error();
  EXPECT_EQ((*other)->manifest().entries[0].algorithm, "other");
  // Descriptor numbers are reused.
  for (int i = 0; i < 3; ++i) {
    module.reset();
    module = *Module::loadFromMemory(i % 2 ? payload : renamed);
    EXPECT_EQ(module->manifest().entries[0].algorithm,
              i % 2 ? "flash" : "other");
  }
}

TEST_F(ModuleTest, RejectsFilesThatAreNoPayloads) {
  TemporaryFolder folder;
  EXPECT_FALSE(Module::load(folder / "missing.so"));
  EXPECT_FALSE(Module::load(folder.path));
  writeBytes(folder / "text.so", "not an object, but long enough to hold the "
                                 "header of one if it wanted to");
  EXPECT_EQ(Module::load(folder / "text.so").error(),
            "'" + (folder / "text.so") + "' is not an ELF shared object");
  EXPECT_FALSE(Module::loadFromMemory(""));
  for (size_t size : {size_t(16), size_t(64), size_t(200), payload.size() / 4})
    EXPECT_FALSE(Module::loadFromMemory(payload.substr(0, size))) << size;

  auto plain = Module::loadFromMemory(compilePayload("int x;"));
  ASSERT_FALSE(plain);
  EXPECT_NE(plain.error().find("does not export 'attn_manifest'"),
            std::string::npos);
  auto incomplete = Module::loadFromMemory(compilePayload(
      manifestCode(entry()) + "void f(const attn_cpu_host *h, void *const *a) "
                              "{}"));
  ASSERT_FALSE(incomplete);
  EXPECT_NE(incomplete.error().find("does not export 'f_workspace'"),
            std::string::npos);
}

TEST_F(ModuleTest, ExplainsBadManifests) {
  auto expectError = [](const std::string &entries, const std::string &text,
                        const std::string &format = "1") {
    auto parsed = parseManifest(R"({"format": )" + format +
                                    R"(, "compiler": "c", "target":
           {"triple": "", "cpu": "", "features": ""}, "entries": [)" +
                                    entries + "]}",
                                "'a.so'");
    ASSERT_FALSE(parsed) << text;
    EXPECT_NE(parsed.error().find(text), std::string::npos) << parsed.error();
  };
  EXPECT_FALSE(parseManifest("{", "'a.so'"));
  EXPECT_FALSE(parseManifest("[]", "'a.so'"));
  expectError(entry(),
              "the manifest of 'a.so': has format 2, but this runtime "
              "reads format 1",
              "2");
  expectError(entry(), "'format' must be a 64-bit integer", "\"1\"");
  expectError(entry() + "," + entry(), "there are two entries 'f'");
  expectError("{}", "entries[0]: has no member 'name'");
  auto changed = [](const char *from, const char *to) {
    return replaced(entry(), from, to);
  };
  expectError(changed("\"f32\"", "\"f33\""),
              "entries[0].arguments[0]: 'f33' is not an element type; allowed "
              "are f32, ");
  expectError(changed("\"key\"", "\"query\""), "two arguments 'query'");
  expectError(changed("\"input\"", "\"in\""), "the role must be");
  expectError(changed("-1", "-2"), "must be -1 (dynamic) or at least 0");
  expectError(changed("\"query[0]\", 2", "-1, 2"), "must name its source");
  expectError(changed("\"query[2]\"", "\"query[4]\""), "has rank 4");
  expectError(changed("\"query[2]\"", "\"value[2]\""), "refer to an input");
  expectError(changed("\"key[0]\"", "\"window[0]\""), "has rank 0");
  expectError(changed("\"key[0]\"", "7"), "expected a dimension such as");
  expectError(changed("\"index\"", "\"bf16\""), "a scalar must be");
}

TEST_F(ModuleTest, BindsAndComputesSizes) {
  auto call = module->bind("f", inputs, outputs);
  ASSERT_TRUE(call) << call.error();
  EXPECT_EQ(call->workspaceBytes(), 3 * 5 + 10);
  auto shape = module->outputShape("f", inputs, 0);
  ASSERT_TRUE(shape) << shape.error();
  EXPECT_EQ(*shape, (std::vector<int64_t>{3, 2, 5}));
  EXPECT_FALSE(module->outputShape("f", inputs, 1));
  EXPECT_FALSE(module->outputShape("f", inputs, -1));

  inputs[2] = Scalar::index(-100);
  EXPECT_FALSE(module->bind("f", inputs, outputs));
}

TEST_F(ModuleTest, AcceptsStridesAndEmptyTensors) {
  input(0).strides = {0, 4, 8, 1};
  input(1).strides = {56, 28, -4, 1};
  input(1).data = data + 24;
  outputs[0].strides = {40, 20, 1};
  EXPECT_TRUE(module->bind("f", inputs, outputs));
  // The innermost stride matters only where there is a second element.
  input(0) = Tensor(nullptr, ElementType::f32, {3, 2, 0, 4}, {1, 1, 1, 9});
  outputs[0] = Tensor(nullptr, ElementType::f32, {3, 2, 0});
  auto call = module->bind("f", inputs, outputs);
  EXPECT_TRUE(call) << call.error();
}

TEST_F(ModuleTest, ExplainsWrongArguments) {
  auto reset = [&] { SetUp(); };
  auto call = module->bind("g", inputs, outputs);
  ASSERT_FALSE(call);
  EXPECT_EQ(call.error(), "there is no entry 'g'; the module has 'f'");

  inputs.pop_back();
  expectBindError("'f' has 3 inputs (query, key, window), but 2 were given");
  reset();
  outputs.clear();
  expectBindError("'f' has 1 output (output), but 0 were given");
  reset();
  inputs[1] = Scalar::f32(1);
  expectBindError("argument 2 'key' of 'f': a scalar of type f32 was given, "
                  "expected a tensor of f32");
  reset();
  inputs[2] = Scalar::f32(1);
  expectBindError("argument 3 'window' of 'f': a scalar of type f32 was given, "
                  "expected index");
  reset();
  inputs[2] = inputs[1];
  expectBindError("argument 3 'window' of 'f': a tensor of shape [3, 2, 7, 4] "
                  "was given, expected a scalar of type index");
  reset();
  input(1).type = ElementType::f16;
  expectBindError(
      "argument 2 'key' of 'f': the element type is f16, expected f32");
  reset();
  input(1) = Tensor(data, ElementType::f32, {3, 2, 7});
  expectBindError("argument 2 'key' of 'f': the rank is 3 (shape [3, 2, 7]), "
                  "expected 4");
  reset();
  input(1).strides.pop_back();
  expectBindError("argument 2 'key' of 'f': there are 3 strides for the shape "
                  "[3, 2, 7, 4], expected 4");
  reset();
  input(1).shape[1] = 1;
  expectBindError("argument 2 'key' of 'f': dimension 1 is 1, expected 2");
  reset();
  input(1).shape[2] = -7;
  expectBindError(
      "argument 2 'key' of 'f': dimension 2 is -7, expected at least 0");
  reset();
  input(1).shape[0] = 4;
  expectBindError("argument 2 'key' of 'f': dimension 0 is 4, expected 3, "
                  "equal to query[0]");
  reset();
  outputs[0].shape[2] = 6;
  expectBindError("argument 4 'output' of 'f': dimension 2 is 6, expected 5 "
                  "(query[2])");
}

/// The entry with a rule: key[2] is query[2] / 2 rounded up + 4, or 1.
std::string entryWithRule() {
  return replaced(entry(), "\"dims\":",
                  R"("derived_dims": [{"dim": "key[2]", "source": "query[2]",
                       "divisor": 2, "extra": 4, "can_be_one": true}], "dims":)");
}

TEST_F(ModuleTest, ChecksSizesThatFollowFromOthers) {
  auto loaded = Module::loadFromMemory(
      compilePayload(manifestCode(joinLines(entryWithRule())) + functions));
  ASSERT_TRUE(loaded) << loaded.error();
  module = *loaded;
  EXPECT_TRUE(module->bind("f", inputs, outputs)); // 7 of 5
  input(1).shape[2] = 1;
  EXPECT_TRUE(module->bind("f", inputs, outputs));
  input(1).shape[2] = 6;
  expectBindError("argument 2 'key' of 'f': dimension 2 is 6, expected 1 or 7 "
                  "(query[2] / 2 rounded up + 4)");
}

TEST_F(ModuleTest, ExplainsBadRules) {
  auto expectError = [](const char *from, const char *to, const char *text) {
    auto parsed = parseManifest(
        R"({"format": 1, "compiler": "c", "target": {"triple": "", "cpu": "",
            "features": ""}, "entries": [)" +
            replaced(entryWithRule(), from, to) + "]}",
        "'a.so'");
    ASSERT_FALSE(parsed) << text;
    EXPECT_NE(parsed.error().find(text), std::string::npos) << parsed.error();
  };
  expectError("[{\"dim\"", "[7, {\"dim\"",
              "entries[0].derived_dims[0]: expected an object");
  expectError("\"key[2]\"", "\"key[4]\"", "has rank 4");
  expectError("\"source\"", "\"from\"", "has no member 'source'");
  expectError("\"divisor\": 2", "\"divisor\": 0",
              "the divisor must be from 1 to 2^31");
  expectError("\"extra\": 4", "\"extra\": -1", "found 2 and -1");
  expectError("true", "1", "'can_be_one' must be of type boolean");
}

TEST_F(ModuleTest, ExplainsUnusableMemory) {
  auto reset = [&] { SetUp(); };
  input(1).strides[3] = 2;
  expectBindError("argument 2 'key' of 'f': the innermost stride is 2, "
                  "expected 1 (contiguous)");
  reset();
  outputs[0].strides[0] = 0;
  expectBindError("argument 4 'output' of 'f': the stride of dimension 0 is 0, "
                  "which would make elements of an output overlap");
  reset();
  input(1).data = nullptr;
  expectBindError("argument 2 'key' of 'f': the data pointer is null, but the "
                  "shape is [3, 2, 7, 4]");
  reset();
  input(1).data = reinterpret_cast<char *>(data) + 2;
  expectBindError("argument 2 'key' of 'f': the data pointer is not aligned to "
                  "the elements of type f32 (4 bytes)");
  reset();
  input(1).shape[2] = int64_t(1) << 60;
  expectBindError("argument 2 'key' of 'f': the shape [3, 2, "
                  "1152921504606846976, 4] is too large: its bytes exceed 63 "
                  "bits");
  for (int64_t stride : {INT64_MAX, INT64_MIN, int64_t(1) << 61}) {
    reset();
    input(1).strides[2] = stride;
    EXPECT_FALSE(module->bind("f", inputs, outputs)) << stride;
  }
}
} // namespace
