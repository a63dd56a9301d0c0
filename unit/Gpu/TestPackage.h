//===- TestPackage.h - A package for tests of the API -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_GPU_TESTPACKAGE_H
#define ATTN_UNIT_GPU_TESTPACKAGE_H

#include <string>

namespace attn::test {

/// A package with the kernels of GpuTestSupport.h, and without code for CPUs.
std::string testPackage();

} // namespace attn::test

#endif // ATTN_UNIT_GPU_TESTPACKAGE_H
