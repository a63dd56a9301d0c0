//===- Codegen.cpp - Machine code for a CPU -------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Translation to LLVM IR, its optimisation, and linking.
//
//===----------------------------------------------------------------------===//

#include "attn/Target/Cpu/Codegen.h"

#include "lld/Common/Driver.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

#include <mutex>

LLD_HAS_DRIVER(elf)

namespace attn {

//===----------------------------------------------------------------------===//
// Target
//===----------------------------------------------------------------------===//

Result<std::unique_ptr<llvm::TargetMachine>>
createCpuTargetMachine(const std::string &cpu, const std::string &features) {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
  });
  llvm::Triple triple(llvm::sys::getProcessTriple());
  std::string message;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, message);
  if (!target)
    return failure("there is no code generator for this machine: " + message);

  std::string name = cpu, all;
  if (cpu.empty()) {
    name = llvm::sys::getHostCPUName().str();
    for (const auto &feature : llvm::sys::getHostCPUFeatures()) {
      all += all.empty() ? "" : ",";
      all += (feature.getValue() ? "+" : "-") + feature.getKey().str();
    }
  }

  // LLVM only warns about names that it does not know.
  std::unique_ptr<llvm::MCSubtargetInfo> known(
      target->createMCSubtargetInfo(triple, "", ""));
  if (!known->isCPUStringValid(name))
    return failure("unknown CPU '" + name + "' for " + triple.str() +
                   "; 'llc -mcpu=help' lists those that LLVM knows");
  llvm::SmallVector<llvm::StringRef> parts;
  llvm::StringRef(features).split(parts, ',', /*MaxSplit=*/-1,
                                  /*KeepEmpty=*/false);
  for (llvm::StringRef part : parts) {
    llvm::StringRef feature = part;
    bool signedName = feature.consume_front("+") || feature.consume_front("-");
    bool exists = llvm::any_of(known->getAllProcessorFeatures(),
                               [&](const llvm::SubtargetFeatureKV &entry) {
                                 return feature == entry.Key;
                               });
    if (!signedName || !exists)
      return failure("unknown CPU feature '" + part.str() +
                     "'; features are written +name or -name, separated by "
                     "commas, and 'llc -mattr=help' lists their names");
    all += (all.empty() ? "" : ",") + part.str();
  }

  llvm::TargetOptions options;
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(
      triple, name, all, options, llvm::Reloc::PIC_, llvm::CodeModel::Small,
      llvm::CodeGenOptLevel::Default));
  if (!machine)
    return failure("there is no code generator for " + triple.str());
  return machine;
}

Result<CpuTargetInfo> selectCpuTarget(const llvm::TargetMachine &machine) {
  const llvm::MCSubtargetInfo *subtarget = machine.getMCSubtargetInfo();
  for (const CpuTargetInfo &info : getCpuTargets())
    if (subtarget->checkFeatures(info.features)) {
      CpuTargetInfo target = info;
      // On Zen a dot product of pairs takes as long as a multiply-add. On
      // Intel's cores up to Granite Rapids it takes four times as long
      // (measured on Sapphire Rapids: half the FLOP/s of f32).
      target.bf16Dot = info.avx512Math &&
                       machine.getTargetCPU().starts_with("znver") &&
                       subtarget->checkFeatures("+avx512bf16");
      return target;
    }
  return failure("the CPU '" + machine.getTargetCPU().str() +
                 "' has neither AVX-512 nor AVX2 with FMA; allowed are x86-64 "
                 "CPUs with one of them");
}

//===----------------------------------------------------------------------===//
// LLVM IR
//===----------------------------------------------------------------------===//

/// Names of the functions that a runtime calls: those that are not private.
static llvm::StringSet<> getExportedNames(mlir::ModuleOp module) {
  llvm::StringSet<> names;
  for (auto function : module.getOps<mlir::LLVM::LLVMFuncOp>())
    if (!function.isExternal() && function.isPublic())
      names.insert(function.getName());
  return names;
}

