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
/// here: their clocks by dimension. Never changed, but joined into a new one.
struct ForeignView {
  std::map<uint32_t, std::vector<Clock>> byCta;

  Clock clockOf(uint32_t cta, uint32_t dimension) const {
    auto found = byCta.find(cta);
    return found != byCta.end() && dimension < found->second.size()
               ? found->second[dimension]
               : 0;
  }
};
using ForeignViewPointer = std::shared_ptr<const ForeignView>;

/// Joins a view that is not null into another, which may be.
inline void joinForeign(ForeignViewPointer &into,
                        const ForeignViewPointer &other) {
  if (!into || into == other) {
    into = other;
    return;
  }
  auto joined = std::make_shared<ForeignView>(*into);
  for (const auto &[cta, clocks] : other->byCta) {
    std::vector<Clock> &known = joined->byCta[cta];
    known.resize(std::max(known.size(), clocks.size()), 0);
    for (size_t d = 0; d < clocks.size(); ++d)
      known[d] = std::max(known[d], clocks[d]);
  }
  into = std::move(joined);
}

/// The clocks up to which everything has been seen, by dimension.
struct View {
  std::vector<Clock> generic, async;
  /// `async` is about shared memory. This is about global memory, by warp; it
  /// is empty before the first proxy fence for that.
  std::vector<Clock> asyncGlobal;
  /// Of other CTAs, by the generic and by the async proxy; null: nothing.
  ForeignViewPointer foreign, foreignAsync;

  explicit View(size_t dimensions = 0)
      : generic(dimensions, 0), async(dimensions, 0) {}

  void join(const View &other) {
    for (size_t d = 0; d < generic.size(); ++d) {
      generic[d] = std::max(generic[d], other.generic[d]);
      async[d] = std::max(async[d], other.async[d]);
    }
    if (asyncGlobal.size() < other.asyncGlobal.size())
      asyncGlobal.resize(other.asyncGlobal.size(), 0);
    for (size_t d = 0; d < other.asyncGlobal.size(); ++d)
      asyncGlobal[d] = std::max(asyncGlobal[d], other.asyncGlobal[d]);
    if (other.foreign)
      joinForeign(foreign, other.foreign);
    if (other.foreignAsync)
      joinForeign(foreignAsync, other.foreignAsync);
  }
  void reset() {
    std::fill(generic.begin(), generic.end(), 0);
    std::fill(async.begin(), async.end(), 0);
    asyncGlobal.clear();
    foreign.reset();
    foreignAsync.reset();
  }
};

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_CLOCKS_H
