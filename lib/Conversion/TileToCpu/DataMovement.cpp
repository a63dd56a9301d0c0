//===- DataMovement.cpp - Loads and stores of tiles -----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Moves tiles between tensors, whose rows are contiguous, and buffers, whose
// columns are.
//
//===----------------------------------------------------------------------===//

#include "KernelEmitter.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::tile;

namespace {
/// A tile's place in a view, with operands of the lowered function.
class Access {
public:
  Access(KernelEmitter &kernel, Operation *op, Value view, Value row, Value col,
         TileType type)
      : kernel(kernel), builder(kernel.builder), loc(op->getLoc()), op(op),
        type(type), width(kernel.schedule.vectorWidth) {
    Operation *original = view.getDefiningOp<ViewOp>();
    if (original)
      this->view = cast<ViewOp>(builder.clone(*original, kernel.mapping));
    firstRow = kernel.mapping.lookup(row);
    firstCol = kernel.mapping.lookup(col);
  }

  /// Vectors of a row can be read only where the row is contiguous.
  LogicalResult check() {
    if (!view)
      return op->emitOpError() << "must have a view made by tile.view";
    auto memref = cast<MemRefType>(view.getSource().getType());
    SmallVector<int64_t> strides;
    int64_t offset;
    if (memref.getMemorySpace() ||
        failed(memref.getStridesAndOffset(strides, offset)))
      return op->emitOpError()
             << "accesses " << memref
             << "; convert-tile-to-cpu supports strided memrefs in the default "
                "memory space";
    numRows = view.getNumRows(builder, loc);
    numCols = view.getNumCols(builder, loc);
    return success();
  }

  bool hasContiguousRows() {
    auto memref = cast<MemRefType>(view.getSource().getType());
    auto [strides, offset] = memref.getStridesAndOffset();
    return view.getColDim() &&
           int64_t(*view.getColDim()) == memref.getRank() - 1 &&
           strides.back() == 1;
  }

  Value isBelow(Value a, Value b, arith::CmpIPredicate predicate) {
    return arith::CmpIOp::create(builder, loc, predicate, a, b);
  }

  /// Whether `rows` rows from `row` on, and all columns, are inside.
  Value isInside(Value row, int64_t rows) {
    Value endRow = kernel.add(loc, row, rows);
    Value inside = isBelow(endRow, numRows, arith::CmpIPredicate::sle);
    if (view.getStaticNumCols() == type.getCols() &&
        matchPattern(firstCol, m_Zero()))
      return inside;
    Value endCol = kernel.add(loc, firstCol, type.getCols());
    Value colsInside = isBelow(endCol, numCols, arith::CmpIPredicate::sle);
    return arith::AndIOp::create(builder, loc, inside, colsInside);
  }

  SmallVector<Value> indices(Value row, Value col) {
    return view.getIndices(builder, loc, row, col);
  }

  Value addTo(Value a, Value b) {
    return arith::AddIOp::create(builder, loc, a, b);
  }

  /// Element by element, with checks: `body(row, col, isInside)`, where row and
  /// col count from the tile's corner.
  void forEachElement(
      Value beginRow, int64_t rows,
      function_ref<void(Value row, Value col, Value isInside)> body) {
    kernel.forEach(loc, rows, 1, [&](Value r) {
      Value row = addTo(beginRow, r);
      Value rowInside =
          isBelow(addTo(firstRow, row), numRows, arith::CmpIPredicate::slt);
      kernel.forEach(loc, type.getCols(), 1, [&](Value col) {
        Value colInside =
            isBelow(addTo(firstCol, col), numCols, arith::CmpIPredicate::slt);
        body(row, col,
             arith::AndIOp::create(builder, loc, rowInside, colInside));
      });
    });
  }

  /// Element type of the tensor.
  Type inMemory() {
    return cast<MemRefType>(view.getSource().getType()).getElementType();
  }
  bool isNarrowInMemory() { return inMemory() != type.getElementType(); }

