//===- PrintGpu.cpp - gpu, nvgpu and nvvm ---------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Numbers of threads, barriers, shuffles, asynchronous copies and products.
//
//===----------------------------------------------------------------------===//

#include "KernelPrinter.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;
using namespace attn::cuda;

/// Whether only the next op uses a value, once and in the same turn.
static bool isUsedNext(Value value) {
  Operation *next = value.getDefiningOp()->getNextNode();
  return value.hasOneUse() && *value.user_begin() == next &&
         !repeatsOperands(next) && !isa<LoopLikeOpInterface>(next);
}

/// "threadIdx" + ".x".
static std::string along(const char *name, gpu::Dimension dimension) {
  return std::string(name) + "." + stringifyDimension(dimension).str();
}

void KernelPrinter::printAsyncCopy(nvgpu::DeviceAsyncCopyOp op) {
  int64_t elementBytes =
      cast<MemRefType>(op.getDst().getType()).getElementTypeBitWidth() / 8;
  int64_t bytes = op.getDstElements().getZExtValue() * elementBytes;
  if (bytes != 4 && bytes != 8 && bytes != 16) {
    fail(op, "4, 8 or 16 bytes can be copied, not " + llvm::Twine(bytes));
    return;
  }
  if (op.getBypassL1() && bytes != 16) {
    fail(op, "a copy that bypasses L1 is of 16 bytes");
    return;
  }
  std::string name =
      op.getBypassL1() ? "cp_async_16" : "cp_async_ca_" + std::to_string(bytes);
  std::string read;
  auto choice = op.getSrcElements()
                    ? op.getSrcElements().getDefiningOp<arith::SelectOp>()
                    : arith::SelectOp();
  std::optional<int64_t> yes, no;
  if (choice && inlined.contains(choice)) {
    yes = getConstantIntValue(choice.getTrueValue());
    no = getConstantIntValue(choice.getFalseValue());
  }
  if (yes && no) {
    read = ", " + expr(choice.getCondition()).as(Binding::logicalOr) + " ? " +
           std::to_string(*yes * elementBytes) + " : " +
           std::to_string(*no * elementBytes);
  } else if (Value count = op.getSrcElements()) {
    Number readBytes =
        multiplyIndices(number(count), makeConstant(elementBytes));
    if (readBytes.isWide)
      readBytes.expr = castTo("int", readBytes.expr);
    if (readBytes.constant != bytes)
      read = ", " + readBytes.expr.text;
  }
  line(prelude.use(name) + "(" + address(op.getDst(), op.getDstIndices()).text +
       ", " + address(op.getSrc(), op.getSrcIndices()).text + read + ");");
}

void KernelPrinter::printProduct(NVVM::MmaOp op) {
  NVVM::MMAShapeAttr shape = op.getShape();
  std::optional<NVVM::MMATypes> type = op.getMultiplicandAPtxType();
  auto results = dyn_cast<LLVM::LLVMStructType>(op.getRes().getType());
  bool isKnown =
      shape.getM() == 16 && shape.getN() == 8 && shape.getK() == 16 &&
      op.getLayoutA() == NVVM::MMALayout::row &&
      op.getLayoutB() == NVVM::MMALayout::col && op.getOperandA().size() == 4 &&
      op.getOperandB().size() == 2 && op.getOperandC().size() == 4 && type &&
      type == op.getMultiplicandBPtxType() &&
      (type == NVVM::MMATypes::f16 || type == NVVM::MMATypes::bf16) &&
      llvm::all_of(results.getBody(), [](Type type) { return type.isF32(); });
  if (!isKnown) {
    fail(op, "products are m16n8k16, row by column, of bf16 or f16 into f32");
    return;
  }
  std::string name =
      type == NVVM::MMATypes::bf16 ? "mma_m16n8k16_bf16" : "mma_m16n8k16_f16";
  auto product = inPlaceProducts.find(op);
  bool isInPlace = product != inPlaceProducts.end();
  bool hasBlocks = isInPlace && product->second.first.memref;
  if (hasBlocks)
    name = type == NVVM::MMATypes::bf16 ? "mma_bf16" : "mma_f16";
  prelude.use(name);
  auto partOf = [&](const ArrayPart &part) {
    std::string text = buffer(part.memref).name;
    ArrayRef<int64_t> shape =
        cast<MemRefType>(part.memref.getType()).getShape();
    for (auto [index, size] : llvm::zip_first(part.indices, shape))
      if (size != 1)
        text += "[" + expr(index).text + "]";
    return text;
  };
  std::string factors;
  if (hasBlocks)
    factors = ", &" + partOf(product->second.first);
  llvm::SmallVector<Value> words;
  if (!hasBlocks)
    words = llvm::to_vector(op.getOperandA());
  words.append(op.getOperandB().begin(), op.getOperandB().end());
  for (Value value : words) {
    // The call takes words, whatever the type in the IR is.
    auto cast = value.getDefiningOp<LLVM::BitcastOp>();
    factors += ", " + (cast && inlined.contains(cast) ? word(cast.getArg(), 0)
                                                      : expr(value))
                          .text;
  }

  if (isInPlace) {
    bool decays = product->second.isBlock && !hasBlocks;
    line(name + "(" + (decays ? "*" : "") + partOf(product->second.sums) +
         factors + ");");
    return;
  }
  llvm::SmallVector<Expr> accumulators;
  for (Value value : op.getOperandC())
    accumulators.push_back(expr(value));
  declare(op->getResult(0), makeFromParts(op.getRes().getType(), accumulators));
  line(name + "(" + values[op.getRes()].text + ".v" + factors + ");");
}

