//===- Pending.cpp - Families that are not there yet ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Form.h"

namespace attn::emulator {
#define FAMILY(name)                                                           \
  __attribute__((weak)) std::vector<Form> name() { return {}; }
FAMILY(halfForms)
FAMILY(convertForms)
FAMILY(bulkForms)
FAMILY(wgmmaForms)
} // namespace attn::emulator
