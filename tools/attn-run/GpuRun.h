//===- GpuRun.h - Runs packages on GPUs -------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loads a package on a GPU or on the emulator, and measures an entry there.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_RUN_GPURUN_H
#define ATTN_TOOLS_RUN_GPURUN_H

#include "tools/attn-run/Inputs.h"
#include "tools/attn-run/Options.h"
#include "tools/attn-run/Report.h"

#include "attn/Runtime/GpuDevice.h"

namespace attn::tool {

/// The device that --device and --target name; null for the CPU.
Result<std::shared_ptr<GpuDevice>> openGpu(const RunOptions &options);

/// Loads the payload of a package that suits the device.
Result<std::shared_ptr<const GpuCode>>
loadOnGpu(GpuDevice &device, const Package &package, const RunOptions &options);

/// Copies the inputs to the device, runs the entry once untimed, then as often
/// as asked, and copies the outputs back.
Status measureOnGpu(const std::shared_ptr<GpuDevice> &device,
                    const GpuCode &code, const ManifestEntry &entry,
                    const std::vector<Value> &inputs,
                    const std::vector<Value> &outputs, int repeat,
                    Report &report);

} // namespace attn::tool

#endif // ATTN_TOOLS_RUN_GPURUN_H
