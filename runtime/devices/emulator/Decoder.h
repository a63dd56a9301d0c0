//===- Decoder.h - From parsed instructions to Ops --------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_DECODER_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_DECODER_H

#include "Form.h"
#include "Program.h"

#include <optional>
#include <string>
#include <unordered_map>

namespace attn::emulator {

/// A type of an instruction: what ".f32" says.
struct Type {
  enum Kind : uint8_t {
    bits,
    unsignedInt,
    signedInt,
    floating,
    bfloat,
    tfloat,
    e4m3,
    e5m2,
    predicate
  };
  Kind kind = bits;
  uint8_t width = 32; ///< bits in all: 32 for f16x2
  bool packed = false;

  bool isSigned() const { return kind == signedInt; }
  bool isFloat() const { return kind >= floating && kind <= e5m2; }
  /// Bytes of a lane in a row: 4 or 8.
  int rowBytes() const { return width > 32 ? 8 : 4; }
};

/// Reads ".f32", "f16x2", ".e4m3x2", ".pred" ...
Type typeOf(std::string_view text);

/// The decode functions of the forms work through this: it holds the current
/// instruction and the Op that becomes of it. The first error stays; after it
/// all calls return something harmless.
class Decoder {
public:
  Decoder(const ptx::Module &module, const VariableAddresses &variables,
          Program &program)
      : program(program), module(module), variables(variables) {}

  /// Decodes the kernel and all functions that it calls.
  Status run(const ptx::Function &kernel);

  Op op;
  Program &program;

  const ptx::Instruction &instruction() const { return *current; }
  size_t operandCount() const { return current->operands.size(); }
  const ptx::Operand &operand(size_t n) const;
  /// Reports an error in the current instruction, as a sentence without a full
  /// stop that follows "line 7: 'add.s32 %r1, %r2': ".
  void fail(std::string what);
  bool failed() const { return failure.has_value(); }
  /// Fails unless there are so many operands.
  bool expectOperands(size_t least, size_t most);
  bool expectOperands(size_t count) { return expectOperands(count, count); }

  // Operands by their number. A type of 16 bits or less lives in a row of 4
  // bytes; what is above its width is undefined in it unless said otherwise.

  /// A register that is written.
  Ref destination(size_t n, Type type);
  /// A register, an immediate, or the address of a variable in its window.
  Ref source(size_t n, Type type);
  Ref destinationPredicate(size_t n);
  Ref sourcePredicate(size_t n, bool *negated = nullptr);

  // The same for operands that are parts of others (vectors, pairs).
  Ref destination(const ptx::Operand &operand, Type type);
  Ref source(const ptx::Operand &operand, Type type);
  Ref destinationPredicate(const ptx::Operand &operand);
  Ref sourcePredicate(const ptx::Operand &operand, bool *negated = nullptr);
  /// The declared width of a register operand; 0 of anything else.
  int registerBits(const ptx::Operand &operand) const;
  /// Registers may be wider than the type, as in ld, st and cvt: the row then
  /// has the width of the register.
  bool allowWider = false;
  /// `_`: nothing is written. As a destination it is a scratch row.
  static bool isDiscard(const ptx::Operand &operand) {
    return operand.kind == ptx::Operand::Kind::discard;
  }

  /// An address: a row of 32 or 64 bit addresses in `src[slot]`, its width in
  /// the result, and its displacement added to op.immediate. Symbols become
  /// their addresses in `space` (".shared" ...), or generic ones if it is
  /// empty; addresses of parameters are always generic, because those of
  /// functions are in the window of local memory. Returns the bits of the row,
  /// 32 or 64.
  int address(size_t n, std::string_view space, int slot);
  int address(const ptx::Operand &operand, std::string_view space, int slot);

  /// An immediate that must be a constant.
  int64_t constant(size_t n);
  int64_t constant(const ptx::Operand &operand);

  /// Adds to the list of the Op.
  void list(Ref ref);
  /// All elements of a vector operand, or the operand itself if it is none.
  void listSources(size_t n, Type type, size_t count);
  void listDestinations(size_t n, Type type, size_t count);

  /// A row of constants.
  Ref constantRow(uint64_t bits, Type type);
  /// The row of a special register; fails for one that is not known.
  Ref specialRow(const std::string &name);
  /// The register holds what an asynchronous product reads or writes: nothing
  /// else ever shares its row.
  void keepApart(Ref ref);

  /// The first instruction of a function that is called, once all is decoded:
  /// op.target becomes it.
  void callTarget(const std::string &name);
  /// Where parameter or result `n` of a function lies in local memory.
  uint64_t functionParameter(const std::string &name, size_t n, bool isResult);
  /// A .param or .local variable of the current function, as a generic address.
  std::optional<uint64_t> localAddress(const std::string &name) const;
  /// A .param variable of the body of the current function, or null.
  const ptx::Variable *localParameter(const std::string &name) const;
  const ptx::Function *findFunction(const std::string &name) const;
  /// False in a function that is called.
  bool isInKernel() const { return body->function->isKernel; }
  /// The labels of `.branchtargets`, as indices of instructions.
  std::vector<int32_t> branchTargets(const ptx::Operand &operand);
  /// A label as the target of op.
  void branchTarget(size_t n);

private:
  /// A function that is part of the program.
  struct Body {
    const ptx::Function *function;
    int32_t begin = 0; ///< its first Op
    std::vector<Ref> registers;
    std::unordered_map<std::string, uint64_t> locals; ///< generic addresses
    std::vector<uint64_t> parameters, results;
  };
  Body &bodyOf(const ptx::Function &function);
  Status decodeBody(size_t number);
  Status checkCalls() const;
  void placeShared();
  Ref registerRef(const ptx::Operand &operand, Type type, bool isWrite);
  /// In its own window, or a generic one.
  std::optional<uint64_t> addressOf(const std::string &symbol, bool generic);
  /// The `count` elements of a vector operand, or the operand itself; null, and
  /// an error, if there are others.
  const ptx::Operand *elementsOf(size_t n, size_t count);
  void use(Ref ref, int bits, bool isWrite);
  Ref newRow(int bytes);

  const ptx::Module &module;
  const VariableAddresses &variables;
  std::vector<std::unique_ptr<Body>> bodies;
  Body *body = nullptr; ///< that is decoded
  const ptx::Instruction *current = nullptr;
  std::optional<std::string> failure;
  std::unordered_map<std::string, uint64_t> sharedAddresses, parameterAddresses;
  uint64_t localBytes = 0;
  std::vector<Ref> apart;
  /// The Op, who calls, and whom.
  struct CallSite {
    size_t op;
    const ptx::Function *caller, *callee;
  };
  std::vector<CallSite> calls;
  std::unordered_map<std::string, Ref> specialRefs;
  std::unordered_map<uint64_t, Ref> constantRefs[2];
};

/// Gives registers that are never alive together the same row. A row of 25 to
/// 350 KB for each warp becomes one that stays in the first-level cache.
/// `apart` are rows that stay alone.
void allocateRegisters(Program &program, const std::vector<Ref> &apart);

/// Program::places: see ControlFlowOrder.cpp.
std::vector<uint32_t> orderControlFlow(const Program &program);

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_DECODER_H
