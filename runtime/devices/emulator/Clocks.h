//===- Clocks.h - Vector clocks of warps and async agents -------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every warp and every agent that works on its own has a dimension. An access
// leaves a label (dimension, clock) in the shadow of the memory that it
// touches; a later access is ordered after it if the clock is within the view
// of the one who makes it (FastTrack, PLDI 2009). A warp has two views: what
// the generic proxy may rely on, and what the async proxy may: only
// fence.proxy.async and the completion of asynchronous work carry the first
// over into the second.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_CLOCKS_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_CLOCKS_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace attn::emulator {

using Clock = uint32_t;
/// Of work that is still under way: no view holds it.
constexpr Clock inFlight = 0xffffffffu;

/// What has been seen of other CTAs, through a release there and an acquire
/// here: the clocks of their warps. Never changed, but joined into a new one.
struct ForeignView {
  std::map<uint32_t, std::vector<Clock>> byCta;

  bool holds(uint32_t cta, unsigned warp, Clock clock) const {
    auto found = byCta.find(cta);
    return found != byCta.end() && found->second[warp] >= clock;
  }
};

/// The clocks up to which everything has been seen, by dimension.
struct View {
  std::vector<Clock> generic, async;
  std::shared_ptr<const ForeignView> foreign; ///< null: nothing

  explicit View(size_t dimensions = 0)
      : generic(dimensions, 0), async(dimensions, 0) {}

  void join(const View &other) {
    for (size_t d = 0; d < generic.size(); ++d) {
      generic[d] = std::max(generic[d], other.generic[d]);
      async[d] = std::max(async[d], other.async[d]);
    }
    if (other.foreign && other.foreign != foreign)
      joinForeign(other.foreign);
  }
  void joinForeign(std::shared_ptr<const ForeignView> other) {
    if (!foreign) {
      foreign = std::move(other);
      return;
    }
    auto joined = std::make_shared<ForeignView>(*foreign);
    for (const auto &[cta, clocks] : other->byCta) {
      std::vector<Clock> &known = joined->byCta[cta];
      known.resize(clocks.size(), 0);
      for (size_t w = 0; w < clocks.size(); ++w)
        known[w] = std::max(known[w], clocks[w]);
    }
    foreign = std::move(joined);
  }
  void reset() {
    std::fill(generic.begin(), generic.end(), 0);
    std::fill(async.begin(), async.end(), 0);
    foreign.reset();
  }
};

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_CLOCKS_H
