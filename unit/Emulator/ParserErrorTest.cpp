//===- ParserErrorTest.cpp - PTX that nobody can run ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each sentence of the parser, once. They begin with the line and its text.
//
//===----------------------------------------------------------------------===//

#include "ParserSupport.h"

using namespace attn::emulator::ptx;

namespace {

void expectError(const std::string &text, const std::string &sentence) {
  auto module = parse(text);
  ASSERT_FALSE(module) << text.substr(0, 200);
  EXPECT_EQ(module.error(), sentence);
}

/// In a module; the text begins in line 4.
void inModule(const std::string &text, const std::string &sentence) {
  expectError(moduleText(text), sentence);
}

/// In a kernel; the text is line 6.
void inKernel(const std::string &text, const std::string &sentence) {
  expectError(kernelText(text), sentence);
}

TEST(ParserError, Header) {
  expectError("", "line 1: expected '.version' at the beginning, not the end "
                  "of the text");
  expectError("\n\n.target sm_80",
              "line 3: '.target sm_80': expected '.version' at the beginning, "
              "not '.target'");
  for (const char *version : {"5.9", "10.0", "8.10", "9", "x"})
    expectError(std::string(".version ") + version + "\n.target sm_80",
                std::string("line 1: '.version ") + version +
                    "': expected a version of PTX from 6.0 to 9.9 after "
                    "'.version', not '" +
                    version + "'");
  expectError(".version 8.0\n.address_size 64",
              "line 2: '.address_size 64': expected '.target' after "
              "'.version', not '.address_size'");
  for (const char *target :
       {"compute_80", "sm_8", "sm_80x", "sm_1000", "sm_", "sm_a", "64"})
    expectError(std::string(".version 8.0\n.target ") + target,
                std::string("line 2: '.target ") + target +
                    "': expected a target such as sm_80 or sm_90a, not '" +
                    target + "'");
  expectError(".version 8.0\n.target sm_80, sm_90",
              "line 2: '.target sm_80, sm_90': expected 'debug', "
              "'texmode_unified' or 'texmode_independent', not 'sm_90'");
  expectError(".version 8.0\n.target sm_80\n.address_size 32",
              "line 3: '.address_size 32': expected an address size of 64, "
              "the only one that is supported, not '32'");
}

TEST(ParserError, Characters) {
  inModule("#include", "line 4: '#include': the character '#' does not belong "
                       "to PTX");
  inModule("\xe9", "line 4: '?': the byte 233 does not belong to PTX");
  inModule(std::string("\0b", 2),
           "line 4: '?b': the byte 0 does not belong to PTX");
  inModule(".file 1 \"a.cu\n", "line 4: '.file 1 \"a.cu': the string has no "
                               "end, expected '\"' in this line");
  inModule("/* one\n two\n*/ #", "line 6: '*/ #': the character '#' does not "
                                 "belong to PTX");
  inKernel(". x", "line 6: '. x': the character '.' does not belong to PTX");
  inModule("\n/* one */ /* two\n\n",
           "line 5: '/* one */ /* two': the comment has no end, expected '*/'");
  inModule(std::string(120, 'x'),
           "line 4: '" + std::string(100, 'x') +
               "...': expected a function (.entry, .func), a variable "
               "(.global, .const, .shared), '.file', '.section', '.pragma' or "
               "'.alias', not '" +
               std::string(100, 'x') + "...'");
}

TEST(ParserError, Numbers) {
  auto number = [](const std::string &text, const std::string &what) {
    inKernel("x " + text + ";", "line 6: 'x " + text + ";': " + what);
  };
  number("0x10000000000000000",
         "'0x10000000000000000' is larger than 64 bits hold");
  number("18446744073709551616",
         "'18446744073709551616' is larger than 64 bits hold");
  number("-9223372036854775809",
         "-'9223372036854775809' is smaller than 64 bits hold");
  for (std::string text :
       {"089", "12ab", "0x", "0b2", "0xfg", "1.5f", "1.2.3", "1e", "0U8", "0b"})
    number(text, "'" + text + "' is not a number");
  number("1e999", "'1e999' is out of the range of a double");
  number("0f3F80000",
         "'0f3F80000' is not a number: after 0f there are 8 hexadecimal "
         "digits");
  number("0d3FF000000000000g",
         "'0d3FF000000000000g' is not a number: after 0d there are 16 "
         "hexadecimal digits");
  number("-0f3F800000", "'0f3F800000' has its sign in its digits, expected it "
                        "without '-'");
  number("- %r1", "expected a number, not '%r1'");
  number("[%rd1+9223372036854775808]",
         "expected an integer as offset from 0 to 9223372036854775807, not "
         "'9223372036854775808'");
  number("[%rd1+1.5]", "expected an integer as offset from 0 to "
                       "9223372036854775807, not '1.5'");
  number("[%rd1+9223372036854775807+1]",
         "the offset is larger than 64 bits hold");
}

TEST(ParserError, TopLevel) {
  std::string expected = "expected a function (.entry, .func), a variable "
                         "(.global, .const, .shared), '.file', '.section', "
                         "'.pragma' or '.alias', not ";
  inModule("}", "line 4: '}': " + expected + "'}'");
  inModule(".visible ret;", "line 4: '.visible ret;': " + expected + "'ret'");
  inModule(".local .b32 x;",
           "line 4: '.local .b32 x;': " + expected + "'.local'");
  inModule(".version 9.0",
           "line 4: '.version 9.0': " + expected + "'.version'");
  inModule(".file x", "line 4: '.file x': expected the number of a file, not "
                      "'x'");
  inModule(".file 70000 \"x\"",
           "line 4: '.file 70000 \"x\"': expected the number of a file from 0 "
           "to 65536, not '70000'");
  inModule(".file 1 x", "line 4: '.file 1 x': expected the name of a file in "
                        "quotes, not 'x'");
  inModule(".file 1 \"x\", y", "line 4: '.file 1 \"x\", y': expected the time "
                               "of the file, not 'y'");
  inModule(".file 1 \"x\", 1, y",
           "line 4: '.file 1 \"x\", 1, y': expected the size of the file, not "
           "'y'");
  inModule(".section {", "line 4: '.section {': expected the name of a "
                         "section, not '{'");
  inModule(".section .x { { }",
           "line 4: '.section .x { { }': expected '}' at the end of the "
           "section '.x' of line 4, not '{'");
  inModule(".section .x {\n.b8 1\n",
           "line 5: '.b8 1': expected '}' at the end of the section '.x' of "
           "line 4, not the end of the text");
  inModule(".pragma x;",
           "line 4: '.pragma x;': expected a pragma in quotes, not 'x'");
  inModule(".global .attribute(.x) .b32 y;",
           "line 4: '.global .attribute(.x) .b32 y;': expected '.managed' or "
           "'.unified', not '.x'");
}

TEST(ParserError, Aliases) {
  inModule(".alias f, g;",
           "line 4: '.alias f, g;': the function 'f' is not declared");
  inModule(".func f();\n.alias f, g;",
           "line 5: '.alias f, g;': the function 'g' is not declared");
  inModule(".alias 3", "line 4: '.alias 3': expected the name of the alias, "
                       "not '3'");
  inModule(".func f();\n.alias f, 3", "line 5: '.alias f, 3': expected the "
                                      "name of a function, not '3'");
  inModule(".func f() { } .func g() { }\n.alias f, g;",
           "line 5: '.alias f, g;': 'f' cannot be an alias, because it is "
           "defined already");
  inModule(".func f(); .func g();\n.alias f, g;",
           "line 5: '.alias f, g;': expected a function with a body, not 'g'");
  inModule(".func f(); .func g(.param .b32 a) { }\n.alias f, g;",
           "line 5: '.alias f, g;': the function 'f' differs from 'g', for "
           "which it stands");
}

TEST(ParserError, FunctionHeads) {
  inModule(".func 3", "line 4: '.func 3': expected the name of a function, "
                      "not '3'");
  inModule(".func f(.reg .b32 a);",
           "line 4: '.func f(.reg .b32 a);': expected '.param', not '.reg'");
  inModule(".func f(.param .b32);",
           "line 4: '.func f(.param .b32);': expected the name of a "
           "parameter, not ')'");
  inModule(".func f(.param .b32 _);",
           "line 4: '.func f(.param .b32 _);': expected the name of a "
           "parameter, not '_'");
  inModule(".func f(.param .v4 .b32 a);",
           "line 4: '.func f(.param .v4 .b32 a);': a parameter is no vector, "
           "expected an array of bytes");
  inModule(".entry k(.param .b8 a[]) { }",
           "line 4: '.entry k(.param .b8 a[]) { }': the parameter 'a' of a "
           "kernel needs a size");
  inModule(".func f(.param .b8 a, .param .b8 a);",
           "line 4: '.func f(.param .b8 a, .param .b8 a);': 'a' is declared "
           "already in this block");
  inModule(".func f(.param .b32 a;",
           "line 4: '.func f(.param .b32 a;': expected ')', not ';'");
  inModule(".func f() .maxntid 32 { }",
           "line 4: '.func f() .maxntid 32 { }': expected '.noreturn', "
           "'.pragma', '{' or ';', not '.maxntid'");
  inModule(".entry k() .noreturn { }",
           "line 4: '.entry k() .noreturn { }': expected a directive of a "
           "kernel such as '.maxntid', or '{', not '.noreturn'");
  inModule(".entry k() .maxntid 1, 2, 3, 4 { }",
           "line 4: '.entry k() .maxntid 1, 2, 3, 4 { }': expected at most "
           "three numbers, not '4'");
  inModule(".entry k() .reqntid 0 { }",
           "line 4: '.entry k() .reqntid 0 { }': expected a number of threads "
           "from 1 to 2147483647, not '0'");
  inModule(".entry k() .reqnctapercluster x { }",
           "line 4: '.entry k() .reqnctapercluster x { }': expected a number "
           "of CTAs, not 'x'");
  inModule(".entry k() .maxnreg 4294967296 { }",
           "line 4: '.entry k() .maxnreg 4294967296 { }': expected a number "
           "of registers from 1 to 2147483647, not '4294967296'");
  inModule(".entry k()\nret;", "line 4: '.entry k()': expected '{' or ';' "
                               "after the head of the function 'k', not "
                               "'ret' of line 5");
}

TEST(ParserError, FunctionsDeclaredTwice) {
  inModule(".func f() { }\n.func f() { }",
           "line 5: '.func f() { }': the function 'f' is defined already in "
           "line 4");
  inModule(".func f() { }\n.func f();",
           "line 5: '.func f();': the function 'f' is defined already in "
           "line 4");
  std::string differs =
      "': the function 'f' differs from its declaration in line 4";
  for (const char *other :
       {".func f();", ".func f(.param .b64 a);", ".entry f(.param .b32 a) { }",
        ".func (.param .b32 r) f(.param .b32 a);",
        ".func f(.param .align 8 .b32 a) { }"})
    inModule(std::string(".func f(.param .b32 a);\n") + other,
             std::string("line 5: '") + other + differs);
  inModule(".func f(.param .b8 a[4]);\n.func f(.param .b8 a[8]);",
           "line 5: '.func f(.param .b8 a[8]);" + differs);
  inModule(".global .b32 f;\n.func f();",
           "line 5: '.func f();': 'f' is declared already, as a variable");
  inModule(".func f();\n.global .b32 f;",
           "line 5: '.global .b32 f;': 'f' is declared already");
}

TEST(ParserError, Variables) {
  auto variable = [](const std::string &text, const std::string &what) {
    inModule(text, "line 4: '" + text + "': " + what);
  };
  variable(".global x;", "expected a type such as '.b32' or '.f32', not 'x'");
  variable(".global .bf16 x;",
           "expected a type such as '.b32' or '.f32', not '.bf16'");
  variable(".global .pred x;", "expected a type of a variable, not '.pred', "
                               "which is for registers only");
  variable(".global .v4 .b64 x;",
           "expected a type of at most 32 bits, so that a vector has at most "
           "128, not '.b64'");
  variable(".global .align 3 .b32 x;",
           "expected a power of two as alignment, not '3'");
  variable(".global .align 2097152 .b32 x;",
           "expected an alignment from 1 to 1048576, not '2097152'");
  variable(".global .b32 3;", "expected the name of a variable, not '3'");
  variable(".global .b32 x[0];",
           "expected a number of elements from 1 to 268435456, not '0'");
  variable(".global .b32 x[2][];", "expected a number of elements, not ']'");
  variable(".global .b32 x[2;", "expected ']', not ';'");
  variable(".global .b32 x[1][1][1][1][1][1][1][1][1];",
           "an array has at most 8 dimensions");
  variable(".global .b32 x[65536][65536];",
           "an array has at most 268435456 bytes");
  variable(".shared .b32 x[];",
           "the array 'x' needs a size or an initial value");
  variable(".global .b32 x y;", "expected ';', not 'y'");
  inModule(".global .b8 x[268435456];\n.shared .b8 y;",
           "line 5: '.shared .b8 y;': the variables of a module have at most "
           "268435456 bytes");
  inModule(".global .b32 x;\n.global .b32 x;",
           "line 5: '.global .b32 x;': 'x' is declared already");
  for (const char *other :
       {".global .b64 x;", ".const .b32 x[2];", ".global .b32 x[3];"})
    inModule(std::string(".extern .global .b32 x[2];\n") + other,
             std::string("line 5: '") + other +
                 "': 'x' differs from its declaration in line 4");
}

TEST(ParserError, InitialValues) {
  auto initial = [](const std::string &text, const std::string &what) {
    inModule(".global .b32 y; .shared .b32 s;\n.global " + text + ";",
             "line 5: '.global " + text + ";': " + what);
  };
  initial(".b32 x = ", "expected an initial value, not ';'");
  initial(".b32 x[2] = 1", "expected '{', not '1'");
  initial(".b32 x = {1}", "expected an initial value, not '{'");
  initial(".b32 x[2] = {1 2}",
          "expected ',' or '}' in a list of initial values, not '2'");
  initial(".b32 x[2] = {1,}", "expected an initial value, not '}'");
  initial(".b32 x[2] = {1, 2, 3}",
          "expected at most 2 initial values, one for each element");
  initial(".b32 x[2][2] = {1, 2}", "expected '{', not '1'");
  initial(".v2 .b32 x = {1}", "expected the 2 values of a vector, not '}'");
  initial(".u8 x = 256", "'256' does not fit into .u8");
  initial(".b16 x = -32769", "-'32769' does not fit into .b16");
  initial(".f32 x = 1", "expected a floating-point number such as 1.0 or "
                        "0f3F800000 for .f32, not '1'");
  initial(".s32 x = 1.5", "expected an integer for .s32, not '1.5'");
  initial(".b64 x = 0f3F800000",
          "expected an integer for .b64, not '0f3F800000'");
  initial(".f16 x = 1.5",
          "a variable of type .f16 has no initial value, expected another "
          "type");
  initial(".f32 x = -0f3F800000", "'0f3F800000' has its sign in its digits, "
                                  "expected it without '-'");
  initial(".b64 x = x", "'x' is not declared; a variable or a function was "
                        "expected");
  initial(".b64 x = s", "expected a variable in .global or .const, not 's'");
  initial(".b64 x = generic(3)", "expected the name of a variable, not '3'");
  initial(".u16 x = y", "expected a number for .u16, not 'y'; an address "
                        "needs .u64 or .b64");
  initial(".f64 x = y", "expected a number for .f64, not 'y'; an address "
                        "needs .u64 or .b64");
  initial(".u8 x = 0x1FE(y)", "expected a mask of one byte of the address "
                              "such as 0xFF00, not '0x1FE'");
  initial(".u16 x = 0xFF(y)", "one byte of an address is the value of a "
                              "variable of type .b8 or .u8, not of .u16");
  initial(".u8 x = 0xFF(3)", "expected a symbol, not '3'");
  initial(".b8 x[3][67108864] = {{}, {1}}",
          "the initial values of a module have at most 67108864 bytes");
  inModule(".shared .b32 x = 1;",
           "line 4: '.shared .b32 x = 1;': a variable outside of .global and "
           ".const has no initial value");
  inModule(".extern .global .b32 x = 1;",
           "line 4: '.extern .global .b32 x = 1;': a variable from another "
           "module has no initial value");
}

TEST(ParserError, Registers) {
  auto reg = [](const std::string &text, const std::string &what) {
    inKernel(text, "line 6: '" + text + "': " + what);
  };
  reg(".reg x;", "expected a type such as '.b32' or '.f32', not 'x'");
  reg(".reg .b32 3;", "expected the name of a register, not '3'");
  reg(".reg .b32 _;", "expected the name of a register, not '_'");
  reg(".reg .b32 %x<a>;", "expected a number of registers, not 'a'");
  reg(".reg .b32 %x<2;", "expected '>', not ';'");
  reg(".reg .b32 %x<1048577>;",
      "expected a number of registers from 0 to 1048576, not '1048577'");
  reg(".reg .b32 %x<1048570>;", "a module has at most 1048576 registers");
  for (std::string name : {std::string("%x1"), std::string(65, 'x')})
    reg(".reg .b32 " + name + "<2>;",
        "expected a name of at most 64 characters that does not end in a digit "
        "for a range of registers, not '" +
            name + "'");
  reg(".reg .b32 %r9;", "'%r9' is declared already in this block");
  reg(".reg .b32 p;", "'p' is declared already in this block");
  reg(".reg .b32 %x9, %x3, %x<4>;",
      "some of the registers '%x0' to '%x3' are declared already");
  reg(".reg .b32 %r<4>;",
      "some of the registers '%r0' to '%r3' are declared already");
  reg(".reg .v2 .b128 %x;", "expected a type of at most 64 bits, so that a "
                            "vector has at most 128, not '.b128'");
}

TEST(ParserError, Bodies) {
  std::string expected =
      "expected an instruction, a declaration, or the '}' of the function 'k' "
      "that begins in line 4, not ";
  inKernel(";", "line 6: ';': " + expected + "';'");
  inKernel(".foo", "line 6: '.foo': " + expected + "'.foo'");
  inKernel("{ ret;\n", "line 10: " + expected + "the end of the text");
  // A missing brace.
  inModule(".entry k() {\nret;\n.visible .entry l() { }",
           "line 6: '.visible .entry l() { }': " + expected + "'.visible'");
  inModule(".entry k() {" + std::string(300, '{'),
           "line 4: '" + std::string(100, '{') +
               "...': blocks are nested at most "
               "64 deep");
  inKernel("@%p1 { ret; }",
           "line 6: '@%p1 { ret; }': expected an instruction, not '{'");
  inKernel("_ %r1;", "line 6: '_ %r1;': expected an instruction, not '_'");
  inKernel("@%r1 ret;", "line 6: '@%r1 ret;': expected a register of type "
                        ".pred as guard, not '%r1'");
  inKernel("@!x ret;", "line 6: '@!x ret;': expected a register of type .pred "
                       "as guard, not 'x'");
  inKernel("@3 ret;", "line 6: '@3 ret;': expected a predicate register, not "
                      "'3'");
  inKernel(".loc x", "line 6: '.loc x': expected the number of a file, not "
                     "'x'");
  inKernel(".loc 1 x", "line 6: '.loc 1 x': expected the number of a line, "
                       "not 'x'");
  inKernel(".loc 1 1 x", "line 6: '.loc 1 1 x': expected the number of a "
                         "column, not 'x'");
  inKernel(".loc 1 1 1, x", "line 6: '.loc 1 1 1, x': expected "
                            "'function_name' or 'inlined_at', not 'x'");
  inKernel(".loc 1 1 1, function_name 3",
           "line 6: '.loc 1 1 1, function_name 3': expected the label of a "
           "name, not '3'");
}

TEST(ParserError, Labels) {
  std::string undeclared = " is not declared in this block or around it";
  inKernel("bra L;", "line 6: 'bra L;': the label 'L'" + undeclared);
  inKernel("bra L; { L: }",
           "line 6: 'bra L; { L: }': the label 'L'" + undeclared);
  inKernel("bra %r1;", "line 6: 'bra %r1;': the label '%r1'" + undeclared);
  inKernel("bra 3;", "line 6: 'bra 3;': expected a label, not '3'");
  inKernel("L: L: ret;",
           "line 6: 'L: ret;': 'L' is declared already in this block");
  inKernel("_: ret;", "line 6: '_: ret;': expected a label, not '_'");
  inKernel("t: .branchtargets L;",
           "line 6: 't: .branchtargets L;': the label 'L'" + undeclared);
  inKernel("t: .branchtargets 3;",
           "line 6: 't: .branchtargets 3;': expected a label, not '3'");
  inKernel("t: .calltargets f;",
           "line 6: 't: .calltargets f;': the function 'f' is not declared");
  inKernel("t: .calltargets 3;",
           "line 6: 't: .calltargets 3;': expected a function, not '3'");
  inKernel("t: .callprototype f;",
           "line 6: 't: .callprototype f;': expected '_' in place of a "
           "function's name, not 'f'");
  inKernel("L: mov.u64 %rd1, L;",
           "line 6: 'mov.u64 %rd1, L;': expected a register, a variable or a "
           "function, not the label 'L'");
}

TEST(ParserError, Operands) {
  auto operand = [](const std::string &text, const std::string &what) {
    inKernel(text, "line 6: '" + text + "': " + what);
  };
  operand("mov.b32 %r1, %r10;", "the register '%r10' is not declared");
  operand("mov.b32 %r1, %r01;", "the register '%r01' is not declared");
  operand("mov.b32 %r1, %r00000001;",
          "the register '%r00000001' is not declared");
  operand("mov.b32 %r1, %pm8;", "the register '%pm8' is not declared");
  operand("mov.b32 %r1, %nope;", "the register '%nope' is not declared");
  operand("mov.b32 %r1, nope;", "'nope' is not declared; a register, variable "
                                "or function was expected");
  operand("mov.b32 %r1, , %r2;", "expected an operand, not ','");
  operand("mov.b32 %r1, ;", "expected an operand, not ';'");
  operand("mov.b32 %r1 %r2;", "expected ',' or ';' after an operand, not "
                              "'%r2'");
  operand("mov.b32 (%r1), %r2;", "expected an operand, not '('");
  operand("not.pred %p1, !%r1;",
          "expected a register of type .pred after '!', not '%r1'");
  operand("not.pred %p1, !1;",
          "expected a predicate register after '!', not '1'");
  operand("setp.eq.s32 %p1|3, %r1, %r2;",
          "expected registers or '_' on both sides of '|'");
  operand("setp.eq.s32 p|%p1, %r1, %r2;",
          "expected registers or '_' on both sides of '|'");
  operand("mov.b32 %r1, %tid.w;", "'%tid' has no part '.w'");
  operand("mov.b32 %r1, %tid .x;",
          "expected ',' or ';' after an operand, not '.x'");
  operand("mov.b32 %r1, %laneid.x;", "'%laneid' has no part '.x'");
  operand("mov.b32 %r1, %r2.x;", "'%r2' has no part '.x'");
  inKernel(".reg .v2 .b32 %v; mov.b32 %r1, %v.z;",
           "line 6: 'mov.b32 %r1, %v.z;': '%v' has no part '.z'");
  operand("mov.b64 %rd1, k[1];", "expected a variable before '[', not 'k'");
  operand("mov.b64 %rd1, p[1];", "expected a variable before '[', not 'p'");
  inKernel(".shared .b32 a[4];\nmov.b64 %rd1, a[-1];",
           "line 7: 'mov.b64 %rd1, a[-1];': expected the number of an element, "
           "not '-'");
  inKernel(".shared .b32 a[4];\nmov.b64 %rd1, a[1;",
           "line 7: 'mov.b64 %rd1, a[1;': expected ']', not ';'");
  operand("ld.b32 %r1, [%rd1;", "expected ']', not ';'");
  operand("ld.b32 %r1, [];", "expected an operand, not ']'");
  operand("ld.b32 %r1, [%tid.x];", "expected a register, a variable or an "
                                   "integer as address, not '%tid'");
  operand("ld.b32 %r1, [{%r1}];", "expected an operand, not '{'");
  operand("ld.b32 %r1, [%rd1+%r1];",
          "expected an integer as offset, not '%r1'");
  operand("ld.b32 %r1, [%rd1, 3];", "expected coordinates in braces, not '3'");
  operand("ld.b32 %r1, [%rd1, [%rd1, [%rd1]]];",
          "expected coordinates in braces, not '['");
  operand("ld.b32 %r1, [%rd1+4, {%r1}];", "expected ']', not ','");
  operand("ld.b32 %r1, [4, {%r1}];", "expected ']', not ','");
  operand("mov.b64 %rd1, {};", "expected an operand, not '}'");
  operand("mov.b64 %rd1, {%r1, %r2;", "expected '}', not ';'");
  operand("mov.b64 %rd1, {{%r1}};", "expected an operand, not '{'");
  operand("call 3;", "expected a function, not '3'");
  operand("call (%r1) k;", "expected ',', not 'k'");
  operand("call k, 3;", "expected arguments in parentheses or a prototype, "
                        "not '3'");
  operand("call k, (%r1), 3;", "expected arguments in parentheses or a "
                               "prototype, not '3'");
  operand("call k, (%r1;", "expected ')', not ';'");
}

/// What is missing at the end of a line is reported there.
TEST(ParserError, EndsOfLines) {
  inKernel("mov.b32 %r1, %r2\nmov.b32 %r2, %r1;",
           "line 6: 'mov.b32 %r1, %r2': expected ',' or ';' after an operand, "
           "not 'mov' of line 7");
  inKernel("add.s32 %r1,\n %r2, %r3;\nld.b32 %r1, [%rd1\n// a comment\n;",
           "line 8: 'ld.b32 %r1, [%rd1': expected ']', not ';' of line 10");
  inModule(".entry k() {\nld.b32",
           "line 5: 'ld.b32': expected an operand, not the end of the text");
}

/// Of a line with several statements, only the one that is wrong; of a long
/// one, what is around the place.
TEST(ParserError, LongLines) {
  std::string vector = "mov.b32 {";
  for (int n = 0; n < 30; ++n)
    vector += "%r1, ";
  inKernel(vector + "%x};",
           "line 6: '%r1, %r1, %r1, %r1, %r1, %r1, %r1, %r1, %r1, %r1, "
           "%x};': the register '%x' is not declared");
  inKernel("ret; /* one */ add.s32 %r1, %x; ret;",
           "line 6: 'add.s32 %r1, %x; ret;': the register '%x' is not "
           "declared");
}

/// The end of the text is far behind what is on its line.
TEST(ParserError, BlanksAtTheEnd) {
  auto module = parse(".version" + std::string(120, ' '));
  ASSERT_FALSE(module);
  EXPECT_EQ(module.error().find("line 1: "), 0u) << module.error();
}

TEST(ParserError, TextTooLong) {
  // Only its length is looked at.
  auto module = parse({"", (size_t(1) << 26) + 1});
  ASSERT_FALSE(module);
  EXPECT_EQ(module.error(), "the PTX text has 67108865 bytes; at most "
                            "67108864 are supported");
}

} // namespace
