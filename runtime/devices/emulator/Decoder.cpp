//===- Decoder.cpp - From parsed instructions to Ops ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Decoder.h"

#include "Warpgroup.h"

#include "Machine.h"

#include <algorithm>
#include <cstring>

using namespace attn;
using namespace attn::emulator;
using ptx::Operand;
using Kind = ptx::Operand::Kind;

Type attn::emulator::typeOf(std::string_view text) {
  if (!text.empty() && text[0] == '.')
    text.remove_prefix(1);
  static const std::unordered_map<std::string_view, Type> types = {
      {"pred", {Type::predicate, 1}},
      {"f16", {Type::floating, 16}},
      {"f16x2", {Type::floating, 32, true}},
      {"bf16", {Type::bfloat, 16}},
      {"bf16x2", {Type::bfloat, 32, true}},
      {"tf32", {Type::tfloat, 32}},
      {"f32", {Type::floating, 32}},
      {"f32x2", {Type::floating, 64, true}},
      {"f64", {Type::floating, 64}},
      {"e4m3", {Type::e4m3, 8}},
      {"e4m3x2", {Type::e4m3, 16, true}},
      {"e4m3x4", {Type::e4m3, 32, true}},
      {"e5m2", {Type::e5m2, 8}},
      {"e5m2x2", {Type::e5m2, 16, true}},
      {"e5m2x4", {Type::e5m2, 32, true}},
      {"u16x2", {Type::unsignedInt, 32, true}},
      {"s16x2", {Type::signedInt, 32, true}},
      {"b8", {Type::bits, 8}},
      {"b16", {Type::bits, 16}},
      {"b32", {Type::bits, 32}},
      {"b64", {Type::bits, 64}},
      {"b128", {Type::bits, 128}},
      {"u8", {Type::unsignedInt, 8}},
      {"u16", {Type::unsignedInt, 16}},
      {"u32", {Type::unsignedInt, 32}},
      {"u64", {Type::unsignedInt, 64}},
      {"s8", {Type::signedInt, 8}},
      {"s16", {Type::signedInt, 16}},
      {"s32", {Type::signedInt, 32}},
      {"s64", {Type::signedInt, 64}},
  };
  auto found = types.find(text);
  return found == types.end() ? Type{} : found->second;
}

//===----------------------------------------------------------------------===//
// The current instruction
//===----------------------------------------------------------------------===//

void Decoder::fail(std::string what) {
  if (failure)
    return;
  failure = "line " + std::to_string(current->line) + ": '" + current->opcode +
            "': " + std::move(what);
}

const Operand &Decoder::operand(size_t n) const {
  static const Operand none;
  return n < current->operands.size() ? current->operands[n] : none;
}

