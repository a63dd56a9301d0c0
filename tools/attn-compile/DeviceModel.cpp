//===- DeviceModel.cpp - Rooflines of devices -----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table of devices.
//
//===----------------------------------------------------------------------===//

#include "tools/attn-compile/DeviceModel.h"

#include <algorithm>
#include <cmath>

namespace attn::tool {

static const DeviceModel kDevices[] = {
    // NVIDIA A100 Tensor Core GPU datasheet, SXM 80 GB: 19.5 TFLOP/s FP32, 312
    // BF16 dense, 2039 GB/s; architecture white paper: 164 KB of shared memory
    // for each multiprocessor.
    {"a100", 19.5e12, 312e12, 2039e9, 164 * 1024},
    // NVIDIA H100 Tensor Core GPU datasheet, SXM: 67 TFLOP/s FP32, 1979 BF16
    // with sparsity, half of that dense, 3.35 TB/s; CUDA programming guide,
    // compute capability 9.0: 228 KB of shared memory.
    {"h100", 67e12, 989.5e12, 3.35e12, 228 * 1024},
    // NVIDIA H200 Tensor Core GPU datasheet, SXM: as H100, with 4.8 TB/s.
    {"h200", 67e12, 989.5e12, 4.8e12, 228 * 1024},
    // One core of an AMD EPYC of the fourth generation at 3.66 GHz. Measured:
    // 32 FLOP a cycle in FMA, twice that in vdpbf16ps, and what one core reads
    // from memory in four streams. AMD's optimization guide for Zen 4: 1 MiB of
    // second-level cache.
    {"genoa-core", 117.2e9, 234.6e9, 29.5e9, 1024 * 1024},
};

/// Accepts positive numbers.
static CLI::Validator positive() {
  return CLI::Validator(
      [](const std::string &text) -> std::string {
        char *end = nullptr;
        double value = std::strtod(text.c_str(), &end);
        if (!text.empty() && *end == '\0' && std::isfinite(value) && value > 0)
          return "";
        return "'" + text + "' is not allowed; allowed are positive numbers";
      },
      /*validator_desc=*/"");
}

void addDeviceFlags(CLI::App &app, DeviceOptions &options) {
  std::vector<std::string> names;
  for (const DeviceModel &device : kDevices)
    names.push_back(device.name);
  names.push_back("this-cpu");
  app.add_option("--device-model", options.name,
                 "Device whose time --explain estimates:\n" + listOf(names))
      ->check(oneOf("device model", names))
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--peak-gflops", options.peakGflops,
                 "Peak of this-cpu in GFLOP/s; attn-bench-cpu\nmeasures it")
      ->check(positive())
      ->type_name("X");
  app.add_option("--bandwidth-gbs", options.bandwidthGbs,
                 "Bandwidth of this-cpu in GB/s")
      ->check(positive())
      ->type_name("X");
  app.add_option("--on-chip-kib", options.onChipKib,
                 "Fast memory of a core of this-cpu in KiB")
      ->check(positive())
      ->type_name("X");
}

Result<DeviceModel> chooseDevice(const DeviceOptions &options) {
  bool anyGiven =
      options.peakGflops + options.bandwidthGbs + options.onChipKib > 0;
  if (options.name != "this-cpu") {
    if (anyGiven)
      return failure("--peak-gflops, --bandwidth-gbs and --on-chip-kib "
                     "describe --device-model=this-cpu; the numbers of '" +
                     options.name + "' are known");
    return *std::find_if(
        std::begin(kDevices), std::end(kDevices),
        [&](const DeviceModel &d) { return d.name == options.name; });
  }
  if (options.peakGflops == 0 || options.bandwidthGbs == 0 ||
      options.onChipKib == 0)
    return failure("--device-model=this-cpu needs --peak-gflops, "
                   "--bandwidth-gbs and --on-chip-kib");
  double peak = options.peakGflops * 1e9;
  return DeviceModel{"this-cpu", peak, peak, options.bandwidthGbs * 1e9,
                     options.onChipKib * 1024};
}

} // namespace attn::tool