Result<std::unique_ptr<llvm::Module>>
translateToLlvm(mlir::ModuleOp module, llvm::LLVMContext &context,
                llvm::TargetMachine &machine, const std::string &manifest) {
  mlir::registerBuiltinDialectTranslation(*module->getContext());
  mlir::registerLLVMDialectTranslation(*module->getContext());
  std::unique_ptr<llvm::Module> result =
      mlir::translateModuleToLLVMIR(module, context, "attention");
  if (!result)
    return failure("the module could not be translated to LLVM IR");
  result->setTargetTriple(machine.getTargetTriple());
  result->setDataLayout(machine.createDataLayout());

  llvm::StringSet<> exported = getExportedNames(module);
  for (llvm::Function &function : *result) {
    if (function.isDeclaration())
      continue;
    if (!exported.contains(function.getName()))
      function.setLinkage(llvm::GlobalValue::InternalLinkage);
    function.addFnAttr("target-cpu", machine.getTargetCPU());
    function.addFnAttr("target-features", machine.getTargetFeatureString());
    // A payload has no C library: loops must not become memcpy or memset.
    function.addFnAttr("no-builtins");
    function.addFnAttr(llvm::Attribute::NoUnwind);
  }
  auto *text = llvm::ConstantDataArray::getString(context, manifest);
  new llvm::GlobalVariable(*result, text->getType(), /*isConstant=*/true,
                           llvm::GlobalValue::ExternalLinkage, text,
                           "attn_manifest");

  llvm::PipelineTuningOptions tuning;
  // The code is vectorised already; looking again costs time and gains nothing.
  tuning.LoopVectorization = false;
  tuning.SLPVectorization = false;
  llvm::PassBuilder passes(&machine, tuning);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager calls;
  llvm::ModuleAnalysisManager modules;
  passes.registerModuleAnalyses(modules);
  passes.registerCGSCCAnalyses(calls);
  passes.registerFunctionAnalyses(functions);
  passes.registerLoopAnalyses(loops);
  passes.crossRegisterProxies(loops, functions, calls, modules);
  passes.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2)
      .run(*result, modules);
  return result;
}

//===----------------------------------------------------------------------===//
// Shared object
//===----------------------------------------------------------------------===//

static Result<std::string> readFile(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return failure("cannot read " + path.str() + ": " +
                   buffer.getError().message());
  return (*buffer)->getBuffer().str();
}

Result<std::string> emitSharedObject(llvm::Module &module,
                                     llvm::TargetMachine &machine) {
  // lld works on files.
  llvm::SmallString<128> objectPath, sharedPath;
  int descriptor;
  if (std::error_code error = llvm::sys::fs::createTemporaryFile(
          "attn", "o", descriptor, objectPath))
    return failure("cannot create a temporary file: " + error.message());
  llvm::FileRemover removeObject(objectPath);
  if (std::error_code error =
          llvm::sys::fs::createTemporaryFile("attn", "so", sharedPath))
    return failure("cannot create a temporary file: " + error.message());
  llvm::FileRemover removeShared(sharedPath);
  {
    llvm::raw_fd_ostream stream(descriptor, /*shouldClose=*/true);
    llvm::legacy::PassManager codegen;
    if (machine.addPassesToEmitFile(codegen, stream, nullptr,
                                    llvm::CodeGenFileType::ObjectFile))
      return failure("the code generator of " +
                     machine.getTargetTriple().str() +
                     " cannot write object files");
    codegen.run(module);
    stream.close();
    if (stream.has_error()) {
      std::string message = stream.error().message();
      stream.clear_error();
      return failure("cannot write " + objectPath.str().str() + ": " + message);
    }
  }

  // lld keeps state in globals.
  static std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);
  std::string errors;
  llvm::raw_string_ostream stream(errors);
  std::string object = objectPath.str().str(), shared = sharedPath.str().str();
  lld::Result linked =
      lld::lldMain({"ld.lld", "-shared", "--no-undefined", "--gc-sections",
                    "--build-id=none", "--threads=1", "-z", "noexecstack", "-z",
                    "now", object.c_str(), "-o", shared.c_str()},
                   llvm::nulls(), stream, {{lld::Gnu, &lld::elf::link}});
  if (linked.retCode != 0)
    return failure("the kernel could not be linked; it may use a function of "
                   "the math dialect that has no expansion:\n" +
                   errors);
  return readFile(sharedPath);
}

} // namespace attn