bool Decoder::expectOperands(size_t least, size_t most) {
  size_t given = operandCount();
  if (given >= least && given <= most)
    return true;
  fail("has " + std::to_string(given) + " operands and takes " +
       std::to_string(least) +
       (least == most ? "" : " to " + std::to_string(most)));
  return false;
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

Ref Decoder::newRow(int bytes) {
  Ref ref = static_cast<Ref>(program.registerBytes);
  program.registerBytes += static_cast<uint32_t>(bytes);
  return ref;
}

void Decoder::use(Ref ref, int bits, bool isWrite) {
  if (ref < 0)
    return;
  program.uses.push_back({ref, static_cast<uint8_t>(bits), isWrite});
}

int Decoder::registerBits(const Operand &operand) const {
  return operand.kind == Kind::reg
             ? body->function->registers[operand.index].bits
             : 0;
}

Ref Decoder::registerRef(const Operand &operand, Type type, bool isWrite) {
  const ptx::Register &reg = body->function->registers[operand.index];
  int width = std::max<int>(type.width, 1);
  if (type.kind == Type::predicate
          ? reg.bits != 1
          : reg.bits == 1 || reg.bits < width ||
                (reg.bits > std::max(width, 16) && !allowWider)) {
    fail("the register '" + reg.name + "' has " + std::to_string(reg.bits) +
         " bits where " + std::to_string(width) + " are expected");
    return 0;
  }
  Ref ref = body->registers[operand.index];
  use(ref, reg.bits == 1 ? 1 : reg.bits > 32 ? 64 : 32, isWrite);
  return ref;
}

Ref Decoder::destination(size_t n, Type type) {
  return destination(operand(n), type);
}
Ref Decoder::source(size_t n, Type type) { return source(operand(n), type); }
Ref Decoder::destinationPredicate(size_t n) {
  return destinationPredicate(operand(n));
}
Ref Decoder::sourcePredicate(size_t n, bool *negated) {
  return sourcePredicate(operand(n), negated);
}

Ref Decoder::destination(const Operand &operand, Type type) {
  if (operand.kind == Kind::reg && !operand.negated)
    return registerRef(operand, type, /*isWrite=*/true);
  if (isDiscard(operand))
    return 0; // the scratch row
  fail("the destination must be a register");
  return 0;
}

Ref Decoder::destinationPredicate(const Operand &operand) {
  return destination(operand, Type{Type::predicate, 1});
}

Ref Decoder::sourcePredicate(const Operand &operand, bool *negated) {
  if (negated)
    *negated = operand.negated;
  else if (operand.negated)
    fail("a negated predicate is not allowed here");
  if (operand.kind == Kind::reg)
    return registerRef(operand, Type{Type::predicate, 1}, /*isWrite=*/false);
  if (operand.kind == Kind::integer)
    return constantRow(operand.bits ? ~uint64_t(0) : 0, Type{});
  fail("a predicate is expected");
  return 0;
}

Ref Decoder::source(const Operand &operand, Type type) {
  switch (operand.kind) {
  case Kind::reg:
    if (operand.negated)
      fail("a negated register is not allowed here");
    return registerRef(operand, type, /*isWrite=*/false);
  case Kind::special:
    if (type.rowBytes() == 8)
      fail("'%" + operand.name + "' has 32 bits where 64 are expected");
    return specialRow(operand.name);
  case Kind::integer:
    if (type.isFloat() && type.width >= 32 && !type.packed)
      fail("a number of a floating-point type is written as 0fXXXXXXXX, "
           "0dXXXXXXXXXXXXXXXX or with a decimal point");
    return constantRow(operand.bits, type);
  case Kind::single:
  case Kind::real: {
    if (type.width < 32 || type.packed ||
        (type.kind != Type::bits && !type.isFloat())) {
      fail("a floating-point number needs a type of 32 or 64 bits that is not "
           "an integer");
      return 0;
    }
    if ((operand.kind == Kind::single) == (type.width == 32))
      return constantRow(operand.bits, type);
    uint64_t bits = operand.bits;
    if (operand.kind == Kind::single) {
      float value;
      uint32_t low = static_cast<uint32_t>(bits);
      std::memcpy(&value, &low, 4);
      double wide = value;
      std::memcpy(&bits, &wide, 8);
    } else {
      double wide;
      std::memcpy(&wide, &bits, 8);
      float value = static_cast<float>(wide);
      uint32_t low;
      std::memcpy(&low, &value, 4);
      bits = low;
    }
    return constantRow(bits, type);
  }
  case Kind::symbol: {
    if (auto address = addressOf(operand.name, /*generic=*/false))
      return constantRow(*address + static_cast<uint64_t>(operand.offset),
                         type);
    return 0;
  }
  default:
    fail("a register or a number is expected");
    return 0;
  }
}

Ref Decoder::constantRow(uint64_t bits, Type type) {
  bool wide = type.rowBytes() == 8;
  if (!wide)
    bits &= 0xffffffffu;
  auto [place, isNew] = constantRefs[wide].try_emplace(bits, 0);
  if (isNew) {
    place->second = ~static_cast<Ref>(program.constants.size() * 8);
    uint64_t word = wide ? bits : bits | bits << 32;
    program.constants.insert(program.constants.end(), wide ? 32 : 16, word);
  }
  return place->second;
}

Ref Decoder::specialRow(const std::string &name) {
  static const std::unordered_map<std::string, Special> names = {
      {"tid.x", Special::tidX},
      {"tid.y", Special::tidY},
      {"tid.z", Special::tidZ},
      {"ntid.x", Special::ntidX},
      {"ntid.y", Special::ntidY},
      {"ntid.z", Special::ntidZ},
      {"ctaid.x", Special::ctaidX},
      {"ctaid.y", Special::ctaidY},
      {"ctaid.z", Special::ctaidZ},
      {"nctaid.x", Special::nctaidX},
      {"nctaid.y", Special::nctaidY},
      {"nctaid.z", Special::nctaidZ},
      {"laneid", Special::laneid},
      {"warpid", Special::warpid},
      {"nwarpid", Special::nwarpid},
      {"lanemask_eq", Special::lanemaskEq},
      {"lanemask_le", Special::lanemaskLe},
      {"lanemask_lt", Special::lanemaskLt},
      {"lanemask_ge", Special::lanemaskGe},
      {"lanemask_gt", Special::lanemaskGt},
      {"smid", Special::smid},
      {"nsmid", Special::nsmid},
      {"gridid", Special::gridid},
      {"dynamic_smem_size", Special::dynamicSharedSize},
      {"total_smem_size", Special::totalSharedSize},
      {"aggr_smem_size", Special::aggregateSharedSize},
      {"clusterid.x", Special::clusteridX},
      {"clusterid.y", Special::clusteridY},
      {"clusterid.z", Special::clusteridZ},
      {"nclusterid.x", Special::nclusteridX},
      {"nclusterid.y", Special::nclusteridY},
      {"nclusterid.z", Special::nclusteridZ},
      {"cluster_ctaid.x", Special::clusterCtaidX},
      {"cluster_ctaid.y", Special::clusterCtaidY},
      {"cluster_ctaid.z", Special::clusterCtaidZ},
      {"cluster_nctaid.x", Special::clusterNctaidX},
      {"cluster_nctaid.y", Special::clusterNctaidY},
      {"cluster_nctaid.z", Special::clusterNctaidZ},
      {"cluster_ctarank", Special::clusterCtarank},
      {"cluster_nctarank", Special::clusterNctarank},
  };
  auto found = names.find(name);
  if (found == names.end()) {
    fail("unknown special register '%" + name + "'");
    return 0;
  }
  auto [place, isNew] = specialRefs.try_emplace(name, 0);
  if (isNew) {
    place->second = newRow(lanesPerWarp * 4);
    apart.push_back(place->second);
    program.specials.emplace_back(found->second, place->second);
  }
  return place->second;
}

void Decoder::keepApart(Ref ref) {
  if (ref > 0)
    apart.push_back(ref);
}

void Decoder::list(Ref ref) {
  program.lists.push_back(ref);
  ++op.listCount;
}

const Operand *Decoder::elementsOf(size_t n, size_t count) {
  const Operand &given = operand(n);
  const bool isVector = given.kind == Kind::vector;
  const size_t size = isVector ? given.elements.size() : 1;
  if (size == count)
    return isVector ? given.elements.data() : &given;
  fail("the vector has " + std::to_string(size) + " elements where " +
       std::to_string(count) + " are expected");
  return nullptr;
}

void Decoder::listSources(size_t n, Type type, size_t count) {
  if (const Operand *elements = elementsOf(n, count))
    for (size_t k = 0; k < count; ++k)
      list(source(elements[k], type));
}

void Decoder::listDestinations(size_t n, Type type, size_t count) {
  if (const Operand *elements = elementsOf(n, count))
    for (size_t k = 0; k < count; ++k)
      list(destination(elements[k], type));
}

//===----------------------------------------------------------------------===//
// Addresses
//===----------------------------------------------------------------------===//

std::optional<uint64_t> Decoder::addressOf(const std::string &symbol,
                                           bool generic) {
  if (auto found = body->locals.find(symbol); found != body->locals.end())
    return generic ? found->second : found->second & ~windowMask;
  if (auto found = sharedAddresses.find(symbol); found != sharedAddresses.end())
    return found->second | (generic ? sharedWindow : 0);
  if (body->function->isKernel)
    if (auto found = parameterAddresses.find(symbol);
        found != parameterAddresses.end())
      return found->second | (generic ? paramWindow : 0);
  if (auto found = variables.find(symbol); found != variables.end())
    return found->second;
  fail("'" + symbol + "' is no variable");
  return std::nullopt;
}

int Decoder::address(size_t n, std::string_view space, int slot) {
  return address(operand(n), space, slot);
}

int Decoder::address(const Operand &operand, std::string_view space, int slot) {
  if (operand.kind != Kind::address || operand.elements.empty()) {
    fail("an address in brackets is expected");
    return 64;
  }
  const Operand &base = operand.elements[0];
  op.immediate += operand.offset;
  const Type wide{Type::bits, 64}, narrow{Type::bits, 32};
  switch (base.kind) {
  case Kind::reg: {
    int bits = registerBits(base);
    if (bits != 32 && bits != 64) {
      fail("an address needs a register of 32 or 64 bits, not " +
           std::to_string(bits));
      return 64;
    }
    op.src[slot] = source(base, bits == 64 ? wide : narrow);
    return bits;
  }
  case Kind::symbol: {
    auto address = addressOf(base.name, /*generic=*/true);
    if (!address)
      return 64;
    const uint64_t window = *address & windowMask;
    const bool isInSpace =
        space.empty()                     ? true
        : space.substr(0, 7) == ".shared" ? window == sharedWindow
        : space == ".local"               ? window == localWindow
        : space.substr(0, 6) == ".param"  ? window >= localWindow
                                          : window == 0;
    if (!isInSpace)
      fail("'" + base.name + "' is not in " + std::string(space.substr(1)) +
           " memory");
    const bool isGeneric = space.empty() || space == ".param";
    op.src[slot] = constantRow((isGeneric ? *address : *address & ~windowMask) +
                                   static_cast<uint64_t>(base.offset),
                               wide);
    return 64;
  }
  case Kind::integer:
    op.src[slot] = constantRow(base.bits, wide);
    return 64;
  default:
    fail("an address begins with a register, a variable or a number");
    return 64;
  }
}

int64_t Decoder::constant(size_t n) { return constant(operand(n)); }

int64_t Decoder::constant(const Operand &operand) {
  if (operand.kind != Kind::integer)
    fail("a constant integer is expected");
  return static_cast<int64_t>(operand.bits);
}

//===----------------------------------------------------------------------===//
// The program
//===----------------------------------------------------------------------===//

Status Decoder::decodeBody(size_t number) {
  body = bodies[number].get();
  body->begin = static_cast<int32_t>(program.ops.size());
  for (const ptx::Instruction &instruction : body->function->instructions) {
    current = &instruction;
    op = Op();
    op.instruction = static_cast<int32_t>(program.instructions.size());
    op.listBegin = static_cast<uint32_t>(program.lists.size());
    op.useBegin = static_cast<uint32_t>(program.uses.size());
    allowWider = false;
    program.instructions.push_back(&instruction);
    if (instruction.guard >= 0) {
      Operand guard;
      guard.kind = Kind::reg;
      guard.index = instruction.guard;
      op.guard = sourcePredicate(guard);
      op.hasGuard = true;
      op.guardNegated = instruction.guardNegated;
    }
    Result<Match> match = matchForm(instruction.opcode);
    if (!match)
      return attn::failure("line " + std::to_string(instruction.line) + ": " +
                           match.error());
    const Form &form = *match->form;
    if (module.sm < form.sm || (form.archSpecific && !module.archSpecific) ||
        (form.isGone && module.sm > form.sm))
      fail("needs .target sm_" + std::to_string(form.sm) +
           (form.archSpecific ? "a" : "") + (form.isGone ? "" : " or later") +
           "; this module is for " + module.target);
    else if (form.ptxVersion > 10 * module.versionMajor + module.versionMinor)
      fail("needs .version " + std::to_string(form.ptxVersion / 10) + "." +
           std::to_string(form.ptxVersion % 10) +
           " or later; this module has " + std::to_string(module.versionMajor) +
           "." + std::to_string(module.versionMinor));
    else
      form.decode(*this, *match);
    if (failure)
      return attn::failure(*failure);
    op.useCount = static_cast<uint16_t>(program.uses.size() - op.useBegin);
    program.ops.push_back(op);
  }
  // Running off the end is the end.
  static const ptx::Instruction end = [] {
    ptx::Instruction end;
    end.opcode = "ret";
    return end;
  }();
  Result<Match> match = matchForm(end.opcode);
  if (!match)
    return match.takeFailure();
  current = &end;
  op = Op();
  op.instruction = static_cast<int32_t>(program.instructions.size());
  program.instructions.push_back(&end);
  match->form->decode(*this, *match);
  program.ops.push_back(op);
  return Status::success();
}

Status Decoder::run(const ptx::Function &kernel) {
  program.module = &module;
  program.function = &kernel;
  newRow(lanesPerWarp * 8); // the scratch row, at 0
  uint64_t end = 0;
  for (const ptx::Variable &parameter : kernel.parameters) {
    end = alignUp(end, std::max(1u, parameter.alignment));
    parameterAddresses[parameter.name] = end;
    program.parameterOffsets.push_back(static_cast<uint32_t>(end));
    end += parameter.bytes;
  }
  // CUDA's limits.
  const bool isNew = 10 * module.versionMajor + module.versionMinor >= 81;
  if (const uint64_t most = isNew ? 32764 : 4352; end > most)
    return attn::failure("the parameters have " + std::to_string(end) +
                         " bytes; at most " + std::to_string(most) +
                         " are allowed");
  program.parameterBytes = static_cast<uint32_t>(end);
  placeShared();
  bodyOf(kernel);
  for (size_t n = 0; n < bodies.size(); ++n)
    if (Status status = decodeBody(n); !status)
      return status;
  if (Status status = checkCalls(); !status)
    return status;
  for (const CallSite &call : calls)
    program.ops[call.op].target = bodyOf(*call.callee).begin;
  // The function of a call is entered from many places.
  if (!calls.empty())
    for (auto &callee : bodies)
      for (Ref ref : callee->registers)
        apart.push_back(ref);
  localBytes = alignUp(localBytes, 16);
  if (constexpr uint64_t most = 512 * 1024; localBytes > most)
    return attn::failure("a thread needs " + std::to_string(localBytes) +
                         " bytes of local memory; at most " +
                         std::to_string(most) + " are allowed");
  program.localBytes = static_cast<uint32_t>(localBytes);
  allocateRegisters(program, apart);
  program.places = orderControlFlow(program);
  if (program.usesWgmma)
    markAsyncRegisters(program);
  return Status::success();
}

Result<std::unique_ptr<Program>>
attn::emulator::decode(const ptx::Module &module, const ptx::Function &kernel,
                       const VariableAddresses &variables) {
  auto program = std::make_unique<Program>();
  Decoder decoder(module, variables, *program);
  if (Status status = decoder.run(kernel); !status)
    return failure("kernel '" + kernel.name + "', " + status.error());
  return program;
}
