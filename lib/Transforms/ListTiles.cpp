//===- ListTiles.cpp - tile-list-tiles
//-------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lists the key tiles of each query tile before the kernel runs, where a few
// integers do not say which they are.
//
//===----------------------------------------------------------------------===//

#include "attn/Transforms/Passes.h"

#include "MaskedLoop.h"
#include "TilePieces.h"
#include "Workspace.h"
#include "mlir/Analysis/TopologicalSortUtils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mlir::tile;

namespace mlir::tile {
#define GEN_PASS_DEF_TILELISTTILESPASS
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::tile

namespace {
/// Part of the number of a task: the query tile, the head, the batch entry.
struct Digit {
  /// Null if nothing uses it.
  Value value;
  /// How many there are; null for the last one.
  Value size;
};

/// Builds the kernels and launches for one kernel with masks.
class TileLister {
public:
  TileLister(KernelOp kernel, LaunchOp launch)
      : kernel(kernel), launch(launch), builder(kernel), loc(kernel.getLoc()) {}

  LogicalResult run();

private:
  /// A kernel that tests one tile for each task.
  struct Tester {
    KernelOp kernel;
    TileTest test;
    /// Those of a task that the mask depends on.
    SmallVector<bool> usesDigit;
  };
  std::optional<Tester> buildTester(MaskedLoop match, unsigned number);
  void mergeTasks(Tester &tester, Value task, Value row);
  KernelOp buildLister(const Twine &name, MemRefType kinds, MemRefType table);
  FailureOr<BlockArgument> launchTester(Workspace &workspace, Tester &tester,
                                        MaskedLoop match);
  Value findRow(const Tester &tester);
  FailureOr<Value> findRowCount(const Tester &tester);
  /// A value that is the same for all tasks, in front of the launch.
  FailureOr<Value> copyToEntry(Value value) {
    return copyArithmetic(value, kernel.getBody().getArguments().drop_front(),
                          launch.getArguments(), builder);
  }
  void addLaunch(KernelOp called, Value count, ValueRange arguments) {
    LaunchOp::create(builder, loc,
                     FlatSymbolRefAttr::get(called.getSymNameAttr()), count,
                     arguments);
  }
  Value constant(int64_t value) { return constantIndex(builder, loc, value); }

