//===- Compiler.cpp - From attention in MLIR to code ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs the stages of the CPU pipeline and keeps results in the cache.
//
//===----------------------------------------------------------------------===//

#include "Compilation.h"

#include "attn/Runtime/Hash.h"
#include "attn/Runtime/Host.h"
#include "attn/Runtime/Package.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Remarks.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Regex.h"
#include "llvm/Target/TargetMachine.h"

#include "BuildId.h"

namespace attn {

std::string compilerVersion() {
  // The build id tells apart compilers built from different sources.
  return "attn-mlir " ATTN_VERSION " (LLVM " LLVM_VERSION_STRING
         ", build " ATTN_BUILD_ID ")";
}

Result<CpuTargetInfo>
Compilation::chooseTarget(const CompileOptions &options,
                          const llvm::TargetMachine &machine) {
  Result<CpuTargetInfo> selected = selectCpuTarget(machine);
  if (!selected)
    return selected.takeFailure();
  CpuTargetInfo target = *selected;
  if (options.tileQ != 0)
    target.tileQ = options.tileQ;
  if (options.tileKv != 0)
    target.tileKv = target.unmaskedTileKv = options.tileKv;
  if (target.tileQ < 1 || target.tileQ % target.vectorWidth != 0 ||
      target.tileQ > 1024)
    return failure("a query tile of " + std::to_string(target.tileQ) +
                   " rows; allowed are multiples of " +
                   std::to_string(target.vectorWidth) +
                   " (the vector width of " + target.name + ") up to 1024");
  if (target.tileKv < 2 || target.tileKv > 1024)
    return failure("a key tile of " + std::to_string(target.tileKv) +
                   " rows; allowed are 2 to 1024");
  return target;
}

std::string Compilation::print() {
  std::string text;
  llvm::raw_string_ostream out(text);
  module->print(out);
  out << '\n';
  return text;
}

Status Compilation::parse() {
  // Verified separately, so that the two kinds of errors can be told apart.
  mlir::ParserConfig config(&context, /*verifyAfterParse=*/false);
  module = mlir::parseSourceFile<mlir::ModuleOp>(sources, config);
  if (!module)
    return fail(ATTN_ERROR_PARSE, "the module could not be parsed");
  if (mlir::failed(mlir::verify(*module)))
    return fail(ATTN_ERROR_VERIFY, "the module is not valid");
  return Status::success();
}

/// An error without a class gets one.
static Failure classify(const Failure &given, attn_status kind) {
  return failure(given.message, given.code ? given.code : kind);
}

/// The key of the module, which has just been parsed.
Result<std::string> Compilation::keyOf(const CompileOptions &options,
                                       const std::vector<std::string> &target) {
  mlir::OwningOpRef<mlir::ModuleOp> canonical = module->clone();
  mlir::PassManager manager(&context);
  manager.addPass(mlir::createCanonicalizerPass());
  manager.addPass(mlir::createCSEPass());
  if (mlir::failed(manager.run(*canonical)))
    return failInside("the module could not be canonicalised");
  std::string text;
  llvm::raw_string_ostream out(text);
  canonical->print(out, mlir::OpPrintingFlags().useLocalScope());
  std::string described;
  for (const std::string &part : target)
    described += part + ";";
  return hashHex({text, compilerVersion(), options.algorithm,
                  std::to_string(options.tileQ), std::to_string(options.tileKv),
                  described});
}

static std::vector<std::string> describe(const llvm::TargetMachine &machine) {
  return {machine.getTargetTriple().str(), machine.getTargetCPU().str(),
          machine.getTargetFeatureString().str()};
}

std::vector<std::string>
Compilation::describeGpu(const CompileOptions &options) {
  return {options.target,
          std::to_string(options.warps),
          std::to_string(options.stages),
          std::to_string(options.alignment),
          options.codegen,
          options.lineInfo ? "lines" : ""};
}

bool isRefusal(llvm::StringRef diagnostics, mlir::ModuleOp module) {
  mlir::ScopedDiagnosticHandler quiet(
      module.getContext(), [](mlir::Diagnostic &) { return mlir::success(); });
  return diagnostics.contains(": error: ") &&
         !diagnostics.contains("failed to legalize") &&
         mlir::succeeded(mlir::verify(module));
}

Failure Compilation::failStage(const char *what) {
  return isRefusal(diagnostics, *module) ? fail(ATTN_ERROR_UNSUPPORTED, what)
                                         : failInside(what);
}

Result<std::string> Compilation::contentKey(const CompileOptions &options) {
  std::vector<std::string> target = describeGpu(options);
  if (options.target == "cpu") {
    auto machine = createCpuTargetMachine(options.cpu, options.features);
    if (!machine)
      return classify(machine.takeFailure(), ATTN_ERROR_UNSUPPORTED);
    target = describe(**machine);
  }
  mlir::SourceMgrDiagnosticHandler handler(sources, &context, stream);
  if (Status parsed = parse(); !parsed)
    return parsed.takeFailure();
  return keyOf(options, target);
}

Status Compilation::checkEntries() {
  if (llvm::any_of(module->getOps<mlir::func::FuncOp>(),
                   [](mlir::func::FuncOp function) {
                     return function->hasAttr("attn.algorithm");
                   }))
    return Status::success();
  return failure(name + ": the module has no function with attn.attention or "
                        "attn.combine",
                 ATTN_ERROR_UNSUPPORTED);
}

Result<std::string> Compilation::run(const CompileOptions &options, Emit emit) {
  if (!options.remarks.empty()) {
    std::string mistake;
    if (!llvm::Regex(options.remarks).isValid(mistake))
      return failure("remarks are chosen by '" + options.remarks +
                     "', which is no regular expression: " + mistake);
    mlir::remark::RemarkCategories categories;
    categories.passed = categories.missed = categories.analysis =
        categories.failed = options.remarks;
    if (mlir::failed(mlir::remark::enableOptimizationRemarks(
            context, /*streamer=*/nullptr,
            std::make_unique<mlir::remark::RemarkEmittingPolicyAll>(),
            categories, /*printAsEmitRemarks=*/true)))
      return failure("remarks cannot be enabled");
  }
  Result<std::string> result = options.target == "cpu"
                                   ? runForCpu(options, emit)
                                   : runForGpu(options, emit);
  if (result && options.onRemarks && !diagnostics.empty())
    options.onRemarks(diagnostics);
  return result;
}

Result<std::string> Compilation::runForCpu(const CompileOptions &options,
                                           Emit emit) {
  auto machine = createCpuTargetMachine(options.cpu, options.features);
  if (!machine)
    return classify(machine.takeFailure(), ATTN_ERROR_UNSUPPORTED);
  Result<CpuTargetInfo> target = chooseTarget(options, **machine);
  if (!target)
    return classify(target.takeFailure(), ATTN_ERROR_UNSUPPORTED);
  CpuPipelineOptions pipeline{options.algorithm, *target};

  mlir::SourceMgrDiagnosticHandler handler(sources, &context, stream);
  if (Status parsed = parse(); !parsed)
    return parsed.takeFailure();
  std::string key;
  if (emit == Emit::package) {
    Result<std::string> computed = keyOf(options, describe(**machine));
    if (!computed)
      return computed;
    key = *computed;
  }
  if (!runStage<CpuPipelineOptions>(buildTileStage, pipeline))
    return failStage("lowering to tiles failed");
  if (Status checked = checkEntries(); !checked)
    return checked.takeFailure();
  if (emit == Emit::tile)
    return print();
  if (emit == Emit::warp || emit == Emit::cuda || emit == Emit::ptx ||
      emit == Emit::cubin)
    return failure("the warp dialect, CUDA C++, PTX and cubins are for GPUs, "
                   "and the target is cpu",
                   ATTN_ERROR_UNSUPPORTED);
  std::string manifest = buildManifest(*module, **machine);
  if (!runStage(buildThreadStage, pipeline))
    return failStage("lowering to vectors failed");
  if (emit == Emit::thread)
    return print();
  if (!runStage(buildLlvmStage, pipeline))
    return failInside("lowering to LLVM failed");

  llvm::LLVMContext llvmContext;
  auto translated = timeBackend([&] {
    return translateToLlvm(*module, llvmContext, **machine, manifest);
  });
  if (!translated)
    return failInside(translated.error().c_str());
  if (emit == Emit::llvm) {
    std::string text;
    llvm::raw_string_ostream(text) << **translated;
    return text;
  }
  Result<std::string> object =
      timeBackend([&] { return emitSharedObject(**translated, **machine); });
  if (!object)
    return failInside(object.error().c_str());
  if (emit == Emit::object)
    return object;
  return writePackage(compilerVersion(), {{"object", manifest, *object}}, key);
}

Result<std::string> compile(std::string_view text, const std::string &name,
                            const CompileOptions &options, Emit emit,
                            CompileTimes *times) {
  auto begin = std::chrono::steady_clock::now();
  Compilation compilation(text, name);
  Result<std::string> made = compilation.run(options, emit);
  if (times)
    *times = {secondsSince(begin), compilation.backendSeconds()};
  if (made || !compilation.isOurMistake())
    return made;
  return writeReplay(made.takeFailure(), text, options, emit,
                     compilation.replayFindings());
}

Result<std::string> contentKey(std::string_view text, const std::string &name,
                               const CompileOptions &options) {
  Compilation compilation(text, name);
  Result<std::string> key = compilation.contentKey(options);
  if (key || !compilation.isOurMistake())
    return key;
  return writeReplay(key.takeFailure(), text, options, Emit::package,
                     compilation.replayFindings());
}

Result<LoadedModule> compileAndLoad(std::string_view text,
                                    const std::string &name,
                                    const CompileOptions &options,
                                    const Cache &cache) {
  auto begin = std::chrono::steady_clock::now();
  CompileTimes times;
  CacheCompiler compiler;
  compiler.contentKey = [&] { return contentKey(text, name, options); };
  compiler.package = [&] {
    return compile(text, name, options, Emit::package, &times);
  };
  Result<CachedCode> found = cache.get(requestKeyOf(text, options), compiler);
  if (!found)
    return found.takeFailure();
  return LoadedModule{found->code, cacheSourceName(found->source),
                      secondsSince(begin), times};
}

} // namespace attn
