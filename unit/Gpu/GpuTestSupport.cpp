//===- GpuTestSupport.cpp - A package for tests of GPU devices ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GpuTestSupport.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

using namespace attn;
using namespace attn::test;

//===----------------------------------------------------------------------===//
// The kernels
//===----------------------------------------------------------------------===//

/// Loads what all kernels of one output begin with: %rd1 = address of element
/// %r1 of x, %rd2 the same of y, %r1 = the number of the thread, %r2 = n.
static std::string prologue(const std::string &name) {
  return R"(
  .reg .pred %p<4>;
  .reg .b32 %r<10>;
  .reg .b64 %rd<10>;
  mov.u32 %r3, %ctaid.x;
  mov.u32 %r4, %ntid.x;
  mov.u32 %r5, %tid.x;
  mad.lo.s32 %r1, %r3, %r4, %r5;
  ld.param.u64 %rd1, [)" +
         name + R"(_x+8];
  ld.param.u64 %rd2, [)" +
         name + R"(_y+8];
  ld.param.u64 %rd3, [)" +
         name + R"(_y+24];
  cvt.u32.u64 %r2, %rd3;
  setp.ge.u32 %p1, %r1, %r2;
  @%p1 ret;
  mul.wide.u32 %rd3, %r1, 4;
  add.s64 %rd1, %rd1, %rd3;
  add.s64 %rd2, %rd2, %rd3;
)";
}

static std::string tensorParameter(const std::string &kernel,
                                   const char *name) {
  return "  .param .align 8 .b8 " + kernel + "_" + name + "[40]";
}

/// A kernel of the parameters x and y and a scalar between them.
static std::string kernel(const std::string &name, const std::string &scalars,
                          const std::string &body) {
  return ".visible .entry " + name + "(\n" + tensorParameter(name, "x") +
         ",\n" + scalars + tensorParameter(name, "y") + ")\n{" +
         prologue(name) + body + "  ret;\n}\n";
}

std::string test::testPtx(const std::string &version,
                          const std::string &target) {
  std::string text = ".version " + version + "\n.target " + target +
                     "\n.address_size 64\n"
                     ".extern .shared .align 16 .b8 dynamic[];\n";
  text += kernel("layer",
                 tensorParameter("layer", "length") +
                     ",\n  .param .u32 layer_weight,\n",
                 R"(
  ld.param.u64 %rd4, [layer_length+8];
  ld.param.u32 %r6, [layer_weight];
  ld.global.u32 %r7, [%rd4];
  ld.global.u32 %r8, [%rd1];
  mad.lo.s32 %r8, %r8, 3, %r6;
  setp.lt.s32 %p2, %r1, %r7;
  selp.b32 %r8, %r8, 0, %p2;
  st.global.u32 [%rd2], %r8;
)");
  text += ".visible .entry advance(\n" + tensorParameter("advance", "length") +
          R"()
{
  .reg .pred %p<4>;
  .reg .b32 %r<10>;
  .reg .b64 %rd<10>;
  mov.u32 %r1, %tid.x;
  setp.ne.u32 %p1, %r1, 0;
  @%p1 ret;
  ld.param.u64 %rd1, [advance_length+8];
  ld.global.u32 %r2, [%rd1];
  mad.lo.s32 %r2, %r2, 7, 3;
  rem.u32 %r2, %r2, 41;
  st.global.u32 [%rd1], %r2;
  ret;
}
)";
  text += kernel("accumulate", "", R"(
  ld.global.u32 %r6, [%rd1];
  ld.global.u32 %r7, [%rd2];
  add.s32 %r7, %r7, %r6;
  st.global.u32 [%rd2], %r7;
)");
  text += kernel("spread", "  .param .u32 spread_weight,\n", R"(
  ld.param.u32 %r6, [spread_weight];
  ld.global.u32 %r7, [%rd1];
  mul.lo.s32 %r7, %r7, %r6;
  st.global.u32 [%rd2], %r7;
)");
  text += kernel("gather", "", R"(
  ld.global.u32 %r6, [%rd1];
  ld.param.u64 %rd4, [gather_x+8];
  sub.s32 %r7, %r2, %r1;
  sub.s32 %r7, %r7, 1;
  mul.wide.u32 %rd5, %r7, 4;
  add.s64 %rd4, %rd4, %rd5;
  ld.global.u32 %r8, [%rd4];
  add.s32 %r6, %r6, %r8;
  st.global.u32 [%rd2], %r6;
)");
  text += kernel("shared_copy", "", R"(
  ld.global.u32 %r6, [%rd1];
  mov.u32 %r7, dynamic;
  st.shared.u32 [%r7+65532], %r6;
  ld.shared.u32 %r8, [%r7+65532];
  st.global.u32 [%rd2], %r8;
)");
  text += R"(