  KernelOp kernel;
  LaunchOp launch;
  OpBuilder builder;
  Location loc;
  SmallVector<Digit> digits;
};
} // namespace

//===----------------------------------------------------------------------===//
// Numbers of tasks
//===----------------------------------------------------------------------===//

static bool dependsOn(Value value, Value task) {
  Operation *op = value.getDefiningOp();
  return value == task ||
         (op && llvm::any_of(op->getOperands(), [&](Value operand) {
            return dependsOn(operand, task);
          }));
}

namespace {
/// number = quotient * size + rest. What nothing uses is null.
struct Division {
  Value size, rest, quotient;
};
} // namespace

/// The only division of a number of which nothing else is done; the size is the
/// same for all tasks.
static std::optional<Division> findDivision(Value number, Value task) {
  Division found;
  for (Operation *user : number.getUsers()) {
    if (!isa<arith::RemUIOp, arith::DivUIOp>(user) ||
        user->getOperand(0) != number ||
        (found.size && user->getOperand(1) != found.size) ||
        dependsOn(user->getOperand(1), task))
      return std::nullopt;
    found.size = user->getOperand(1);
    Value &result = isa<arith::RemUIOp>(user) ? found.rest : found.quotient;
    if (result)
      return std::nullopt;
    result = user->getResult(0);
  }
  return found;
}

/// A kernel takes the number of its task apart by divisions.
static SmallVector<Digit> getDigits(Value task) {
  SmallVector<Digit> all;
  for (Value number = task; number;) {
    std::optional<Division> division = findDivision(number, task);
    if (!division) {
      all.push_back({number, {}});
      return all;
    }
    if (division->size)
      all.push_back({division->rest, division->size});
    number = division->quotient;
  }
  all.push_back({});
  return all;
}

/// The row of the list for a task: tasks that differ in digits that the mask
/// does not use share one.
Value TileLister::findRow(const Tester &tester) {
  Value row = constant(0), stride = constant(1);
  for (auto [digit, isUsed] : llvm::zip_equal(digits, tester.usesDigit)) {
    if (!isUsed)
      continue;
    row = builder.createOrFold<arith::AddIOp>(
        loc, row,
        builder.createOrFold<arith::MulIOp>(loc, digit.value, stride));
    if (digit.size)
      stride = builder.createOrFold<arith::MulIOp>(loc, stride, digit.size);
  }
  return row;
}

/// The number of rows, in front of the launch.
FailureOr<Value> TileLister::findRowCount(const Tester &tester) {
  Value rows = constant(1), rest = launch.getCount();
  for (auto [digit, isUsed] : llvm::zip_equal(digits, tester.usesDigit)) {
    Value size = rest;
    if (digit.size) {
      FailureOr<Value> copied = copyToEntry(digit.size);
      if (failed(copied))
        return failure();
      size = *copied;
      Value divisor = arith::MaxUIOp::create(builder, loc, size, constant(1));
      rest = arith::DivUIOp::create(builder, loc, rest, divisor);
    }
    if (isUsed)
      rows = arith::MulIOp::create(builder, loc, rows, size);
  }
  return rows;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// A copy of the kernel that ends in front of its loop: it has a task for each
/// row and key tile, and stores what the mask does to the tile. None if bounds
/// say the same, or the tile cannot be tested.
std::optional<TileLister::Tester> TileLister::buildTester(MaskedLoop match,
                                                          unsigned number) {
  IRMapping mapping;
  builder.setInsertionPoint(kernel);
  Tester tester{
      cast<KernelOp>(builder.clone(*kernel.getOperation(), mapping)), {}, {}};
  tester.kernel.setName((kernel.getName() + "_tiles" + Twine(number)).str());
  tester.kernel.setPrivate();
  auto abandon = [&]() -> std::optional<Tester> {
    tester.kernel.erase();
    return std::nullopt;
  };
  auto table = MemRefType::get({ShapedType::kDynamic, ShapedType::kDynamic},
                               builder.getI8Type());
  if (failed(tester.kernel.insertArgument(tester.kernel.getNumArguments(),
                                          table, DictionaryAttr(), loc)))
    return abandon();
  Block &body = tester.kernel.getBody().front();
  Value kinds = body.getArguments().back(), work = tester.kernel.getWork();
  auto copyOf = [&](auto op) {
    return cast<decltype(op)>(mapping.lookup(op.getOperation()));
  };
  MaskedLoop copy{copyOf(match.loop), copyOf(match.map), copyOf(match.select),
                  copyOf(match.rows)};
  builder.setInsertionPoint(copy.loop);
  Value keep = copy.select.getCondition();
  TileSpace space = copy.getSpace(builder);
  if (!matchPattern(copy.loop.getLowerBound(), m_Zero()) ||
      deriveTileBounds(builder, loc, copy.map, keep, space).exact)
    return abandon();

  // Task n is tile n % tiles of row n / tiles.
  builder.setInsertionPointToStart(&body);
  Value tiles = memref::DimOp::create(builder, loc, kinds, 1);
  auto tile = arith::RemUIOp::create(builder, loc, work, tiles);
  auto row = arith::DivUIOp::create(builder, loc, work, tiles);
  auto task = arith::DivUIOp::create(builder, loc, work, tiles);
  work.replaceAllUsesExcept(task,
                            llvm::SmallPtrSet<Operation *, 4>{tile, row, task});
  builder.setInsertionPoint(copy.loop);
  std::optional<TileTest> test =
      testTile(builder, loc, copy.map, keep, space, tile);
  if (!test)
    return abandon();
  tester.test = *test;
  memref::StoreOp::create(builder, loc, test->kind, kinds,
                          ValueRange{row, tile});
  while (body.getTerminator()->getPrevNode() != copy.loop)
    body.getTerminator()->getPrevNode()->erase();
  copy.loop.erase();
  mergeTasks(tester, task, row);
  if (!llvm::all_of(body.without_terminator(),
                    [](Operation &op) { return isScalarCode(&op); }))
    return abandon();
  return tester;
}

/// Tasks that differ in digits that the mask does not use have one row: the
/// digits are those of the row's number.
void TileLister::mergeTasks(Tester &tester, Value task, Value row) {
  Block &body = tester.kernel.getBody().front();
  // A mask of keys alone does not use it.
  eraseDeadOps(body, task.getDefiningOp());
  SmallVector<Digit> left = getDigits(task);
  for (size_t n = 0; n < digits.size(); ++n)
    tester.usesDigit.push_back(n < left.size() && left[n].value);
  if (llvm::all_of(tester.usesDigit, [](bool isUsed) { return isUsed; }))
    return;
  builder.setInsertionPoint(body.getTerminator());
  for (Digit &digit : left) {
    if (!digit.value)
      continue;
    Value number = row;
    if (digit.size) {
      number = arith::RemUIOp::create(builder, loc, row, digit.size);
      row = arith::DivUIOp::create(builder, loc, row, digit.size);
    }
    digit.value.replaceAllUsesWith(number);
  }
  sortTopologically(&body);
  eraseDeadOps(body);
}

/// A task for each row: writes the numbers of partial tiles from the front of
/// the list, and those of full tiles from its end.
KernelOp TileLister::buildLister(const Twine &name, MemRefType kindsType,
                                 MemRefType tableType) {
  builder.setInsertionPoint(kernel);
  KernelOp created = beginKernel(builder, loc, name, {kindsType, tableType});
  Value row = created.getWork(), kinds = created.getBody().getArgument(1),
        table = created.getBody().getArgument(2);
  Value zero = constant(0), one = constant(1);
  Value tiles = memref::DimOp::create(builder, loc, kinds, 1);
  auto store = [&](Value number, Value place) {
    Value narrow = arith::IndexCastOp::create(
        builder, loc, tableType.getElementType(), number);
    memref::StoreOp::create(builder, loc, narrow, table,
                            ValueRange{row, place});
  };
  auto add = [&](Value a, Value b) -> Value {
    return arith::AddIOp::create(builder, loc, a, b);
  };
  auto loop = scf::ForOp::create(
      builder, loc, zero, tiles, one, ValueRange{zero, zero},
      [&](OpBuilder &b, Location, Value tile, ValueRange counts) {
        Value kind =
            memref::LoadOp::create(b, loc, kinds, ValueRange{row, tile});
        auto append = [&](TileKind which, Value count, Value place) -> Value {
          Value expected = arith::ConstantIntOp::create(b, loc, which, 8);
          Value isIt = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                             kind, expected);
          scf::IfOp::create(b, loc, isIt, [&](OpBuilder &then, Location) {
            store(tile, place);
            scf::YieldOp::create(then, loc);
          });
          return add(count, arith::IndexCastUIOp::create(
                                b, loc, b.getIndexType(), isIt));
        };
        Value end = add(tiles, one);
        Value partial =
            append(kPartialTile, counts[0], add(counts[0], constant(2)));
        Value full = append(kFullTile, counts[1],
                            arith::SubIOp::create(b, loc, end, counts[1]));
        scf::YieldOp::create(b, loc, ValueRange{partial, full});
      });
  store(loop.getResult(0), zero);
  store(loop.getResult(1), one);
  // Loops that run ahead read what is behind the end.
  Value two = constant(2);
  scf::ForOp::create(
      builder, loc, add(loop.getResult(0), two),
      arith::SubIOp::create(builder, loc, add(tiles, two), loop.getResult(1)),
      one, ValueRange(), [&](OpBuilder &b, Location, Value place, ValueRange) {
        store(zero, place);
        scf::YieldOp::create(b, loc);
      });
  ReturnOp::create(builder, loc);
  return created;
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

/// Adds the two launches; the lists become an argument of the kernel.
FailureOr<BlockArgument> TileLister::launchTester(Workspace &workspace,
                                                  Tester &tester,
                                                  MaskedLoop match) {
  builder.setInsertionPoint(launch);
  FailureOr<Value> rows = findRowCount(tester),
                   tiles = copyToEntry(match.loop.getUpperBound());
  if (failed(rows) || failed(tiles))
    return launch.emitOpError() << "has an unknown number of key tiles";
  Value width = arith::AddIOp::create(builder, loc, *tiles, constant(2));
  Value kinds = workspace.take(builder.getI8Type(), {*rows, *tiles}),
        table = workspace.take(builder.getI32Type(), {*rows, width});
  KernelOp lister = buildLister(tester.kernel.getName() + "_lists",
                                cast<MemRefType>(kinds.getType()),
                                cast<MemRefType>(table.getType()));

  // The tester needs few of the arguments.
  builder.setInsertionPoint(launch);
  SmallVector<Value> arguments(launch.getArguments());
  arguments.push_back(kinds);
  llvm::BitVector unused(tester.kernel.getNumArguments());
  SmallVector<Value> needed;
  for (auto [argument, value] : llvm::zip_equal(
           tester.kernel.getBody().getArguments().drop_front(), arguments)) {
    if (argument.use_empty())
      unused.set(argument.getArgNumber());
    else
      needed.push_back(value);
  }
  if (failed(tester.kernel.eraseArguments(unused)))
    return failure();
  addLaunch(tester.kernel, arith::MulIOp::create(builder, loc, *rows, *tiles),
            needed);
  addLaunch(lister, *rows, {kinds, table});
  launch.getArgumentsMutable().append(table);
  if (failed(kernel.insertArgument(kernel.getNumArguments(), table.getType(),
                                   DictionaryAttr(), loc)))
    return failure();
  return kernel.getBody().getArguments().back();
}

/// Whether both loops visit the same tiles.
static bool isSame(MaskedLoop a, MaskedLoop b) {
  return a.rows == b.rows && a.map.getOrigin()[0] == b.map.getOrigin()[0] &&
         a.loop.getLowerBound() == b.loop.getLowerBound() &&
         a.loop.getUpperBound() == b.loop.getUpperBound() &&
         a.map.getResult().getType() == b.map.getResult().getType() &&
         OperationEquivalence::isRegionEquivalentTo(
             &a.map.getBody(), &b.map.getBody(),
             OperationEquivalence::IgnoreLocations);
}

LogicalResult TileLister::run() {
  // Loops with the same mask share lists.
  SmallVector<SmallVector<MaskedLoop>> groups;
  kernel.walk([&](scf::ForOp loop) {
    std::optional<MaskedLoop> match = matchMaskedLoop(loop, /*explains=*/false);
    if (!match || !match->select || loop->getParentOp() != kernel)
      return;
    auto *known = llvm::find_if(
        groups, [&](auto &group) { return isSame(group.front(), *match); });
    if (known == groups.end())
      groups.push_back({*match});
    else
      known->push_back(*match);
  });
  if (groups.empty())
    return success();
  digits = getDigits(kernel.getWork());
  SmallVector<std::pair<Tester, unsigned>> testers;
  for (unsigned number = 0; number < groups.size(); ++number)
    if (auto tester = buildTester(groups[number].front(), number))
      testers.emplace_back(*tester, number);
  if (testers.empty())
    return success();
  FailureOr<Workspace> workspace = Workspace::open(launch);
  if (failed(workspace))
    return failure();
  for (auto &[tester, number] : testers) {
    FailureOr<BlockArgument> table =
        launchTester(*workspace, tester, groups[number].front());
    if (failed(table))
      return failure();
    auto step = [](int64_t size) {
      return size == 0 ? std::string("one element")
                       : "every " + std::to_string(size);
    };
    remark::passed(
        groups[number].front().map.getLoc(),
        remark::RemarkOpts::name("tile-list-tiles").category("attn.bound"))
        << ("the mask is tested for each key tile of each query tile before "
            "the kernel runs (queries: " +
            step(tester.test.queryStep) +
            ", keys: " + step(tester.test.keyStep) +
            "); empty key tiles are skipped, full ones run without the mask");
    for (MaskedLoop &match : groups[number]) {
      builder.setInsertionPoint(match.loop);
      Value row = findRow(tester);
      splitLoop(match, TileSequence::of({*table, row, 0, false}),
                TileSequence::of({*table, row, 1, true}));
    }
  }
  return workspace->close();
}

namespace {
struct ListTiles : tile::impl::TileListTilesPassBase<ListTiles> {
  void runOnOperation() override {
    auto transform = [](KernelOp kernel, LaunchOp launch) {
      return TileLister(kernel, launch).run();
    };
    if (failed(forEachLaunch(getOperation(), transform)))
      signalPassFailure();
  }
};
} // namespace
