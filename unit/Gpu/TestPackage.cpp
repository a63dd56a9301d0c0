//===- TestPackage.cpp - A package for tests of the API -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestPackage.h"
#include "GpuTestSupport.h"

#include <gtest/gtest.h>

using namespace attn;

std::string test::testPackage() {
  auto bytes = writePackage("by hand", {{"ptx", testManifest(), testPtx()}});
  EXPECT_TRUE(bytes) << bytes.error();
  return *bytes;
}