.visible .entry attend(
  .param .align 8 .b8 attend_query[88],
  .param .align 8 .b8 attend_key[88],
  .param .align 8 .b8 attend_y[88],
  .param .align 8 .b8 attend_w[40])
{
  .reg .pred %p<4>;
  .reg .b32 %r<10>;
  .reg .b64 %rd<10>;
  mov.u32 %r3, %ctaid.x;
  mov.u32 %r4, %ntid.x;
  mov.u32 %r5, %tid.x;
  mad.lo.s32 %r1, %r3, %r4, %r5;
  ld.param.u64 %rd1, [attend_query+40];
  cvt.u32.u64 %r2, %rd1;
  setp.ge.u32 %p1, %r1, %r2;
  @%p1 ret;
  ld.param.u64 %rd1, [attend_query+8];
  ld.param.u64 %rd2, [attend_key+8];
  ld.param.u64 %rd3, [attend_y+8];
  ld.param.u64 %rd4, [attend_w+8];
  mul.wide.u32 %rd5, %r1, 4;
  add.s64 %rd1, %rd1, %rd5;
  add.s64 %rd3, %rd3, %rd5;
  add.s64 %rd4, %rd4, %rd5;
  ld.global.u32 %r6, [%rd1];
  ld.global.u32 %r7, [%rd2];
  st.global.u32 [%rd4], %r6;
  ld.global.u32 %r8, [%rd4];
  add.s32 %r8, %r8, %r7;
  st.global.u32 [%rd3], %r8;
  ret;
}
)";
  text += kernel("wild", "", R"(
  ld.global.u32 %r6, [%rd1];
  st.global.u32 [%rd2+64], %r6;
)");
  return text;
}

//===----------------------------------------------------------------------===//
// The manifest
//===----------------------------------------------------------------------===//

static std::string argument(const char *name, const char *role,
                            const char *shape) {
  return std::string(R"({"name": ")") + name + R"(", "role": ")" + role +
         R"(", "type": "i32")" +
         (shape ? std::string(R"(, "shape": [)") + shape + "]" : "") + "}";
}

static std::string entry(const char *name, const std::string &arguments,
                         const std::string &program) {
  return std::string(R"({"name": ")") + name +
         R"(", "algorithm": "flash", "tile_q": 32, "tile_kv": 1,)"
         R"("arguments": [)" +
         arguments + R"(], "dims": [], "program": {)" + program + "}}";
}

/// Value 2 is the number of CTAs, value 3 is 4 n, value 4 is 0, value 5 is 1.
static std::string program(const char *workspace, const std::string &launches) {
  return R"("values": [["dim", 0, 0], ["const", 32], ["ceildivs", 0, 1],)"
         R"(["mul", 0, 7], ["const", 0], ["const", 1]], "workspace": )" +
         std::string(workspace) + R"(, "launches": [)" + launches + "]";
}

static std::string launch(const char *kernel, const char *arguments,
                          int sharedBytes = 0) {
  return std::string(R"({"kernel": ")") + kernel +
         R"(", "grid": 2, "block": 32, "shared": )" +
         std::to_string(sharedBytes) + R"(, "arguments": [)" + arguments + "]}";
}

