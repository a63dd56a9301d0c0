//===- Warpgroup.h - Products in flight of four warps -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// wgmma.mma_async is one instruction of four warps, which come to it one by
// one: the product is issued when the last has come. Products of a warpgroup
// happen in their order. Shared memory is read when a product happens;
// registers that hold A are read when a warp issues it.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_WARPGROUP_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_WARPGROUP_H

#include "Machine.h"
#include "WgmmaProduct.h"

#include <deque>

namespace attn::emulator {

class Warpgroup;

/// One wgmma.mma_async.
class WgmmaTask : public AsyncTask {
public:
  WgmmaTask(Warpgroup &group, const Op &op, uint64_t number)
      : kind(WgmmaKind::unpack(op.detail)), op(op), number(number),
        group(group) {}

  const WgmmaKind kind;
  const Op &op;
  const uint64_t number; ///< in its warpgroup, from 1 on
  uint64_t descriptors[2] = {0, 0};
  MatrixDescriptor a, b;
  bool accumulates = false;
  uint8_t issuers = 0; ///< bit w: warp w of the warpgroup
  /// What all its warps know, for the checks of its reads.
  View view;
  std::unique_ptr<uint32_t[][4][32]> fragments; ///< of A, by warp

  bool isIssued() const { return issuers == 0xf; }

protected:
  void run(Cta &cta) override;

private:
  Warpgroup &group;
};

/// What a warp has issued and waited for.
struct WarpgroupMember {
  uint64_t issued = 0;         ///< products
  std::deque<uint64_t> groups; ///< not waited for: their last products
  uint64_t committed = 0, waited = 0;
  bool isFenced = false; ///< by the first wgmma.fence
  const Op *lastOp = nullptr;

  /// Rows of registers that products in flight use, and by row the last of
  /// these products and its shape (N, and the type of the sums).
  std::vector<uint32_t> rows;
  std::vector<uint64_t> lastUse;
  std::vector<uint16_t> shapes;
};

class Warpgroup {
public:
  Warpgroup(Cta &cta, unsigned index);

  Cta &cta;
  const unsigned index, firstWarp;
  WarpgroupMember members[4];
  /// Not performed, oldest first; the last ones may lack issuers.
  std::deque<std::shared_ptr<WgmmaTask>> tasks;
  uint64_t performed = 0; ///< products

  // Each returns false if the launch must be given up.

  bool fence(Warp &warp);
  bool issue(Warp &warp, const Op &op);
  bool commit(Warp &warp, const Op &op);
  /// Waits for all but the last `left` groups of the warp. `isReady` is false
  /// if other warps have yet to issue some of them.
  bool wait(Warp &warp, uint32_t left, bool &isReady);

  /// Performs all products up to this one.
  void performUntil(uint64_t number);

private:
  bool checkRegisters(Warp &warp, WarpgroupMember &member,
                      const WgmmaTask &task);
  void holdRegisters(Warp &warp, WarpgroupMember &member,
                     const WgmmaTask &task);
  void freeRegisters(Warp &warp, WarpgroupMember &member);
  bool announce(Warp &warp, WgmmaTask &task);

  std::shared_ptr<WgmmaTask> taskOf(uint64_t number) const {
    return number > performed ? tasks[number - performed - 1] : nullptr;
  }
  /// By number of the group: the last product that it holds.
  std::vector<uint64_t> commits;
};

class Warpgroups : public Component {
public:
  explicit Warpgroups(Cta &cta);

  Warpgroup &of(const Warp &warp) { return *all[warp.index / 4]; }

  void warpExited(Warp &warp) override;
  std::string describe() override;

private:
  std::vector<std::unique_ptr<Warpgroup>> all;
};

/// What Warp::asyncRows holds for a row of registers.
enum AsyncRow : uint8_t {
  asyncReads = 1,  ///< a product in flight reads it
  asyncWrites = 2, ///< a product in flight writes it
  /// Another instruction has touched it since the last wgmma.fence.
  touchedSinceFence = 4,
  everWritten = 8,
};

/// Marks the instructions that touch registers of products.
void markAsyncRegisters(Program &program);

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_WARPGROUP_H