  /// A vector or element of the tensor as one of the tile, and back.
  Value extend(Value value) {
    if (!isNarrowInMemory())
      return value;
    return arith::ExtFOp::create(
        builder, loc, cloneWithElementType(value, type.getElementType()),
        value);
  }
  Value round(Value value) {
    if (!isNarrowInMemory())
      return value;
    return arith::TruncFOp::create(
        builder, loc, cloneWithElementType(value, inMemory()), value);
  }
  static Type cloneWithElementType(Value value, Type element) {
    auto vector = dyn_cast<VectorType>(value.getType());
    return vector ? vector.clone(element) : element;
  }

  /// `count` vectors of a row in one, extended.
  Value loadVector(Value row, Value col, int64_t count = 1) {
    auto type = VectorType::get(count * width, inMemory());
    return extend(vector::LoadOp::create(builder, loc, type, view.getSource(),
                                         indices(row, col)));
  }
  void storeVector(Value vector, Value row, Value col) {
    vector::StoreOp::create(builder, loc, round(vector), view.getSource(),
                            indices(row, col));
  }

  /// The element, or 0 outside of the view.
  Value loadElement(Value row, Value col, Value inside) {
    auto result = scf::IfOp::create(
        builder, loc, inside,
        [&](OpBuilder &b, Location l) {
          Value element = memref::LoadOp::create(
              b, l, view.getSource(),
              indices(addTo(firstRow, row), addTo(firstCol, col)));
          scf::YieldOp::create(b, l, extend(element));
        },
        [&](OpBuilder &b, Location l) {
          Value zero = arith::ConstantOp::create(
              b, l, b.getZeroAttr(type.getElementType()));
          scf::YieldOp::create(b, l, zero);
        });
    return result.getResult(0);
  }

  void storeElement(Value element, Value row, Value col, Value inside) {
    element = round(element);
    scf::IfOp::create(builder, loc, inside, [&](OpBuilder &b, Location l) {
      memref::StoreOp::create(
          b, l, element, view.getSource(),
          indices(addTo(firstRow, row), addTo(firstCol, col)));
      scf::YieldOp::create(b, l);
    });
  }

  KernelEmitter &kernel;
  OpBuilder &builder;
  Location loc;
  Operation *op;
  TileType type;
  int64_t width;
  ViewOp view;
  Value firstRow, firstCol, numRows, numCols;
};
} // namespace

/// Transposes a square of vectors: log2(n) rounds that each exchange blocks of
/// half the size between the two halves of a pair of vectors.
static SmallVector<Value> transpose(OpBuilder &builder, Location loc,
                                    SmallVector<Value> vectors) {
  int64_t size = vectors.size();
  for (int64_t block = size / 2; block >= 1; block /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t lane = 0; lane < size; ++lane) {
      bool second = (lane / block) % 2;
      low.push_back(second ? size + lane - block : lane);
      high.push_back(second ? size + lane : lane + block);
    }
    for (int64_t a = 0; a < size; ++a) {
      if ((a / block) % 2)
        continue;
      Value first = vectors[a], second = vectors[a + block];
      vectors[a] = vector::ShuffleOp::create(builder, loc, first, second, low);
      vectors[a + block] =
          vector::ShuffleOp::create(builder, loc, first, second, high);
    }
  }
  return vectors;
}

/// Calls `body` with the first column of each square of `width` columns; the
/// last square overlaps the one before if the columns are no multiple.
static void forEachSquare(Access &access, int64_t cols,
                          function_ref<void(Value)> body) {
  int64_t width = access.width;
  access.kernel.forEach(access.loc, cols / width * width, width, body);
  if (cols % width != 0)
    body(access.kernel.index(access.loc, cols - width));
}

