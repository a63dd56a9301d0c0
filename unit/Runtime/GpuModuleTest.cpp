//===- GpuModuleTest.cpp - GPU payloads without a GPU ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/GpuModule.h"
#include "attn/Runtime/Package.h"

#include <gtest/gtest.h>

using namespace attn;

namespace {
/// An entry out[i] = in[i] + n, in blocks of 64, with n rows of 4 bytes in the
/// workspace.
std::string entryText(const std::string &name = "plus",
                      const std::string &launches = "") {
  std::string launch = R"({"kernel": "plus", "grid": 2, "block": 64,)"
                       R"("shared": 1024, "arguments": [{"argument": 0},)"
                       R"({"argument": 1}, {"argument": 2}]})";
  return R"({"name": ")" + name +
         R"(", "algorithm": "flash", "tile_q": 64, "tile_kv": 1, "arguments": [
    {"name": "in", "role": "input", "type": "i32", "shape": [-1]},
    {"name": "n", "role": "input", "type": "i32"},
    {"name": "out", "role": "output", "type": "i32", "shape": ["in[0]"]}],
    "dims": [], "program": {"values": [["dim", 0, 0], ["const", 64],
      ["ceildivs", 0, 1], ["scalar", 1], ["mul", 0, 3]],
    "workspace": 4, "launches": [)" +
         (launches.empty() ? launch : launches) + "]}}";
}

std::string gpuManifest(const std::string &target,
                        const std::string &entries = entryText()) {
  return R"({"format": 1, "compiler": "test", "target": ")" + target +
         R"(", "entries": [)" + entries + "]}";
}

std::shared_ptr<const GpuModule> makeModule() {
  auto module = GpuModule::create(GpuModule::Kind::ptx, gpuManifest("sm_80"),
                                  ".version 8.0", "'p'");
  EXPECT_TRUE(module) << module.error();
  return *module;
}

TEST(GpuModule, ChecksAndBindsArguments) {
  auto module = makeModule();
  EXPECT_EQ(module->target().name(), "sm_80");
  EXPECT_EQ(module->code(), ".version 8.0");
  ASSERT_EQ(module->kernels().size(), 1u);
  EXPECT_EQ(module->kernels()[0].name, "plus");
  EXPECT_EQ(module->kernels()[0].sharedBytes, 1024);

  std::vector<int32_t> in(70), out(70);
  Tensor input(in.data(), ElementType::i32, {70}),
      output(out.data(), ElementType::i32, {70});
  std::vector<Argument> inputs = {input, Scalar::i32(3)};
  auto shape = outputShape(*module->manifest().find("plus"), inputs, 0);
  ASSERT_TRUE(shape) << shape.error();
  EXPECT_EQ(*shape, std::vector<int64_t>{70});
  auto bytes = module->workspaceBytes("plus", inputs);
  ASSERT_TRUE(bytes) << bytes.error();
  EXPECT_EQ(*bytes, 210);

  auto call = module->bind("plus", inputs, {output});
  ASSERT_TRUE(call) << call.error();
  EXPECT_EQ(call->workspaceBytes(), 210);
  auto wrongType = module->bind(
      "plus", {Tensor(in.data(), ElementType::f32, {70}), Scalar::i32(3)},
      {output});
  EXPECT_EQ(wrongType.error(), "argument 1 'in' of 'plus': the element type is "
                               "f32, expected i32");
  auto wrongSize = module->bind("plus", inputs,
                                {Tensor(out.data(), ElementType::i32, {69})});
  EXPECT_EQ(wrongSize.error(), "argument 3 'out' of 'plus': dimension 0 is 69, "
                               "expected 70 (in[0])");
  EXPECT_EQ(module->bind("minus", inputs, {output}).error(),
            "there is no entry 'minus'; the module has 'plus'");
  // One more than kernels can index.
  int64_t huge = (int64_t(1) << 26) + 1;
  Tensor broad(in.data(), ElementType::i32, {huge});
  auto tooBroad = module->bind("plus", {broad, Scalar::i32(3)}, {broad});
  ASSERT_FALSE(tooBroad);
  EXPECT_EQ(tooBroad.error(),
            "argument 1 'in' of 'plus': dimension 0 is 67108865; kernels of "
            "GPUs take at most 67108864: split the tensor into several "
            "calls");
  EXPECT_FALSE(module->workspaceBytes("plus", {broad, Scalar::i32(3)}));
  broad.shape = {huge - 1};
  EXPECT_TRUE(module->bind("plus", {broad, Scalar::i32(3)}, {broad}));
  // What the program finds is an error of bind, and the call stays as it was.
  auto negative =
      module->bind("plus", {input, Scalar::i32(-1)}, {output}).error();
  EXPECT_EQ(negative, "'plus': the launch program asks for -70 bytes of "
                      "workspace; expected at least 0");
  int64_t shape70 = 70;
  TensorView outputView{out.data(), ElementType::i32, 1, &shape70, nullptr};
  ArgumentView views[2];
  views[0].isTensor = true;
  views[0].tensor = {in.data(), ElementType::i32, 1, &shape70, nullptr};
  views[1].scalar = Scalar::i32(-1);
  EXPECT_FALSE(call->rebind(views, 2, &outputView, 1));
  EXPECT_EQ(call->workspaceBytes(), 210);
  views[1].scalar = Scalar::i32(2);
  EXPECT_TRUE(call->rebind(views, 2, &outputView, 1));
  EXPECT_EQ(call->workspaceBytes(), 140);
}

