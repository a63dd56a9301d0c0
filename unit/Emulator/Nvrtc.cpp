//===- Nvrtc.cpp - CUDA C++ to PTX at run time ----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Nvrtc.h"

#include "attn/Runtime/Nvrtc.h"

using namespace attn;
using namespace attn::test;

Status test::findNvrtc() {
  Result<const Nvrtc *> nvrtc = Nvrtc::open();
  return nvrtc ? Status::success() : nvrtc.takeFailure();
}

Result<CompiledCuda>
test::compileCuda(const std::string &source, const std::string &name,
                  const std::string &architecture,
                  const std::vector<std::string> &options) {
  Result<const Nvrtc *> nvrtc = Nvrtc::open();
  if (!nvrtc)
    return nvrtc.takeFailure();
  NvrtcOptions given;
  given.further = options;
  size_t underscore = architecture.find('_');
  given.ptxOnly = architecture.substr(0, underscore) == "compute";
  Result<GpuTarget> target =
      GpuTarget::parse("sm" + architecture.substr(underscore));
  if (!target)
    return target.takeFailure();
  Result<NvrtcOutput> output = (*nvrtc)->compile(source, name, *target, given);
  if (!output)
    return output.takeFailure();
  return CompiledCuda{given.ptxOnly ? output->ptx : output->cubin, output->log};
}
