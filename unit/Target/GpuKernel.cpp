//===- GpuKernel.cpp - Runs kernels at thread level -----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GpuKernel.h"

#include "attn/Target/Cuda/PrintCuda.h"
#include "attn/Target/Ptx/TranslateToPtx.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "runtime/devices/emulator/ptx/Ast.h"
#include "unit/Emulator/Nvrtc.h"
#include "llvm/ADT/APFloat.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

using namespace attn;
using namespace attn::test;

void Parameters::addTensor(void *data, const std::vector<int64_t> &sizes,
                           const std::vector<int64_t> &strides) {
  add(data);
  add(data);
  add<int64_t>(0);
  for (int64_t size : sizes)
    add(size);
  for (int64_t stride : strides)
    add(stride);
}

std::string attn::test::readKernel(const std::string &name) {
  std::ifstream file(ATTN_TEST_KERNELS "/" + name + ".mlir");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

Result<std::string> attn::test::compileModule(const std::string &text,
                                              CodeGenerator generator) {
  // Loading all dialects takes longer than most tests.
  static mlir::MLIRContext *context = [] {
    mlir::DialectRegistry registry;
    mlir::registerAllDialects(registry);
    mlir::registerAllExtensions(registry);
    return new mlir::MLIRContext(registry,
                                 mlir::MLIRContext::Threading::DISABLED);
  }();
  std::string messages;
  mlir::ScopedDiagnosticHandler handler(context, [&](mlir::Diagnostic &d) {
    messages += d.str() + "\n";
    return mlir::success();
  });
  auto root = mlir::parseSourceString<mlir::ModuleOp>(text, context);
  if (!root)
    return failure(messages);
  auto modules = root->getOps<mlir::gpu::GPUModuleOp>();
  if (modules.empty())
    return failure("there is no gpu.module");
  mlir::gpu::GPUModuleOp module = *modules.begin();
  mlir::FailureOr<std::string> code = generator == CodeGenerator::cuda
                                          ? printCuda(module)
                                          : translateToPtx(module, 80);
  if (mlir::failed(code))
    return failure(messages);
  if (generator == CodeGenerator::llvm)
    return *code;
  Result<CompiledCuda> ptx =
      compileCuda(*code, "kernel.cu", "compute_80", {"--fmad=false"});
  if (!ptx)
    return failure(ptx.error() + "\n" + *code);
  if (!ptx->log.empty())
    return failure(ptx->log + "\n" + *code);
  return ptx->code;
}

void attn::test::runKernel(const std::string &ptx, uint32_t grid,
                           uint32_t sharedBytes, const Parameters &parameters,
                           emulator::Memory &memory) {
  Result<emulator::Module> module = emulator::Module::parse(ptx);
  ASSERT_TRUE(module) << module.error() << "\n" << ptx;
  const emulator::ptx::Function *kernel = nullptr;
  for (const emulator::ptx::Function &function : module->ast().functions)
    if (function.isKernel)
      kernel = &function;
  ASSERT_TRUE(kernel) << ptx;

  // Cut at the offsets of the PTX's parameters.
  std::vector<emulator::Argument> arguments;
  size_t offset = 0;
  for (const emulator::ptx::Variable &parameter : kernel->parameters) {
    offset = (offset + parameter.alignment - 1) / parameter.alignment *
             parameter.alignment;
    ASSERT_LE(offset + parameter.bytes, parameters.buffer().size()) << ptx;
    arguments.push_back({parameters.buffer().substr(offset, parameter.bytes)});
    offset += parameter.bytes;
  }
  ASSERT_EQ(offset, parameters.buffer().size()) << ptx;

  emulator::LaunchDimensions dimensions;
  dimensions.grid.x = grid;
  dimensions.block.x = 128;
  dimensions.dynamicSharedBytes = sharedBytes;
  for (auto mode : {emulator::AsyncMode::lazy, emulator::AsyncMode::eager,
                    emulator::AsyncMode::random}) {
    emulator::LaunchOptions options;
    options.async = mode;
    options.seed = uint64_t(mode);
    auto result = emulator::launch(*module, kernel->name, dimensions, arguments,
                                   memory, options);
    ASSERT_TRUE(result) << result.error() << "\n" << ptx;
    ASSERT_TRUE(result->ok()) << result->reports[0].str() << "\n" << ptx;
  }
}

//===----------------------------------------------------------------------===//
// 16-bit floats
//===----------------------------------------------------------------------===//

static uint16_t roundTo(const llvm::fltSemantics &semantics, float number) {
  llvm::APFloat value(number);
  bool losesInfo;
  value.convert(semantics, llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  return uint16_t(value.bitcastToAPInt().getZExtValue());
}

static float widen(const llvm::fltSemantics &semantics, uint16_t bits) {
  llvm::APFloat value(semantics, llvm::APInt(16, bits));
  bool losesInfo;
  value.convert(llvm::APFloat::IEEEsingle(), llvm::APFloat::rmNearestTiesToEven,
                &losesInfo);
  return value.convertToFloat();
}

uint16_t attn::test::toBf16(float number) {
  return roundTo(llvm::APFloat::BFloat(), number);
}
float attn::test::fromBf16(uint16_t bits) {
  return widen(llvm::APFloat::BFloat(), bits);
}
uint16_t attn::test::toF16(float number) {
  return roundTo(llvm::APFloat::IEEEhalf(), number);
}
float attn::test::fromF16(uint16_t bits) {
  return widen(llvm::APFloat::IEEEhalf(), bits);
}