TEST(GpuModule, ExplainsManifests) {
  auto expectError = [](const std::string &manifest,
                        const std::string &reason) {
    auto module =
        GpuModule::create(GpuModule::Kind::cubin, manifest, "", "'p'");
    ASSERT_FALSE(module) << reason;
    EXPECT_EQ(module.error().find("the manifest of 'p': "), 0u)
        << module.error();
    EXPECT_NE(module.error().find(reason), std::string::npos) << module.error();
  };
  expectError("{}", "has no member 'format'");
  expectError(gpuManifest("gfx90a"), "target: 'gfx90a' is not a GPU target");
  expectError(R"({"format": 1, "compiler": "c", "target": {"cpu": "x"},)"
              R"("entries": []})",
              "member 'target' must be of type string");
  std::string noProgram = entryText();
  noProgram.replace(noProgram.find("program"), 7, "prigram");
  expectError(gpuManifest("sm_80", noProgram),
              "entries[0]: has no member 'program'");
  std::string badProgram = entryText();
  badProgram.replace(badProgram.find("ceildivs"), 8, "ceildiv");
  expectError(gpuManifest("sm_80", badProgram),
              "entries[0].program: values[2]: there is no operation 'ceildiv'");
  auto launch = [](const char *arguments) {
    return R"({"kernel": "k", "grid": 0, "block": 1, "shared": 0,)"
           R"("arguments": [)" +
           std::string(arguments) + "]}";
  };
  expectError(
      gpuManifest("sm_80", entryText("f", launch("") + ", " +
                                              launch(R"({"argument": 1})"))),
      "'k' is launched with 0 and with 4 bytes of parameters");
}

PackagePayload gpuPayload(const std::string &kind, const std::string &target) {
  return {kind, gpuManifest(target), kind + " " + target};
}

/// What is loaded for a GPU: "cubin sm_80", or the error.
std::string loadFor(const std::vector<PackagePayload> &payloads, int capability,
                    bool runsCubins = true) {
  auto bytes = writePackage("test", payloads);
  if (!bytes)
    return bytes.error();
  auto package = Package::fromBytes(*bytes, "'p'");
  if (!package)
    return package.error();
  auto module = package->loadFor({capability, runsCubins});
  if (!module)
    return module.error();
  EXPECT_EQ((*module)->kind() == GpuModule::Kind::cubin,
            (*module)->code()[0] == 'c');
  EXPECT_TRUE((*module)->manifest().find("plus"));
  return (*module)->code();
}

TEST(GpuPackage, PicksWhatSuitsTheGpu) {
  std::vector<PackagePayload> all = {
      gpuPayload("cuda", "sm_80"),   gpuPayload("ptx", "sm_80"),
      gpuPayload("ptx", "sm_90"),    gpuPayload("ptx", "sm_90a"),
      gpuPayload("cubin", "sm_80"),  gpuPayload("cubin", "sm_86"),
      gpuPayload("cubin", "sm_90a"), gpuPayload("cubin", "sm_90")};
  EXPECT_EQ(loadFor(all, 80), "cubin sm_80");
  EXPECT_EQ(loadFor(all, 86), "cubin sm_86");
  EXPECT_EQ(loadFor(all, 89), "cubin sm_86") << "the newest that runs";
  EXPECT_EQ(loadFor(all, 90), "cubin sm_90a");
  EXPECT_EQ(loadFor(all, 120), "ptx sm_90");
  EXPECT_EQ(loadFor(all, 80, false), "ptx sm_80");
  EXPECT_EQ(loadFor(all, 89, false), "ptx sm_80");
  EXPECT_EQ(loadFor(all, 90, false), "ptx sm_90a");
}

TEST(GpuPackage, SaysWhatEachPayloadLacks) {
  EXPECT_EQ(loadFor({gpuPayload("cubin", "sm_80"), gpuPayload("ptx", "sm_100"),
                     gpuPayload("cubin", "sm_100a")},
                    90),
            "'p' has no code for compute capability 9.0: its cubin for sm_80 "
            "runs on compute capability 8.0 to 8.9; its PTX for sm_100 runs on "
            "compute capability 10.0 and newer; its cubin for sm_100a runs on "
            "compute capability 10.0 only; compile it with --target=sm_90");
  EXPECT_EQ(loadFor({gpuPayload("cubin", "sm_80")}, 80, false),
            "'p' has no code for compute capability 8.0: its cubin for sm_80 "
            "is machine code, and the emulator runs PTX; compile it with "
            "--target=sm_80");
  EXPECT_EQ(loadFor({{"hologram", "{}", ""}, gpuPayload("cuda", "sm_80")}, 80),
            "'p' has no code for GPUs: it holds payloads of kind 'hologram', "
            "'cuda'; compile it with --target=sm_80");
  EXPECT_EQ(loadFor({{"ptx", "{}", ""}}, 80)
                .find("the manifest of payload 1 of the new package: "),
            0u);
}
} // namespace
