//===- OperandTest.cpp - Instructions and operands of PTX -----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ParserSupport.h"

#include <cstring>

using namespace attn::emulator::ptx;
using Kind = Operand::Kind;

namespace {

/// An operand as a short text: registers by name, numbers as their bits.
std::string str(const Function &function, const Operand &operand) {
  auto join = [&](const char *open, const char *close) {
    std::string text = open;
    for (const Operand &element : operand.elements)
      text += (text == open ? "" : ",") + str(function, element);
    return text + close;
  };
  switch (operand.kind) {
  case Kind::reg:
    return (operand.negated ? "!" : "") +
           function.registers[operand.index].name;
  case Kind::special:
    return "special " + operand.name;
  case Kind::integer:
    return "i" + std::to_string(operand.bits);
  case Kind::single:
    return "f" + std::to_string(operand.bits);
  case Kind::real: {
    double value;
    std::memcpy(&value, &operand.bits, sizeof(value));
    return "d" + std::to_string(value);
  }
  case Kind::symbol:
    return "symbol " + operand.name +
           (operand.offset ? "+" + std::to_string(operand.offset) : "");
  case Kind::label:
    return "label " + function.labels[operand.index].name;
  case Kind::address:
    return join("[", "]") + std::to_string(operand.offset);
  case Kind::vector:
    return join("{", "}");
  case Kind::pair:
    return join("pair(", ")");
  case Kind::tensor:
    return join("tensor(", ")");
  case Kind::list:
    return join("(", ")");
  case Kind::discard:
    return "_";
  }
  return "?";
}

/// The instruction that comes first in the body.
std::string instruction(const std::string &body) {
  Function k = parsedBody(body);
  if (k.instructions.empty())
    return "";
  const Instruction &first = k.instructions[0];
  std::string text;
  if (first.guard >= 0)
    text = std::string(first.guardNegated ? "@!" : "@") +
           k.registers[first.guard].name + " ";
  text += first.opcode;
  for (const Operand &operand : first.operands)
    text += " " + str(k, operand);
  return text;
}

TEST(Operand, Opcodes) {
  EXPECT_EQ(instruction("ret;"), "ret");
  EXPECT_EQ(instruction("@%p1 ret;"), "@%p1 ret");
  EXPECT_EQ(instruction("@!%p2 exit ;"), "@!%p2 exit");
  EXPECT_EQ(instruction("fence.proxy.async.shared::cta;"),
            "fence.proxy.async.shared::cta");
  EXPECT_EQ(instruction("ld.global.L1::no_allocate.L2::128B.b32 "
                        "%r1, [%rd1];"),
            "ld.global.L1::no_allocate.L2::128B.b32 %r1 [%rd1]0");
  EXPECT_EQ(instruction("cp.async.bulk.tensor .2d\n .shared::cluster // c\n"
                        ".global [%r1], [%rd1, {%r2, %r3}], [%r4];"),
            "cp.async.bulk.tensor.2d.shared::cluster.global [%r1]0 "
            "tensor(%rd1,{%r2,%r3}) [%r4]0");
  EXPECT_EQ(parsedBody("add\n.s32 /*\n*/ .x %r1;\nret;").instructions[1].line,
            9);
}

TEST(Operand, Numbers) {
  EXPECT_EQ(instruction("x 42, 0x2a, 0X2A, 052, 0b101010, 42U, 0x2aU;"),
            "x i42 i42 i42 i42 i42 i42 i42");
  EXPECT_EQ(instruction("x 0, 0U, -1, +1, - 5, 18446744073709551615;"),
            "x i0 i0 i18446744073709551615 i1 i18446744073709551611 "
            "i18446744073709551615");
  EXPECT_EQ(instruction("x -9223372036854775808, WARP_SZ;"),
            "x i9223372036854775808 i32");
  EXPECT_EQ(instruction("x 0f3F800000, 0F3f800000, 0f00000000;"),
            "x f1065353216 f1065353216 f0");
  EXPECT_EQ(instruction("x -0dBFF0000000000000, 1.5, 1., .5, -2.5e+1, 1e3, "
                        "25E-2;"),
            "x d1.000000 d1.500000 d1.000000 d0.500000 d-25.000000 "
            "d1000.000000 d0.250000");
}

TEST(Operand, Registers) {
  EXPECT_EQ(instruction("selp.b32 %r1, %r2, %r3, %p1;"),
            "selp.b32 %r1 %r2 %r3 %p1");
  EXPECT_EQ(instruction("and.pred %p1, !%p2, %p3;"), "and.pred %p1 !%p2 %p3");
  EXPECT_EQ(instruction("setp.eq.s32 %p1|%p2, %r1, 0;"),
            "setp.eq.s32 pair(%p1,%p2) %r1 i0");
  EXPECT_EQ(instruction("elect.sync _|%p1, -1;"),
            "elect.sync pair(_,%p1) i18446744073709551615");
  EXPECT_EQ(instruction("setp.eq.s32 %p1 | _, %r1, %r2;"),
            "setp.eq.s32 pair(%p1,_) %r1 %r2");
  EXPECT_EQ(instruction("mbarrier.arrive.shared.b64 _, [%r1];"),
            "mbarrier.arrive.shared.b64 _ [%r1]0");
}

TEST(Operand, SpecialRegisters) {
  EXPECT_EQ(instruction("mov.u32 %r1, %tid.x;"), "mov.u32 %r1 special tid.x");
  EXPECT_EQ(instruction("mov.u32 %r1, %cluster_nctaid.z;"),
            "mov.u32 %r1 special cluster_nctaid.z");
  for (const char *name : {"laneid",
                           "warpid",
                           "nwarpid",
                           "smid",
                           "nsmid",
                           "gridid",
                           "clock",
                           "clock_hi",
                           "clock64",
                           "globaltimer",
                           "globaltimer_lo",
                           "globaltimer_hi",
                           "lanemask_eq",
                           "lanemask_le",
                           "lanemask_lt",
                           "lanemask_ge",
                           "lanemask_gt",
                           "dynamic_smem_size",
                           "total_smem_size",
                           "aggr_smem_size",
                           "is_explicit_cluster",
                           "cluster_ctarank",
                           "cluster_nctarank",
                           "current_graph_exec",
                           "pm0",
                           "pm7",
                           "pm7_64",
                           "envreg0",
                           "envreg31",
                           "reserved_smem_offset_begin",
                           "reserved_smem_offset_end",
                           "reserved_smem_offset_cap",
                           "reserved_smem_offset_0",
                           "reserved_smem_offset_1",
                           "tid",
                           "nctaid"})
    EXPECT_EQ(instruction(std::string("mov.u32 %r1, %") + name + ";"),
              std::string("mov.u32 %r1 special ") + name);
  // A register may be called so.
  EXPECT_EQ(instruction(".reg .b32 %smid; mov.u32 %r1, %smid;"),
            "mov.u32 %r1 %smid");
}

TEST(Operand, Addresses) {
  EXPECT_EQ(instruction("ld.b32 %r1, [%rd1];"), "ld.b32 %r1 [%rd1]0");
  EXPECT_EQ(instruction("ld.b32 %r1, [%rd1+8];"), "ld.b32 %r1 [%rd1]8");
  EXPECT_EQ(instruction("ld.b32 %r1, [%rd1 + -8];"), "ld.b32 %r1 [%rd1]-8");
  EXPECT_EQ(instruction("ld.b32 %r1, [%rd1-8];"), "ld.b32 %r1 [%rd1]-8");
  EXPECT_EQ(instruction("ld.b32 %r1, [p+0x10+4-2];"),
            "ld.b32 %r1 [symbol p]18");
  EXPECT_EQ(instruction("ld.b32 %r1, [4096];"), "ld.b32 %r1 [i4096]0");
  EXPECT_EQ(instruction("mov.u64 %rd1, p;"), "mov.u64 %rd1 symbol p");
  EXPECT_EQ(instruction("mov.u64 %rd1, p+8;"), "mov.u64 %rd1 symbol p+8");
}

/// Checked against what ptxas makes of them.
TEST(Operand, Indices) {
  std::string arrays = ".shared .b32 a[2][3]; .shared .v4 .b16 v[2];\n"
                       ".global .b64 g[2];\n";
  EXPECT_EQ(instruction(arrays + "x a[1], v[1], g[1], a[0];"),
            "x symbol a+4 symbol v+2 symbol g@0+8 symbol a");
  Module module = parsedModule(".shared .b64 a[4];\n"
                               ".entry k() { x a[3]; }");
  EXPECT_EQ(
      str(module.functions[0], module.functions[0].instructions[0].operands[0]),
      "symbol a+24");
}

TEST(Operand, Vectors) {
  EXPECT_EQ(instruction("mov.b64 {%r1, _}, %rd1;"), "mov.b64 {%r1,_} %rd1");
  EXPECT_EQ(instruction("st.v4.b32 [%rd1], {%r1, 2, 0f3F800000, %r4};"),
            "st.v4.b32 [%rd1]0 {%r1,i2,f1065353216,%r4}");
}

TEST(Operand, Tensors) {
  EXPECT_EQ(instruction("t [%rd1, {%r1}], [p, {%r1, 0}, [%rd2]];"),
            "t tensor(%rd1,{%r1}) tensor(symbol p,{%r1,i0},[%rd2]0)");
  EXPECT_EQ(instruction("tex.2d.v4.f32.f32 {%r1,%r2,%r3,%r4}, "
                        "[%rd1, %rd2, {%r1, %r2}];"),
            "tex.2d.v4.f32.f32 {%r1,%r2,%r3,%r4} tensor(%rd1,%rd2,{%r1,%r2})");
}

TEST(Operand, BranchesAndTables) {
  EXPECT_EQ(instruction("bra L; L:"), "bra label L");
  Function k = parsedBody("{ t: .branchtargets A; brx.idx %r1, t; A: }\n"
                          "t: .branchtargets B,\n A, B;\n"
                          "@%p1 brx.idx %r2, t;\nA: ret;\nB: ret;");
  ASSERT_EQ(k.branchTargets.size(), 2u);
  EXPECT_EQ(k.branchTargets[0].labels, std::vector<int>({0}));
  EXPECT_EQ(k.branchTargets[1].labels, std::vector<int>({2, 1, 2}));
  EXPECT_EQ(k.instructions[0].operands[1].kind, Kind::symbol);
  EXPECT_EQ(k.instructions[0].operands[1].index, 0);
  EXPECT_EQ(k.instructions[1].operands[1].index, 1);
  EXPECT_EQ(k.instructions[1].operands[1].name, "t");
}

TEST(Operand, Calls) {
  auto call = [](const std::string &text) {
    return instruction(".param .b32 a; .param .b32 r;\n"
                       "proto: .callprototype (.param .b32 _) _ "
                       "(.param .align 8 .b8 _[16], .param .b8 list[]) "
                       ".noreturn;\n"
                       "none: .callprototype ()_ () .abi_preserve 2;\n"
                       "bare: .callprototype _;\n"
                       "some: .calltargets k;\n" +
                       text);
  };
  EXPECT_EQ(call("call.uni (r), k, (a, 1);"),
            "call.uni (symbol r) symbol k (symbol a,i1)");
  EXPECT_EQ(call("call k;"), "call symbol k");
  EXPECT_EQ(call("call k, ();"), "call symbol k ()");
  EXPECT_EQ(call("call (r), %rd1, (a), proto;"),
            "call (symbol r) %rd1 (symbol a) symbol proto");
  EXPECT_EQ(call("call %rd1, some;"), "call %rd1 symbol some");
}

} // namespace
