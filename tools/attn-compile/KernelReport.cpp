//===- KernelReport.cpp - What the code generator made --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads assembly, in which LLVM comments on every spill, and the symbols of the
// shared object.
//
//===----------------------------------------------------------------------===//

#include "tools/attn-compile/KernelReport.h"

#include "tools/attn-compile/ThreadLevel.h"

#include "attn/Target/Cpu/Codegen.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IRReader/IRReader.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Target/TargetMachine.h"

#include <map>

namespace attn::tool {

namespace {
/// What the assembly of one function holds.
struct Counts {
  int64_t instructions = 0;
  /// Of vectors, which are at least 16 bytes, and of anything else.
  int64_t vectorSpills = 0, vectorReloads = 0, scalarSpills = 0,
          scalarReloads = 0;
  int64_t calls = 0;
  /// The widest vector register that is named, in bits.
  int64_t vectorBits = 0;
};

struct Assembly {
  std::map<std::string, Counts> functions;
  /// Called, but not defined.
  std::vector<std::string> libcalls;
};
} // namespace

/// Emits assembly with comments.
static Result<std::string> emitAssembly(const std::string &ir,
                                        llvm::TargetMachine &machine) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  auto module =
      llvm::parseIR(llvm::MemoryBufferRef(ir, "report"), diagnostic, context);
  if (!module)
    return failure("the LLVM IR could not be read again: " +
                   diagnostic.getMessage().str());
  machine.Options.MCOptions.AsmVerbose = true;
  llvm::SmallString<0> text;
  llvm::raw_svector_ostream out(text);
  llvm::legacy::PassManager codegen;
  if (machine.addPassesToEmitFile(codegen, out, nullptr,
                                  llvm::CodeGenFileType::AssemblyFile))
    return failure("the code generator of " + machine.getTargetTriple().str() +
                   " cannot write assembly");
  codegen.run(*module);
  return text.str().str();
}

/// "64-byte Folded Spill" -> 64; 0 without such a comment.
static int64_t commentBytes(llvm::StringRef comment, llvm::StringRef what) {
  if (!comment.contains(what))
    return 0;
  int64_t bytes = 0;
  for (llvm::StringRef word : llvm::split(comment, ' ')) {
    int64_t number;
    if (word.consume_back("-byte") && !word.getAsInteger(10, number))
      bytes = std::max(bytes, number);
  }
  return bytes;
}

static Assembly readAssembly(llvm::StringRef text) {
  Assembly assembly;
  llvm::StringSet<> called, defined;
  Counts *current = nullptr;
  llvm::StringSet<> functions;
  for (llvm::StringRef line : llvm::split(text, '\n')) {
    auto [code, comment] = line.split('#');
    llvm::StringRef trimmed = code.trim();
    if (trimmed.consume_front(".type")) {
      auto [name, kind] = trimmed.split(',');
      if (kind.contains("@function"))
        functions.insert(name.trim());
      continue;
    }
    if (trimmed.ends_with(":") && !trimmed.starts_with(".")) {
      llvm::StringRef name = trimmed.drop_back().trim('"');
      defined.insert(name);
      current =
          functions.contains(name) ? &assembly.functions[name.str()] : nullptr;
      continue;
    }
    if (trimmed.empty() || trimmed.starts_with(".") || trimmed.ends_with(":") ||
        !current)
      continue;
    ++current->instructions;
    if (trimmed.consume_front("callq")) {
      ++current->calls;
      llvm::StringRef target = trimmed.trim();
      target.consume_back("@PLT");
      if (!target.starts_with("*"))
        called.insert(target);
    }
    for (auto [name, bits] : {std::pair<const char *, int64_t>{"%zmm", 512},
                              {"%ymm", 256},
                              {"%xmm", 128}})
      if (code.contains(name)) {
        current->vectorBits = std::max(current->vectorBits, bits);
        break;
      }
    if (int64_t bytes = commentBytes(comment, "Spill"))
      ++(bytes >= 16 ? current->vectorSpills : current->scalarSpills);
    if (int64_t bytes = commentBytes(comment, "Reload"))
      ++(bytes >= 16 ? current->vectorReloads : current->scalarReloads);
  }
  for (const auto &target : called)
    if (!defined.contains(target.getKey()))
      assembly.libcalls.push_back(target.getKey().str());
  llvm::sort(assembly.libcalls);
  return assembly;
}

