//===- InPlaceProducts.cpp - Products as calls on arrays ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A product of tensor cores takes ten registers and changes four. Where these
// are parts of private arrays, one call that names the parts says the same as
// a dozen statements.
//
//===----------------------------------------------------------------------===//

#include "KernelPrinter.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace attn;
using namespace attn::cuda;

bool cuda::isPairArray(memref::AllocaOp array) {
  MemRefType type = array.getType();
  if (!is16BitFloat(type.getElementType()) || type.getRank() < 2 ||
      type.getShape().back() != 2 || array->use_empty())
    return false;
  auto isPair = [](VectorType vector, ValueRange indices) {
    return vector.getNumElements() == 2 &&
           getConstantIntValue(indices.back()) == 0;
  };
  return llvm::all_of(array->getUsers(), [&](Operation *user) {
    if (auto load = dyn_cast<vector::LoadOp>(user))
      return isPair(load.getVectorType(), load.getIndices());
    auto store = dyn_cast<vector::StoreOp>(user);
    return store && isPair(store.getVectorType(), store.getIndices());
  });
}

/// Whether two indices are the same; the same constant may be several ops.
static bool areEqual(Value a, Value b) {
  std::optional<int64_t> known = getConstantIntValue(a);
  return a == b || (known && known == getConstantIntValue(b));
}

/// Whether b = a + 1.
static bool isNext(Value a, Value b) {
  std::optional<int64_t> known = getConstantIntValue(a);
  if (known && getConstantIntValue(b) == *known + 1)
    return true;
  auto sum = b.getDefiningOp<arith::AddIOp>();
  return sum &&
         ((sum.getLhs() == a && getConstantIntValue(sum.getRhs()) == 1) ||
          (sum.getRhs() == a && getConstantIntValue(sum.getLhs()) == 1));
}

/// Whether an access is to this part; the first one decides which it is.
static bool isIn(ArrayPart &part, Value memref, ValueRange indices) {
  if (!part.memref) {
    part.memref = memref;
    part.indices = llvm::to_vector(indices);
  }
  return memref == part.memref &&
         llvm::all_of(llvm::zip_equal(part.indices, indices), [](auto pair) {
           return areEqual(std::get<0>(pair), std::get<1>(pair));
         });
}

/// Whether an access is to float `number` of the four of a product.
static bool isSum(InPlaceProduct &product, Value memref, ValueRange indices,
                  int64_t number) {
  ArrayRef<int64_t> shape = cast<MemRefType>(memref.getType()).getShape();
  if (!memref.getDefiningOp<memref::AllocaOp>() || shape.empty())
    return false;
  if (shape.back() == 4)
    return getConstantIntValue(indices.back()) == number &&
           isIn(product.sums, memref, indices.drop_back());
  if (shape.size() < 2 || shape.take_back(2) != ArrayRef<int64_t>{2, 2})
    return false;
  product.isBlock = true;
  return getConstantIntValue(indices.drop_back().back()) == number / 2 &&
         getConstantIntValue(indices.back()) == number % 2 &&
         isIn(product.sums, memref, indices.drop_back(2));
}

/// The load of a word of an operand.
static vector::LoadOp loadOf(Value word) {
  if (auto cast = word.getDefiningOp<LLVM::BitcastOp>())
    word = cast.getArg();
  return word.getDefiningOp<vector::LoadOp>();
}

/// The part of an array that holds the first operand of a product, in the order
/// of its words; a null one if there is none.
static ArrayPart findFirstOperand(NVVM::MmaOp product) {
  ArrayPart part;
  Value blocks[2];
  if (product.getOperandA().size() != 4)
    return {};
  for (auto [number, word] : llvm::enumerate(product.getOperandA())) {
    vector::LoadOp load = loadOf(word);
    auto array = load ? load.getBase().getDefiningOp<memref::AllocaOp>()
                      : memref::AllocaOp();
    if (!array || !isPairArray(array) || array.getType().getRank() < 3 ||
        array.getType().getShape().take_back(2) != ArrayRef<int64_t>{2, 2} ||
        load->getBlock() != product->getBlock() ||
        isTouchedBetween(load, product, array.getResult()))
      return {};
    // [..., block, half, 0].
    ValueRange indices = load.getIndices().drop_back();
    if (getConstantIntValue(indices.back()) != int64_t(number % 2))
      return {};
    indices = indices.drop_back();
    Value &block = blocks[number / 2];
    if (!block)
      block = indices.back();
    if (!areEqual(block, indices.back()) ||
        !isIn(part, load.getBase(), indices.drop_back()))
      return {};
  }
  if (!isNext(blocks[0], blocks[1]))
    return {};
  part.indices.push_back(blocks[0]);
  return part;
}

/// A product whose accumulators are loaded from four neighbouring floats of a
/// private array and whose results go back there, and nobody looks meanwhile:
/// one call that takes the four by reference.
void KernelPrinter::findInPlaceProducts(Block &block) {
  llvm::SmallSetVector<Operation *, 8> firstLoads;
  for (auto product : block.getOps<NVVM::MmaOp>()) {
    InPlaceProduct found;
    llvm::SmallVector<Operation *> parts, loads, stores;
    bool matches = product.getOperandC().size() == 4;
    for (auto [index, value] : llvm::enumerate(product.getOperandC())) {
      auto load = value.getDefiningOp<memref::LoadOp>();
      if (!matches || !load || !value.hasOneUse() ||
          load->getBlock() != &block ||
          !isSum(found, load.getMemRef(), load.getIndices(), index)) {
        matches = false;
        break;
      }
      loads.push_back(load);
    }
    if (!matches || llvm::range_size(product->getUsers()) != 4)
      continue;
    unsigned written = 0;
    for (Operation *user : product->getUsers()) {
      auto extract = dyn_cast<LLVM::ExtractValueOp>(user);
      auto store = extract && extract->hasOneUse()
                       ? dyn_cast<memref::StoreOp>(*extract->user_begin())
                       : memref::StoreOp();
      if (!store || store->getBlock() != &block ||
          store.getValue() != extract.getResult() ||
          !isSum(found, store.getMemRef(), store.getIndices(),
                 extract.getPosition()[0])) {
        matches = false;
        break;
      }
      written |= 1u << extract.getPosition()[0];
      parts.push_back(extract);
      stores.push_back(store);
    }
    matches &= written == 0xf;
    Value base = found.sums.memref;
    for (Operation *load : loads)
      matches = matches && !isTouchedBetween(load, product, base);
    // Between the product and a store there may only be the other stores.
    for (Operation *store : stores)
      for (Operation *op = product->getNextNode(); matches && op != store;
           op = op->getNextNode())
        matches = llvm::is_contained(stores, op) ||
                  !mayTouch(op, base, /*orRead=*/true);
    if (!matches)
      continue;
    if (found.isBlock)
      found.first = findFirstOperand(product);
    if (found.first.memref)
      for (Value word : product.getOperandA())
        firstLoads.insert(loadOf(word));
    inPlaceProducts[product] = found;
    for (auto *list : {&parts, &loads, &stores})
      skipped.insert(list->begin(), list->end());
  }

  // Loads of first operands that only such products use.
  auto isBlockProduct = [&](Operation *user) {
    auto product = inPlaceProducts.find(user);
    return product != inPlaceProducts.end() && product->second.first.memref;
  };
  for (Operation *load : firstLoads)
    if (llvm::all_of(load->getUsers(), [&](Operation *user) {
          return isa<LLVM::BitcastOp>(user)
                     ? llvm::all_of(user->getUsers(), isBlockProduct)
                     : isBlockProduct(user);
        }))
      skipped.insert(load);
}
