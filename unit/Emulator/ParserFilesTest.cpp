//===- ParserFilesTest.cpp - PTX of nvcc and Clang ------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ParserSupport.h"

#include <cstring>
#include <fstream>
#include <sstream>

using namespace attn::emulator::ptx;
using Kind = Operand::Kind;

namespace {

const char *const files[] = {"bulk_sm90a.ptx", "language_sm80.ptx",
                             "switch_sm80.ptx"};

std::string readFile(const std::string &name) {
  std::ifstream file(std::string(ATTN_TEST_PTX) + "/" + name);
  EXPECT_TRUE(file) << name;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

const Function &find(const Module &module, const std::string &name) {
  for (const Function &function : module.functions)
    if (function.name.find(name) != std::string::npos)
      return function;
  ADD_FAILURE() << name;
  static const Function none;
  return none;
}

const Variable &find(const std::vector<Variable> &variables,
                     const std::string &name) {
  for (const Variable &variable : variables)
    if (variable.name.find(name) != std::string::npos)
      return variable;
  ADD_FAILURE() << name;
  static const Variable none;
  return none;
}

const Instruction &find(const Function &function, const std::string &opcode) {
  for (const Instruction &instruction : function.instructions)
    if (instruction.opcode == opcode)
      return instruction;
  ADD_FAILURE() << opcode;
  static const Instruction none;
  return none;
}

TEST(ParserFiles, Language) {
  Module module = parsed(readFile("language_sm80.ptx"));
  EXPECT_EQ(module.target, "sm_80");
  ASSERT_EQ(module.files.size(), 2u);
  EXPECT_EQ(module.files[1], "language.cu");

  float table[4];
  const Variable &constants = find(module.variables, "table");
  ASSERT_EQ(constants.initial.size(), sizeof(table));
  std::memcpy(table, constants.initial.data(), sizeof(table));
  EXPECT_EQ(table[1], 2.5f);
  EXPECT_EQ(table[3], 0.1f);
  const Variable &pointer = find(module.variables, "pointer");
  ASSERT_EQ(pointer.relocations.size(), 1u);
  EXPECT_EQ(pointer.relocations[0].symbol, "matrix");
  EXPECT_EQ(pointer.relocations[0].addend, 16);
  EXPECT_TRUE(find(module.variables, "dynamicMemory").isExternal);

  EXPECT_FALSE(find(module, "vprintf").hasBody);
  const Function &kernel = find(module, "language");
  EXPECT_TRUE(kernel.isKernel);
  ASSERT_EQ(kernel.parameters.size(), 3u);
  EXPECT_EQ(kernel.parameters[1].bytes, 16u);
  EXPECT_EQ(kernel.maxThreads[0], 128u);
  EXPECT_EQ(kernel.minCtas, 2u);
  EXPECT_EQ(find(kernel.variables, "tile").bytes, 512u);
  EXPECT_EQ(find(kernel.variables, "__local_depot").space, Space::local);

  // The inline assembly of the unrolled loop.
  int again = 0;
  for (const Label &label : kernel.labels)
    again += label.name == "L1";
  EXPECT_EQ(again, 2);
  const Instruction &barrier = find(kernel, "bar.sync");
  EXPECT_EQ(barrier.location.file, 1);
  EXPECT_EQ(barrier.location.line, 17);
  // Of two calls, the parameters of the second have names of their own.
  const Instruction *last = nullptr;
  for (const Instruction &instruction : kernel.instructions)
    if (instruction.opcode == "call.uni")
      last = &instruction;
  ASSERT_TRUE(last);
  ASSERT_EQ(last->operands.size(), 3u);
  EXPECT_EQ(last->operands[1].name, find(module, "make").name);
  const Operand &result = last->operands[0].elements[0];
  EXPECT_EQ(find(kernel.variables, result.name).bytes, 16u);
}

TEST(ParserFiles, Bulk) {
  Module module = parsed(readFile("bulk_sm90a.ptx"));
  EXPECT_TRUE(module.archSpecific);
  const Function &kernel = find(module, "bulk");
  EXPECT_EQ(kernel.requiredCluster[0], 2u);
  const Instruction &load = find(
      kernel, "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::"
              "complete_tx::bytes");
  ASSERT_EQ(load.operands.size(), 3u);
  EXPECT_EQ(load.operands[1].kind, Kind::tensor);
  ASSERT_EQ(load.operands[1].elements.size(), 2u);
  EXPECT_EQ(load.operands[1].elements[1].elements.size(), 3u);
  const Instruction &product =
      find(kernel, "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16");
  ASSERT_EQ(product.operands.size(), 8u);
  EXPECT_EQ(product.operands[0].elements.size(), 4u);
  EXPECT_EQ(kernel.registers[product.operands[3].index].name, "p");
  const Instruction &elect = find(kernel, "elect.sync");
  EXPECT_EQ(elect.operands[0].kind, Kind::pair);
  EXPECT_EQ(elect.operands[1].bits, 0xffffffffu);
}

TEST(ParserFiles, Switch) {
  Module module = parsed(readFile("switch_sm80.ptx"));
  EXPECT_EQ(find(module, "alias").aliasOf, "callee");
  const Variable &packed = find(module.variables, "packed");
  ASSERT_EQ(packed.relocations.size(), 8u);
  EXPECT_EQ(packed.relocations[7].shift, 56);
  EXPECT_EQ(packed.relocations[7].offset, 8u);
  const Function &kernel = find(module, "choose");
  ASSERT_EQ(kernel.branchTargets.size(), 1u);
  EXPECT_EQ(kernel.branchTargets[0].labels.size(), 5u);
  EXPECT_EQ(find(kernel, "brx.idx").operands[1].index, 0);
}

/// The text ends anywhere. Behind the last character there is nothing that may
/// be read: the sanitizers see it.
TEST(ParserFiles, Truncated) {
  for (const char *name : files) {
    std::string text = readFile(name);
    size_t modules = 0;
    for (size_t length = 0; length < text.size(); ++length) {
      std::vector<char> part(text.begin(), text.begin() + length);
      auto module = parse({part.data(), part.size()});
      if (module) {
        ++modules;
        ASSERT_EQ(AstCheck(*module).problem(), "") << name << " " << length;
      } else {
        ASSERT_EQ(module.error().substr(0, 5), "line ") << module.error();
      }
    }
    // It is a module between two functions or variables, in a comment there
    // and in the spaces.
    EXPECT_LT(modules, text.size() / 4) << name;
  }
}

} // namespace