/// The letter that binds an operand of asm to a register; 0 if none does.
static char constraintOf(Type type) {
  if (type.isF32())
    return 'f';
  if (type.isInteger(16) || is16BitFloat(type))
    return 'h';
  if (type.isInteger(64) || type.isIndex())
    return 'l';
  if (type.isInteger(32) || (countParts(type) == 0 && isa<VectorType>(type)))
    return 'r';
  return 0;
}

void KernelPrinter::printInlinePtx(NVVM::InlinePtxOp op) {
  if (!op.getReadWriteArgs().empty()) {
    // MLIR 22 lowers them wrongly, so that the other path could not follow.
    fail(op, "operands that are read and written");
    return;
  }
  std::string outputs, inputs;
  for (OpResult result : op->getResults()) {
    char constraint = constraintOf(result.getType());
    if (!constraint) {
      fail(op, "a result has no register type");
      return;
    }
    std::string name = nameResult(result, "t");
    values[result] = {name};
    // The asm has no 32-bit register for an index.
    widths[result] = result.getType().isIndex() || isWide(result);
    line(prelude.typeOf(result.getType()) + " " + name + ";");
    outputs += std::string(outputs.empty() ? "" : ", ") + "\"=" + constraint +
               "\"(" + name + ")";
  }
  auto addInput = [&](char constraint, const std::string &text) {
    inputs += std::string(inputs.empty() ? "" : ", ") + "\"" + constraint +
              "\"(" + text + ")";
  };
  for (Value operand : op.getReadOnlyArgs()) {
    char constraint = constraintOf(operand.getType());
    if (!constraint) {
      fail(op, "an operand has no register type");
      return;
    }
    Number value = number(operand);
    addInput(constraint, constraint == 'l' && !value.isWide
                             ? castTo("long long", value.expr).text
                             : value.expr.text);
  }

  // Operands are "$0" and so on, results first, or "{$w0}", "{$r0}".
  unsigned results = op->getNumResults();
  std::string code;
  if (Value predicate = op.getPredicate()) {
    unsigned number = results + op.getReadOnlyArgs().size();
    addInput('r', castTo("int", expr(predicate)).text);
    code = "{ .reg .pred p; setp.ne.b32 p, $" + std::to_string(number) +
           ", 0; @p " + op.getPtxCode().str() + " }";
  } else {
    code = op.getPtxCode().str();
  }
  std::string escaped;
  for (size_t i = 0; i < code.size(); ++i) {
    llvm::StringRef rest = llvm::StringRef(code).drop_front(i);
    unsigned index;
    bool isResult = rest.starts_with("{$w");
    if (isResult || rest.starts_with("{$r")) {
      size_t end = rest.find('}');
      if (end == llvm::StringRef::npos ||
          rest.slice(3, end).getAsInteger(10, index)) {
        fail(op, "its text has an unknown placeholder");
        return;
      }
      escaped += "%" + std::to_string(isResult ? index : results + index);
      i += end;
    } else if (rest[0] == '$' && rest.size() > 1 && llvm::isDigit(rest[1])) {
      escaped += '%';
    } else if (rest[0] == '%') {
      escaped += "%%";
    } else if (rest[0] == '"' || rest[0] == '\\') {
      escaped += std::string("\\") + rest[0];
    } else {
      escaped += rest[0] == '\n' ? ' ' : rest[0];
    }
  }
  line("asm volatile(\"" + escaped + "\" : " + outputs + " : " + inputs +
       " : \"memory\");");
}

