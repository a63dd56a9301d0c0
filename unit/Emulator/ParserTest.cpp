//===- ParserTest.cpp - The syntax tree of small PTX texts ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ParserSupport.h"

using namespace attn::emulator::ptx;
using Kind = Operand::Kind;

namespace {

//===----------------------------------------------------------------------===//
// The module
//===----------------------------------------------------------------------===//

TEST(Parser, Header) {
  Module module = parsed(".version 8.3\n.target sm_90a, debug\n"
                         ".address_size 64\n");
  EXPECT_EQ(module.versionMajor, 8);
  EXPECT_EQ(module.versionMinor, 3);
  EXPECT_EQ(module.target, "sm_90a");
  EXPECT_EQ(module.sm, 90);
  EXPECT_TRUE(module.archSpecific);
  EXPECT_FALSE(module.familySpecific);
  EXPECT_EQ(module.addressSize, 64);

  module = parsed(".version 9.0 .target sm_100f, texmode_independent");
  EXPECT_EQ(module.sm, 100);
  EXPECT_FALSE(module.archSpecific);
  EXPECT_TRUE(module.familySpecific);

  module = parsed("// a comment\n/* another\n one */ .version 6.3\n"
                  ".target sm_75 // without .address_size\n");
  EXPECT_EQ(module.target, "sm_75");
  EXPECT_FALSE(module.archSpecific);
}

TEST(Parser, ZeroBytesAtTheEnd) {
  parsed(moduleText(".entry k() { ret; }") + std::string(3, '\0'));
}

TEST(Parser, FilesAndLocations) {
  Module module = parsedModule(
      ".entry k() {\nret;\n.loc 1 10 3\nret;\n"
      ".loc 2 20 1, function_name $L__info0, inlined_at 1 10 3\nret;\n"
      ".loc 3 5 1, function_name $L__info0+4\nret;\n}\n"
      ".entry l() { ret; }\n"
      ".file 1 \"a.cu\"\n.file 2 \"b.h\", 1700000000, 4096\n"
      ".section .debug_str\n{\n$L__info0: .b8 95,90\n.b64 $L__info0+4\n}\n");
  ASSERT_EQ(module.files.size(), 4u);
  EXPECT_EQ(module.files[1], "a.cu");
  EXPECT_EQ(module.files[2], "b.h");
  EXPECT_EQ(module.files[3], "") << "used, but not declared";
  const auto &code = module.functions[0].instructions;
  ASSERT_EQ(code.size(), 4u);
  EXPECT_EQ(code[0].location.file, 0);
  EXPECT_EQ(code[0].line, 5);
  EXPECT_EQ(code[1].location.file, 1);
  EXPECT_EQ(code[1].location.line, 10);
  EXPECT_EQ(code[1].line, 7);
  EXPECT_EQ(code[2].location.file, 2);
  EXPECT_EQ(code[2].location.line, 20);
  EXPECT_EQ(code[3].location.file, 3);
  EXPECT_EQ(module.functions[1].instructions[0].location.file, 0);
}

TEST(Parser, LinkageAndPragmas) {
  Module module = parsedModule(
      ".pragma \"nounroll\";\n"
      ".visible .entry a() .pragma \"x\", \"y\"; { .pragma \"z\"; ret; }\n"
      ".weak .entry b { ret; }\n.extern .entry c();\n"
      ".common .global .b32 d;\n.weak .global .b32 e = 1;\n"
      ".extern .shared .align 16 .b8 f[];\n"
      ".global .attribute(.managed, .unified(1, 2)) .align 4 .u32 g;\n"
      ".func .attribute(.unified(1,2)) h() .noreturn .abi_preserve 4 "
      ".abi_preserve_control 2 { exit; }\n");
  EXPECT_EQ(module.functions.size(), 4u);
  ASSERT_EQ(module.variables.size(), 4u);
  EXPECT_FALSE(module.variables[0].isExternal);
  EXPECT_TRUE(module.variables[2].isExternal);
  EXPECT_EQ(module.variables[2].bytes, 0u);
  EXPECT_EQ(module.variables[2].alignment, 16u);
  EXPECT_FALSE(module.functions[2].hasBody);
}

TEST(Parser, KernelDirectives) {
  Module module = parsedModule(
      ".entry a() .maxntid 128, 2 .minnctapersm 2 .maxnreg 64 { ret; }\n"
      ".entry b() .reqntid 32 .explicitcluster .reqnctapercluster 2,1,1\n"
      ".maxclusterrank 4 .maxnctapersm 3 .explicitcluster { ret; }\n");
  const Function &a = module.functions[0], &b = module.functions[1];
  EXPECT_EQ(a.maxThreads[0], 128u);
  EXPECT_EQ(a.maxThreads[1], 2u);
  EXPECT_EQ(a.maxThreads[2], 1u);
  EXPECT_EQ(a.requiredThreads[0], 0u);
  EXPECT_EQ(a.minCtas, 2u);
  EXPECT_EQ(a.maxRegisters, 64u);
  EXPECT_EQ(b.requiredThreads[0], 32u);
  EXPECT_EQ(b.requiredThreads[2], 1u);
  EXPECT_EQ(b.requiredCluster[0], 2u);
  EXPECT_EQ(b.maxThreads[0], 0u);
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

TEST(Parser, Parameters) {
  Module module = parsedModule(
      ".entry k(.param .u64 .ptr .global .align 16 a, .param .u64 .ptr b,\n"
      " .param .align 64 .b8 c[128], .param .f32 d) { ret; }\n"
      ".func (.param .align 8 .b8 r[16]) f(.param .b8 list[]);\n");
  const Function &k = module.functions[0], &f = module.functions[1];
  EXPECT_TRUE(k.isKernel);
  ASSERT_EQ(k.parameters.size(), 4u);
  EXPECT_EQ(k.parameters[0].name, "a");
  EXPECT_EQ(k.parameters[0].space, Space::param);
  EXPECT_EQ(k.parameters[0].bytes, 8u);
  EXPECT_EQ(k.parameters[0].alignment, 8u);
  EXPECT_EQ(k.parameters[2].bytes, 128u);
  EXPECT_EQ(k.parameters[2].elementBytes, 1);
  EXPECT_EQ(k.parameters[2].alignment, 64u);
  EXPECT_EQ(k.parameters[3].alignment, 4u);
  EXPECT_FALSE(f.isKernel);
  EXPECT_FALSE(f.hasBody);
  ASSERT_EQ(f.results.size(), 1u);
  EXPECT_EQ(f.results[0].bytes, 16u);
  EXPECT_EQ(f.parameters[0].bytes, 0u);
}

TEST(Parser, DeclarationsAndDefinitions) {
  Module module = parsedModule(
      ".func (.param .b32 r) f(.param .b32 a);\n"
      ".func g() { call.uni f, (1); ret; }\n"
      ".func (.param .b32 x) f(.param .b32 y) { call.uni (x), f, (y); ret; }\n"
      ".func h();\n.alias h, g;\n");
  ASSERT_EQ(module.functions.size(), 3u);
  EXPECT_EQ(module.functions[0].name, "f");
  EXPECT_TRUE(module.functions[0].hasBody);
  EXPECT_EQ(module.functions[0].line, 6);
  EXPECT_EQ(module.functions[0].parameters[0].name, "y");
  EXPECT_EQ(module.functions[2].aliasOf, "g");
}

TEST(Parser, ExternalVariables) {
  Module module = parsedModule(".extern .global .u32 x;\n"
                               ".extern .global .u32 x;\n"
                               ".visible .global .u32 x = 7;\n"
                               ".extern .global .u32 x;\n");
  ASSERT_EQ(module.variables.size(), 1u);
  EXPECT_FALSE(module.variables[0].isExternal);
  EXPECT_EQ(module.variables[0].initial, std::string("\7\0\0\0", 4));
}

//===----------------------------------------------------------------------===//
// Variables
//===----------------------------------------------------------------------===//

TEST(Parser, Variables) {
  Module module =
      parsedModule(".shared .align 128 .b8 a[1024], b;\n.const .f32 c[2][3];\n"
                   ".global .v4 .f32 d;\n.global .align 32 .v2 .u64 e[3];\n"
                   ".global .f16 h;\n.global .b128 q;\n");
  const auto &v = module.variables;
  ASSERT_EQ(v.size(), 7u);
  EXPECT_EQ(v[0].space, Space::shared);
  EXPECT_EQ(v[0].bytes, 1024u);
  EXPECT_EQ(v[0].alignment, 128u);
  EXPECT_EQ(v[1].name, "b");
  EXPECT_EQ(v[1].bytes, 1u);
  EXPECT_EQ(v[1].alignment, 128u);
  EXPECT_EQ(v[2].space, Space::constant);
  EXPECT_EQ(v[2].bytes, 24u);
  EXPECT_EQ(v[2].elementBytes, 4);
  EXPECT_EQ(v[2].alignment, 4u);
  EXPECT_EQ(v[2].line, 5);
  EXPECT_EQ(v[3].bytes, 16u);
  EXPECT_EQ(v[3].alignment, 16u);
  EXPECT_EQ(v[4].bytes, 48u);
  EXPECT_EQ(v[4].alignment, 32u);
  EXPECT_EQ(v[5].bytes, 2u);
  EXPECT_EQ(v[6].bytes, 16u);
}

/// The initial bytes of the variable x.
std::string initialBytes(const std::string &declaration) {
  Module module = parsedModule(".global .b32 other;\n" + declaration);
  for (const Variable &variable : module.variables)
    if (variable.name == "x")
      return variable.initial;
  return "no x";
}
std::string bytesOf(std::initializer_list<int> bytes) {
  return std::string(bytes.begin(), bytes.end());
}

TEST(Parser, InitialIntegers) {
  EXPECT_EQ(initialBytes(".global .u32 x = 0x01020304;"),
            bytesOf({4, 3, 2, 1}));
  EXPECT_EQ(initialBytes(".global .s16 x = -2;"), bytesOf({254, 255}));
  EXPECT_EQ(initialBytes(".global .u8 x = 255;"), bytesOf({255}));
  EXPECT_EQ(initialBytes(".global .b8 x = -128;"), bytesOf({128}));
  EXPECT_EQ(initialBytes(".global .u8 x[4] = {017, 0b101U, 3U};"),
            bytesOf({15, 5, 3}));
  EXPECT_EQ(initialBytes(".global .s64 x = -9223372036854775808;"),
            bytesOf({0, 0, 0, 0, 0, 0, 0, 128}));
  EXPECT_EQ(initialBytes(".global .u8 x[9] = {};"), "");
}

TEST(Parser, InitialFloats) {
  EXPECT_EQ(initialBytes(".global .f32 x = 1.0;"), bytesOf({0, 0, 128, 63}));
  EXPECT_EQ(initialBytes(".global .f32 x = -1.0;"), bytesOf({0, 0, 128, 191}));
  EXPECT_EQ(initialBytes(".global .f32 x = 0F3f800000;"),
            bytesOf({0, 0, 128, 63}));
  EXPECT_EQ(initialBytes(".global .f32 x = 0d3FF0000000000000;"),
            bytesOf({0, 0, 128, 63}));
  EXPECT_EQ(initialBytes(".global .f64 x = 0f3F800000;"),
            bytesOf({0, 0, 0, 0, 0, 0, 240, 63}));
  EXPECT_EQ(initialBytes(".global .f64 x = 2.5e-1;"),
            bytesOf({0, 0, 0, 0, 0, 0, 208, 63}));
  EXPECT_EQ(initialBytes(".global .b32 x = 0f3F800000;"),
            bytesOf({0, 0, 128, 63}));
  // A signalling NaN stays what it is.
  EXPECT_EQ(initialBytes(".global .f32 x = 0f7F800001;"),
            bytesOf({1, 0, 128, 127}));
}

TEST(Parser, InitialLists) {
  Module module = parsedModule(
      ".global .u8 a[2][3] = {{1, 2}, {4}};\n.global .u8 b[] = {1, 2, 3};\n"
      ".global .u8 c[][2] = {{1}, {3, 4}, {}};\n"
      ".global .v2 .u8 d[2] = {{1, 2}, {3, 4}};\n"
      ".global .v4 .u8 e = {1, 2, 3, 4};\n");
  const auto &v = module.variables;
  EXPECT_EQ(v[0].initial, bytesOf({1, 2, 0, 4}));
  EXPECT_EQ(v[0].bytes, 6u);
  EXPECT_EQ(v[1].initial, bytesOf({1, 2, 3}));
  EXPECT_EQ(v[1].bytes, 3u);
  EXPECT_EQ(v[2].initial, bytesOf({1, 0, 3, 4}));
  EXPECT_EQ(v[2].bytes, 6u);
  EXPECT_EQ(v[3].initial, bytesOf({1, 2, 3, 4}));
  EXPECT_EQ(v[4].initial, bytesOf({1, 2, 3, 4}));
}

TEST(Parser, InitialAddresses) {
  Module module = parsedModule(
      ".func f();\n.global .u32 y;\n"
      ".global .u64 x[5] = {y, y+4, generic(y), generic(y)-8, f};\n"
      ".global .u32 low = y;\n"
      ".global .align 1 .u8 packed[3] = {1, 0xFF00(generic(y)), 0xFF(y+2)};\n");
  const Variable &x = module.variables[1], &low = module.variables[2],
                 &packed = module.variables[3];
  EXPECT_EQ(x.initial, std::string(40, '\0'));
  ASSERT_EQ(x.relocations.size(), 5u);
  EXPECT_EQ(x.relocations[0].symbol, "y");
  EXPECT_EQ(x.relocations[0].offset, 0u);
  EXPECT_EQ(x.relocations[0].bytes, 8);
  EXPECT_FALSE(x.relocations[0].generic);
  EXPECT_EQ(x.relocations[1].offset, 8u);
  EXPECT_EQ(x.relocations[1].addend, 4);
  EXPECT_TRUE(x.relocations[2].generic);
  EXPECT_EQ(x.relocations[3].addend, -8);
  EXPECT_EQ(x.relocations[4].symbol, "f");
  EXPECT_EQ(low.relocations[0].bytes, 4);
  EXPECT_EQ(packed.initial, bytesOf({1, 0, 0}));
  ASSERT_EQ(packed.relocations.size(), 2u);
  EXPECT_EQ(packed.relocations[0].offset, 1u);
  EXPECT_EQ(packed.relocations[0].bytes, 1);
  EXPECT_EQ(packed.relocations[0].shift, 8);
  EXPECT_TRUE(packed.relocations[0].generic);
  EXPECT_EQ(packed.relocations[1].shift, 0);
  EXPECT_EQ(packed.relocations[1].addend, 2);
}

//===----------------------------------------------------------------------===//
// Registers and scopes
//===----------------------------------------------------------------------===//

TEST(Parser, Registers) {
  Module module = parsedModule(
      ".entry k() {\n.reg .pred p, q;\n.reg .b16 %h<2>, one;\n"
      ".reg .b128 wide;\n.reg .f16x2 half;\n.reg .v2 .f64 v, %w<2>;\n"
      "mov.f64 v.y, %w1.x;\nmov.f64 v.g, %w1.r;\nmov.v2.f64 v, %w0;\nret;\n}");
  const Function &k = module.functions[0];
  std::vector<std::string> names;
  for (const Register &reg : k.registers)
    names.push_back(reg.name + ":" + std::to_string(reg.bits));
  EXPECT_EQ(names, (std::vector<std::string>{
                       "p:1", "q:1", "%h0:16", "%h1:16", "one:16", "wide:128",
                       "half:32", "v.x:64", "v.y:64", "%w0.x:64", "%w0.y:64",
                       "%w1.x:64", "%w1.y:64"}));
  for (int n : {0, 1}) {
    EXPECT_EQ(k.instructions[n].operands[0].index, 8);
    EXPECT_EQ(k.instructions[n].operands[1].index, 11);
  }
  const Operand &whole = k.instructions[2].operands[1];
  EXPECT_EQ(whole.kind, Kind::vector);
  ASSERT_EQ(whole.elements.size(), 2u);
  EXPECT_EQ(whole.elements[1].index, 10);
}

TEST(Parser, BlocksScopeRegistersAndLabels) {
  // As inline assembly in a loop that was unrolled.
  Function k = parsedBody("{\n.reg .b32 %r<2>;\nagain: mov.u32 %r1, %r2;\n"
                          "bra again;\n}\n{\nbra again;\n"
                          "{ bra again; }\nagain: bra done;\n}\ndone:");
  ASSERT_EQ(k.labels.size(), 3u);
  EXPECT_EQ(k.labels[0].name, "again");
  EXPECT_EQ(k.labels[0].instruction, 0);
  EXPECT_EQ(k.labels[1].name, "again");
  EXPECT_EQ(k.labels[1].instruction, 4);
  EXPECT_EQ(k.labels[2].instruction, 5);
  const auto &code = k.instructions;
  EXPECT_EQ(k.registers[code[0].operands[0].index].name, "%r1");
  EXPECT_GT(code[0].operands[0].index, code[0].operands[1].index)
      << "%r1 of the block, %r2 of the function";
  EXPECT_EQ(code[1].operands[0].index, 0);
  EXPECT_EQ(code[2].operands[0].index, 1);
  EXPECT_EQ(code[3].operands[0].index, 1);
  EXPECT_EQ(code[4].operands[0].index, 2);
}

TEST(Parser, InnermostLabelFurtherDown) {
  Function k = parsedBody("L:\n{\nbra L;\nret;\nL: ret;\n}\n");
  ASSERT_EQ(k.labels.size(), 2u);
  EXPECT_EQ(k.instructions[0].operands[0].index, 1);
}

TEST(Parser, LabelAtTheEnd) {
  Module module = parsedModule(".entry k() { bra end; a: b: end: }");
  const Function &k = module.functions[0];
  ASSERT_EQ(k.labels.size(), 3u);
  EXPECT_EQ(k.labels[2].instruction, 1);
  EXPECT_EQ(k.instructions[0].operands[0].index, 2);
}

TEST(Parser, VariablesOfBlocksHaveNamesOfTheirOwn) {
  Module module = parsedModule(
      ".global .b32 x;\n.entry k() {\n.reg .b32 r;\n.shared .b32 s;\n"
      "{ .param .b32 a; ld.param.b32 r, [a]; }\n"
      "{ .param .b32 a[2]; ld.param.b32 r, [a+4];\n"
      "  { .local .b32 x; ld.local.b32 r, [x]; } }\n"
      "ld.global.b32 r, [x];\n.global .b32 g; ld.global.b32 r, [g];\n}\n"
      ".entry l() {\n.reg .b32 r;\n.shared .b32 s;\nld.shared.b32 r, [s];\n"
      ".const .b32 g; ld.const.b32 r, [g];\n}\n.global .b32 g;\n");
  const Function &k = module.functions[0], &l = module.functions[1];
  auto base = [](const Function &function, int n) {
    return function.instructions[n].operands[1].elements[0].name;
  };
  ASSERT_EQ(k.variables.size(), 4u);
  EXPECT_EQ(k.variables[0].name, "s");
  EXPECT_EQ(k.variables[1].name, "a");
  EXPECT_EQ(base(k, 0), "a");
  EXPECT_NE(k.variables[2].name, "a");
  EXPECT_EQ(base(k, 1), k.variables[2].name);
  EXPECT_NE(k.variables[3].name, "x");
  EXPECT_EQ(base(k, 2), k.variables[3].name);
  EXPECT_EQ(base(k, 3), "x");
  ASSERT_EQ(l.variables.size(), 1u);
  EXPECT_NE(l.variables[0].name, "s") << "another kernel has one";
  EXPECT_EQ(base(l, 0), l.variables[0].name);
  ASSERT_EQ(module.variables.size(), 4u);
  EXPECT_EQ(module.variables[1].space, Space::global);
  EXPECT_EQ(base(k, 4), module.variables[1].name);
  EXPECT_EQ(module.variables[2].space, Space::constant);
  EXPECT_EQ(base(l, 1), module.variables[2].name);
  EXPECT_EQ(module.variables[3].name, "g");

  module = parsedModule(".entry k(.param .b32 p) { .param .b32 a; ret; }\n"
                        ".entry l(.param .b32 p) { .param .b32 a;\n"
                        ".reg .b32 r; { .param .b32 p; ld.b32 r, [p]; } }");
  const auto &variables = module.functions[1].variables;
  ASSERT_EQ(variables.size(), 2u);
  EXPECT_EQ(variables[0].name, "a");
  EXPECT_NE(variables[1].name, "p");
}

TEST(Parser, RangeBesideItsNames) {
  Function k = parsedBody(".reg .b32 %x3, %x<3>, %x7;\nadd.s32 %x2, %x3, %x7;");
  const auto &operands = k.instructions[0].operands;
  EXPECT_EQ(k.registers[operands[0].index].name, "%x2");
  EXPECT_EQ(k.registers[operands[1].index].name, "%x3");
  EXPECT_EQ(k.registers[operands[2].index].name, "%x7");
}

TEST(Parser, NamesOfAllKinds) {
  Function k = parsedBody(".reg .b32 $a, _b, %c$_1, mov;\n"
                          "mov.u32 $a, _b;\nmov.u32 %c$_1, mov;\n%l: bra %l;");
  EXPECT_EQ(k.registers[k.instructions[1].operands[0].index].name, "%c$_1");
  EXPECT_EQ(k.registers[k.instructions[1].operands[1].index].name, "mov");
  EXPECT_EQ(k.instructions[2].operands[0].kind, Kind::label);
}

} // namespace