/// Moves the tile, `cols` columns of elements or pairs, in squares of vectors
/// where all of it is inside of the view, else element by element.
static void
moveTransposed(Access &access, int64_t cols,
               function_ref<void(Value beginRow, Value beginCol)> square,
               function_ref<void(Value row, Value col, Value inside)> element) {
  OpBuilder &builder = access.builder;
  int64_t rows = access.type.getRows(), width = access.width;
  bool fits = access.hasContiguousRows() && rows % width == 0 && cols >= width;
  if (!fits)
    return access.forEachElement(access.kernel.index(access.loc, 0), rows,
                                 element);
  access.kernel.forEach(access.loc, rows, width, [&](Value beginRow) {
    Value inside =
        access.isInside(access.addTo(access.firstRow, beginRow), width);
    auto branch = scf::IfOp::create(builder, access.loc, inside,
                                    /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(branch.thenBlock());
    forEachSquare(access, cols,
                  [&](Value beginCol) { square(beginRow, beginCol); });
    builder.setInsertionPointToStart(branch.elseBlock());
    access.forEachElement(beginRow, width, element);
  });
}

LogicalResult mlir::tile::emitPack(KernelEmitter &kernel, LoadOp load) {
  TileType type = load.getTile().getType();
  Access access(kernel, load, load.getView(), load.getRow(), load.getCol(),
                type);
  if (failed(access.check()))
    return failure();
  OpBuilder &builder = kernel.builder;
  Location loc = load.getLoc();
  Value buffer = kernel.buffer(load.getTile());
  // A pair of elements is moved as a 32-bit word.
  int64_t perWord = isPaired(type) ? 2 : 1;
  VectorType words = kernel.vectorOf(builder.getI32Type());
  auto elements =
      VectorType::get(perWord * access.width, type.getElementType());
  Value size = kernel.index(loc, perWord);
  auto toElements = [&](Value word) -> Value {
    return builder.createOrFold<arith::MulIOp>(loc, word, size);
  };
  moveTransposed(
      access, type.getCols() / perWord,
      [&](Value beginRow, Value beginWord) {
        Value col = access.addTo(access.firstCol, toElements(beginWord));
        SmallVector<Value> vectors;
        for (int64_t n = 0; n < access.width; ++n) {
          Value row =
              access.addTo(access.firstRow, kernel.add(loc, beginRow, n));
          Value loaded = access.loadVector(row, col, perWord);
          vectors.push_back(perWord == 1 ? loaded
                                         : vector::BitCastOp::create(
                                               builder, loc, words, loaded));
        }
        for (auto [n, column] :
             llvm::enumerate(transpose(builder, loc, vectors))) {
          if (perWord != 1)
            column = vector::BitCastOp::create(builder, loc, elements, column);
          vector::StoreOp::create(
              builder, loc, column, buffer,
              ValueRange{kernel.add(loc, beginWord, n), toElements(beginRow)});
        }
      },
      [&](Value row, Value col, Value inside) {
        Value word = builder.createOrFold<arith::DivUIOp>(loc, col, size);
        Value part = builder.createOrFold<arith::RemUIOp>(loc, col, size);
        memref::StoreOp::create(
            builder, loc, access.loadElement(row, col, inside), buffer,
            ValueRange{word, builder.createOrFold<arith::AddIOp>(
                                 loc, toElements(row), part)});
      });
  return success();
}

LogicalResult mlir::tile::emitPairWindow(KernelEmitter &kernel, LoadOp load) {
  TileType type = load.getTile().getType();
  Access access(kernel, load, load.getView(), load.getRow(), load.getCol(),
                type);
  if (failed(access.check()))
    return failure();
  OpBuilder &builder = kernel.builder;
  Location loc = load.getLoc();
  int64_t rows = type.getRows(), cols = type.getCols(), width = access.width;
  Value buffer = memref::ReinterpretCastOp::create(
      builder, loc,
      MemRefType::get({rows / 2, 2 * cols}, type.getElementType()),
      kernel.buffer(load.getTile()), /*offset=*/0, ArrayRef{rows / 2, 2 * cols},
      ArrayRef{2 * cols, int64_t(1)});
  kernel.windows[load.getTile()] = buffer;
  Value two = kernel.index(loc, 2);
  auto copyElements = [&] {
    access.forEachElement(
        kernel.index(loc, 0), rows, [&](Value row, Value col, Value inside) {
          Value pair = arith::DivUIOp::create(builder, loc, row, two);
          Value half = arith::RemUIOp::create(builder, loc, row, two);
          Value place = arith::MulIOp::create(builder, loc, col, two);
          memref::StoreOp::create(builder, loc,
                                  access.loadElement(row, col, inside), buffer,
                                  ValueRange{pair, access.addTo(place, half)});
        });
  };
  if (access.view.getGroup() != 1 || !access.hasContiguousRows() ||
      cols < width) {
    copyElements();
    return success();
  }
  auto branch =
      scf::IfOp::create(builder, loc, access.isInside(access.firstRow, rows),
                        /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(branch.thenBlock());
  kernel.forEach(loc, rows / 2, 1, [&](Value pair) {
    Value row = access.addTo(access.firstRow,
                             arith::MulIOp::create(builder, loc, pair, two));
    Value next = kernel.add(loc, row, 1);
    forEachSquare(access, cols, [&](Value col) {
      Value at = access.addTo(access.firstCol, col);
      Value both =
          vector::InterleaveOp::create(builder, loc, access.loadVector(row, at),
                                       access.loadVector(next, at));
      vector::StoreOp::create(
          builder, loc, both, buffer,
          ValueRange{pair, arith::MulIOp::create(builder, loc, col, two)});
    });
  });
  builder.setInsertionPointToStart(branch.elseBlock());
  copyElements();
  return success();
}

LogicalResult mlir::tile::emitUnpack(KernelEmitter &kernel, StoreOp store) {
  TileType type = store.getTile().getType();
  Access access(kernel, store, store.getView(), store.getRow(), store.getCol(),
                type);
  if (failed(access.check()))
    return failure();
  OpBuilder &builder = kernel.builder;
  Location loc = store.getLoc();
  Value buffer = kernel.buffer(store.getTile());
  VectorType vector = kernel.vectorOf(type.getElementType());
  moveTransposed(
      access, type.getCols(),
      [&](Value beginRow, Value beginCol) {
        SmallVector<Value> columns;
        for (int64_t n = 0; n < access.width; ++n)
          columns.push_back(vector::LoadOp::create(
              builder, loc, vector, buffer,
              ValueRange{kernel.add(loc, beginCol, n), beginRow}));
        for (auto [n, lanes] :
             llvm::enumerate(transpose(builder, loc, columns))) {
          Value row =
              access.addTo(access.firstRow, kernel.add(loc, beginRow, n));
          access.storeVector(lanes, row,
                             access.addTo(access.firstCol, beginCol));
        }
      },
      [&](Value row, Value col, Value inside) {
        Value element =
            memref::LoadOp::create(builder, loc, buffer, ValueRange{col, row});
        access.storeElement(element, row, col, inside);
      });
  return success();
}

/// Copies a tile to `buffer`, `[rows][cols]`, by vectors if all of it is inside
/// of the view, else by `otherwise`.
static void copyVectors(Access &access, Value buffer,
                        function_ref<void()> otherwise) {
  OpBuilder &builder = access.builder;
  Location loc = access.loc;
  KernelEmitter &kernel = access.kernel;
  auto branch = scf::IfOp::create(
      builder, loc, access.isInside(access.firstRow, access.type.getRows()),
      /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(branch.thenBlock());
  kernel.forEach(loc, access.type.getRows(), 1, [&](Value row) {
    forEachSquare(access, access.type.getCols(), [&](Value col) {
      Value vector = access.loadVector(access.addTo(access.firstRow, row),
                                       access.addTo(access.firstCol, col));
      vector::StoreOp::create(builder, loc, vector, buffer,
                              ValueRange{row, col});
    });
  });
  builder.setInsertionPointToStart(branch.elseBlock());
  otherwise();
}

LogicalResult mlir::tile::emitWindow(KernelEmitter &kernel, LoadOp load) {
  TileType type = load.getTile().getType();
  Access access(kernel, load, load.getView(), load.getRow(), load.getCol(),
                type);
  if (failed(access.check()))
    return failure();
  OpBuilder &builder = kernel.builder;
  Location loc = load.getLoc();
  int64_t rows = type.getRows(), cols = type.getCols();
  auto windowType = MemRefType::get(
      {rows, cols}, type.getElementType(),
      StridedLayoutAttr::get(builder.getContext(), ShapedType::kDynamic,
                             {ShapedType::kDynamic, 1}));

  // The buffer holds the tile as it lies in the tensor.
  Value transposed = kernel.buffer(load.getTile());
  auto bufferType = MemRefType::get({rows, cols}, type.getElementType());
  auto makeBuffer = [&](OpBuilder &b, Location l) -> Value {
    return memref::ReinterpretCastOp::create(b, l, bufferType, transposed,
                                             /*offset=*/0, ArrayRef{rows, cols},
                                             ArrayRef{cols, int64_t(1)});
  };
  auto copyElements = [&](OpBuilder &b, Location l, Value buffer) {
    access.forEachElement(
        kernel.index(l, 0), rows, [&](Value row, Value col, Value inside) {
          memref::StoreOp::create(b, l, access.loadElement(row, col, inside),
                                  buffer, ValueRange{row, col});
        });
  };
  auto copy = [&](OpBuilder &b, Location l) -> Value {
    Value buffer = makeBuffer(b, l);
    copyElements(b, l, buffer);
    return memref::CastOp::create(b, l, windowType, buffer);
  };
  bool canCopyVectors = access.view.getGroup() == 1 &&
                        access.hasContiguousRows() && cols >= access.width;
  if (access.isNarrowInMemory() && canCopyVectors) {
    Value buffer = makeBuffer(builder, loc);
    copyVectors(access, buffer, [&] { copyElements(builder, loc, buffer); });
    kernel.windows[load.getTile()] =
        memref::CastOp::create(builder, loc, windowType, buffer);
    return success();
  }
  if (access.isNarrowInMemory() || access.view.getGroup() != 1 ||
      !access.hasContiguousRows()) {
    kernel.windows[load.getTile()] = copy(builder, loc);
    return success();
  }

  auto branch = scf::IfOp::create(builder, loc, TypeRange(windowType),
                                  access.isInside(access.firstRow, rows),
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(branch.thenBlock());
  SmallVector<OpFoldResult> offsets, sizes, strides;
  for (Value position : access.indices(access.firstRow, access.firstCol)) {
    offsets.push_back(position);
    sizes.push_back(builder.getIndexAttr(1));
    strides.push_back(builder.getIndexAttr(1));
  }
  sizes[access.view.getRowDim()] = builder.getIndexAttr(rows);
  sizes[*access.view.getColDim()] = builder.getIndexAttr(cols);
  auto source = cast<MemRefType>(access.view.getSource().getType());
  MemRefType part = memref::SubViewOp::inferRankReducedResultType(
      {rows, cols}, source, offsets, sizes, strides);
  Value window = memref::SubViewOp::create(
      builder, loc, part, access.view.getSource(), offsets, sizes, strides);
  if (part != windowType)
    window = memref::CastOp::create(builder, loc, windowType, window);
  scf::YieldOp::create(builder, loc, window);
  builder.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(builder, loc, copy(builder, loc));
  kernel.windows[load.getTile()] = branch.getResult(0);
  return success();
}