bool KernelPrinter::printGpuStatement(Operation *op) {
  auto declareId = [&](const std::string &text) {
    declare(op->getResult(0), {text});
  };
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case([&](gpu::ThreadIdOp op) {
        declareId(along("threadIdx", op.getDimension()));
        return true;
      })
      .Case([&](gpu::BlockIdOp op) {
        declareId(along("blockIdx", op.getDimension()));
        return true;
      })
      .Case([&](gpu::BlockDimOp op) {
        declareId(along("blockDim", op.getDimension()));
        return true;
      })
      .Case([&](gpu::GridDimOp op) {
        declareId(along("gridDim", op.getDimension()));
        return true;
      })
      .Case([&](gpu::LaneIdOp) {
        declareId("threadIdx.x % 32");
        return true;
      })
      .Case([&](gpu::SubgroupIdOp) {
        declareId("threadIdx.x / 32");
        return true;
      })
      .Case([&](gpu::BarrierOp) {
        line("__syncthreads();");
        return true;
      })
      .Case([&](NVVM::SyncWarpOp op) {
        line("__syncwarp(" + expr(op.getMask()).text + ");");
        return true;
      })
      .Case([&](NVVM::VoteSyncOp op) {
        if (op.getKind() != NVVM::VoteSyncKind::any ||
            getConstantIntValue(op.getMask()) != -1) {
          fail(op, "votes are any, of all lanes");
          return true;
        }
        std::string text =
            "__any_sync(0xffffffff, " + expr(op.getPred()).text + ")";
        if (isUsedNext(op.getRes())) {
          values[op.getRes()] = {text};
          return true;
        }
        std::string name = makeName("any");
        line("bool " + name + " = " + text + ";");
        values[op.getRes()] = {name};
        return true;
      })
      .Case([&](gpu::ShuffleOp op) {
        bool isXor = op.getMode() == gpu::ShuffleMode::XOR;
        Type type = op.getValue().getType();
        if ((!isXor && op.getMode() != gpu::ShuffleMode::IDX) ||
            getConstantIntValue(op.getWidth()) != 32 ||
            !(type.isF32() || type.isInteger(32) || type.isInteger(64))) {
          fail(op,
               "shuffles are xor or idx, of f32, i32 or i64, over 32 lanes");
          return true;
        }
        // Each of 32 lanes has a source.
        values[op.getValid()] = {"true"};
        std::string text =
            std::string(isXor ? "__shfl_xor_sync" : "__shfl_sync") +
            "(0xffffffff, " + expr(op.getValue()).text + ", " +
            expr(op.getOffset()).text + ")";
        if (!op->hasAttr("attn.name") && isUsedNext(op.getShuffleResult())) {
          values[op.getShuffleResult()] = {text};
          return true;
        }
        std::string name =
            makeName(op->hasAttr("attn.name")
                         ? op->getAttrOfType<StringAttr>("attn.name").getValue()
                         : "other");
        line(typeOf(op.getShuffleResult()) + " " + name + " = " + text + ";");
        values[op.getShuffleResult()] = {name};
        return true;
      })
      .Case([&](nvgpu::DeviceAsyncCopyOp op) {
        printAsyncCopy(op);
        return true;
      })
      .Case([&](nvgpu::DeviceAsyncCreateGroupOp) {
        line(prelude.use("cp_async_commit") + "();");
        return true;
      })
      .Case([&](NVVM::CpAsyncCommitGroupOp) {
        line(prelude.use("cp_async_commit") + "();");
        return true;
      })
      .Case([&](NVVM::CpAsyncWaitGroupOp op) {
        line(prelude.use("cp_async_wait") + "<" + llvm::Twine(op.getN()) +
             ">();");
        return true;
      })
      .Case([&](nvgpu::DeviceAsyncWaitOp op) {
        line(prelude.use("cp_async_wait") + "<" +
             llvm::Twine(op.getNumGroups().value_or(0)) + ">();");
        return true;
      })
      .Case([&](nvgpu::LdMatrixOp op) {
        Type type = op.getRes().getType();
        if (!is16BitFloat(getElementType(type)) ||
            countElements(type) != 2 * op.getNumTiles() ||
            !llvm::is_contained({1u, 2u, 4u}, op.getNumTiles())) {
          fail(op, "1, 2 or 4 blocks of 16-bit floats are loaded");
          return true;
        }
        std::string name = "ldmatrix_x" + std::to_string(op.getNumTiles()) +
                           (op.getTranspose() ? "_trans" : "");
        declare(op->getResult(0),
                {(prelude.use(name) + "(" +
                  address(op.getSrcMemref(), op.getIndices()).text + ")")
                     .str()});
        return true;
      })
      .Case([&](NVVM::MmaOp op) {
        printProduct(op);
        return true;
      })
      .Case([&](NVVM::InlinePtxOp op) {
        printInlinePtx(op);
        return true;
      })
      .Default([](Operation *) { return false; });
}
