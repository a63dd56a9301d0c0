//===- ParserSupport.h - Small PTX texts for tests --------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_EMULATOR_PARSERSUPPORT_H
#define ATTN_UNIT_EMULATOR_PARSERSUPPORT_H

#include "AstCheck.h"

#include <gtest/gtest.h>
#include <string>

namespace attn::emulator::ptx {

/// The first three lines of every module here.
inline std::string moduleText(const std::string &text) {
  return ".version 9.0\n.target sm_90a\n.address_size 64\n" + text;
}

/// A kernel with some registers; `body` begins in line 6.
inline std::string kernelText(const std::string &body) {
  return moduleText(".entry k(.param .u64 p) {\n"
                    ".reg .pred %p<4>; .reg .b32 %r<10>; .reg .b64 %rd<10>;\n" +
                    body + "\nret;\n}\n");
}

inline Module parsed(const std::string &text) {
  Result<Module> module = parse(text);
  if (!module) {
    ADD_FAILURE() << module.error();
    return {};
  }
  EXPECT_EQ(AstCheck(*module).problem(), "");
  return std::move(*module);
}

inline Module parsedModule(const std::string &text) {
  return parsed(moduleText(text));
}

/// The kernel of kernelText.
inline Function parsedBody(const std::string &body) {
  Module module = parsed(kernelText(body));
  if (module.functions.empty() || module.functions[0].instructions.empty()) {
    ADD_FAILURE() << "no kernel";
    return {};
  }
  return module.functions.back();
}

} // namespace attn::emulator::ptx

#endif // ATTN_UNIT_EMULATOR_PARSERSUPPORT_H