std::string test::testManifest(const std::string &target) {
  const std::string x = argument("x", "input", "-1"),
                    y = argument("y", "output", "\"x[0]\""),
                    weight = argument("weight", "input", nullptr);
  const char *both = R"({"argument": 0}, {"argument": 1})";
  std::string entries =
      entry("layer",
            x + "," + argument("length", "input", "1") + "," + weight + "," + y,
            program("4", launch("layer", R"({"argument": 0}, {"argument": 1},
                                            {"argument": 2}, {"argument": 3})"))) +
      "," +
      entry("advance", argument("length", "output", "1"),
            program("4", launch("advance", R"({"argument": 0})"))) +
      "," +
      entry("accumulate", x + "," + y,
            program("4", launch("accumulate", both))) +
      "," +
      entry("mix", x + "," + weight + "," + y,
            program("3", launch("spread", R"({"argument": 0}, {"argument": 1},
                {"workspace": 4, "sizes": [0], "strides": [5]})") +
                             "," + launch("gather", R"(
                {"workspace": 4, "sizes": [0], "strides": [5]},
                {"argument": 2})"))) +
      "," +
      entry("shared", x + "," + y,
            program("4", launch("shared_copy", both, 65536))) +
      "," +
      entry("attend",
            argument("query", "input", "1, 1, -1, 1") + "," +
                argument("key", "input", "1, 1, -1, 1") + "," +
                argument("y", "output", "1, 1, \"query[2]\", 1"),
            R"("values": [["dim", 0, 2], ["const", 32], ["ceildivs", 0, 1],
              ["const", 4], ["mul", 0, 3], ["const", 0], ["const", 1]],
              "workspace": 4, "launches": [{"kernel": "attend", "grid": 2,
              "block": 32, "shared": 0, "arguments": [{"argument": 0},
              {"argument": 1}, {"argument": 2},
              {"workspace": 5, "sizes": [0], "strides": [6]}]}])") +
      "," + entry("wild", x + "," + y, program("4", launch("wild", both)));
  // Four bytes for each element.
  std::string from = R"(["mul", 0, 7])", to = R"(["mul", 0, 1])";
  for (size_t at; (at = entries.find(from)) != std::string::npos;)
    entries.replace(at, from.size(), to);
  return R"({"format": 1, "compiler": "by hand", "target": ")" + target +
         R"(", "entries": [)" + entries + "]}";
}

std::shared_ptr<const GpuModule>
test::makeTestModule(const std::string &ptx, const std::string &target) {
  auto module = GpuModule::create(GpuModule::Kind::ptx, testManifest(target),
                                  ptx, "'test'");
  EXPECT_TRUE(module) << module.error();
  return *module;
}

//===----------------------------------------------------------------------===//
// Memory and the driver
//===----------------------------------------------------------------------===//

DeviceTensor::DeviceTensor(std::shared_ptr<GpuDevice> given,
                           const std::vector<int32_t> &values, const char *name)
    : device(std::move(given)), size(int64_t(values.size())) {
  auto made =
      GpuBuffer::allocate(device, values.size() * sizeof(int32_t), name);
  EXPECT_TRUE(made) << made.error();
  buffer = *std::move(made);
  write(values);
}

Tensor DeviceTensor::tensor() const {
  return Tensor(buffer.data(), ElementType::i32, {size});
}

std::vector<int32_t> DeviceTensor::read() const {
  std::vector<int32_t> values(static_cast<size_t>(size));
  Status status = device->copyToHost(values.data(), buffer.data(),
                                     values.size() * sizeof(int32_t));
  EXPECT_TRUE(status) << status.error();
  return values;
}

void DeviceTensor::write(const std::vector<int32_t> &values) const {
  Status status = device->copyToDevice(buffer.data(), values.data(),
                                       values.size() * sizeof(int32_t));
  EXPECT_TRUE(status) << status.error();
}

ScopedDriver::ScopedDriver()
    : handle(dlopen(ATTN_TEST_DRIVER, RTLD_NOW | RTLD_LOCAL)) {
  EXPECT_TRUE(handle) << dlerror();
  control = static_cast<const EmulatedDriverControl *>(
      dlsym(handle, "emulatedDriverControl"));
  control->reset();
}

ScopedDriver::~ScopedDriver() { dlclose(handle); }

void *ScopedDriver::function(const char *name) const {
  void *found = dlsym(handle, name);
  EXPECT_TRUE(found) << name;
  return found;
}

CudaOptions ScopedDriver::options() const {
  // A driver that has been opened is kept; under another name it is another.
  static int count = 0;
  CudaOptions options;
  std::string path = ATTN_TEST_DRIVER;
  size_t slash = path.rfind('/');
  options.driverLibrary = path.substr(0, slash) + "/";
  for (int i = ++count; i > 0; --i)
    options.driverLibrary += "./";
  options.driverLibrary += path.substr(slash + 1);
  return options;
}