/// Bytes of each function in a shared object.
static Result<llvm::StringMap<int64_t>> codeSizes(const std::string &bytes) {
  auto object = llvm::object::ObjectFile::createObjectFile(
      llvm::MemoryBufferRef(bytes, "object"));
  if (!object)
    return failure(llvm::toString(object.takeError()));
  llvm::StringMap<int64_t> sizes;
  for (const llvm::object::SymbolRef &symbol : (*object)->symbols()) {
    llvm::Expected<llvm::StringRef> name = symbol.getName();
    llvm::Expected<llvm::object::SymbolRef::Type> type = symbol.getType();
    if (!name || !type) {
      llvm::consumeError(name.takeError());
      llvm::consumeError(type.takeError());
      continue;
    }
    if (*type == llvm::object::SymbolRef::ST_Function)
      sizes[*name] = llvm::object::ELFSymbolRef(symbol).getSize();
  }
  return sizes;
}

Result<std::string> reportKernels(const std::string &text,
                                  const std::string &name,
                                  const CompileOptions &options) {
  auto machine = createCpuTargetMachine(options.cpu, options.features);
  if (!machine)
    return machine.takeFailure();
  Result<CpuTargetInfo> target = selectCpuTarget(**machine);
  if (!target)
    return target.takeFailure();
  Result<std::vector<FunctionShape>> shapes =
      inspectThreadLevel(text, name, options);
  if (!shapes)
    return shapes.takeFailure();
  Result<std::string> ir = compile(text, name, options, Emit::llvm);
  if (!ir)
    return ir.takeFailure();
  Result<std::string> listing = emitAssembly(*ir, **machine);
  if (!listing)
    return listing.takeFailure();
  Assembly assembly = readAssembly(*listing);
  if (!assembly.libcalls.empty())
    return failure("the code calls " + listOf(assembly.libcalls) +
                   ", which a payload does not have; the module may use a "
                   "function of the math dialect that has no expansion");
  Result<std::string> object = compile(text, name, options, Emit::object);
  if (!object)
    return object.takeFailure();
  Result<llvm::StringMap<int64_t>> sizes = codeSizes(*object);
  if (!sizes)
    return sizes.takeFailure();

  std::string result;
  llvm::raw_string_ostream out(result);
  out << name << ": " << options.algorithm << ", for "
      << (*machine)->getTargetCPU() << " (" << target->name << ")\n"
      << "shared object      " << object->size() << " bytes\n"
      << "libcalls           none\n";
  for (const auto &[function, counts] : assembly.functions) {
    out << "\n@" << function << "\n";
    auto shape = llvm::find_if(*shapes, [&](const FunctionShape &item) {
      return item.name == function;
    });
    if (shape != shapes->end() && shape->tileQ != 0)
      out << "  tiles            " << shape->tileQ << " rows x "
          << shape->tileKv << " keys\n";
    out << "  code             " << sizes->lookup(function) << " bytes, "
        << counts.instructions << " instructions\n";
    if (shape != shapes->end()) {
      out << "  arena            " << shape->arenaBytes << " bytes a worker\n";
      if (shape->accumulators != 0)
        out << "  register tile    " << shape->accumulators
            << " accumulators of " << shape->lanes << " lanes, "
            << target->registers << " registers\n";
    }
    out << "  vectors          up to " << counts.vectorBits << " bits\n"
        << "  vector spills    " << counts.vectorSpills << " stores, "
        << counts.vectorReloads << " loads\n"
        << "  scalar spills    " << counts.scalarSpills << " stores, "
        << counts.scalarReloads << " loads\n";
  }
  return result;
}

} // namespace attn::tool
