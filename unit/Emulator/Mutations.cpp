//===- Mutations.cpp - Bugs to inject into the kernels --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Mutations.h"

using namespace attn;
using namespace attn::test;

Result<std::string> test::mutate(const std::string &source,
                                 const Mutation &mutation) {
  std::string text = mutation.text;
  size_t at = source.find(text);
  if (at == std::string::npos)
    return failure(std::string("the text of the mutation '") + mutation.name +
                   "' does not occur in the kernel: " + text);
  if (source.find(text, at + 1) != std::string::npos)
    return failure(std::string("the text of the mutation '") + mutation.name +
                   "' occurs more than once in the kernel: " + text);
  return source.substr(0, at) + mutation.replacement +
         source.substr(at + text.size());
}
