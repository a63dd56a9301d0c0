//===- TranslateToPtx.cpp - Thread-level IR to PTX by LLVM ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Upstream's conversions to the llvm and nvvm dialects, LLVM's optimiser and
// its NVPTX back end. Before them: unrolling, so that private arrays become
// registers, and the instructions that LLVM would look for in libdevice.
//
//===----------------------------------------------------------------------===//

#include "attn/Target/Ptx/TranslateToPtx.h"

#include "attn/Target/ExpandGpuMath.h"
#include "attn/Target/ThreadLevel.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/Utils/Utils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

#include <mutex>

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// Preparation
//===----------------------------------------------------------------------===//

/// What is one instruction, which LLVM does not choose by itself, or not with
/// .ftz, or for which upstream's conversion calls libdevice.
static constexpr std::pair<llvm::StringLiteral, llvm::StringLiteral>
    kInstructions[] = {
        {"math.exp2", "ex2.approx.ftz.f32 $0, $1;"},
        {"math.log2", "lg2.approx.ftz.f32 $0, $1;"},
        {"math.tanh", "tanh.approx.f32 $0, $1;"},
        {"math.rsqrt", "rsqrt.approx.ftz.f32 $0, $1;"},
        {"math.sin", "sin.approx.ftz.f32 $0, $1;"},
        {"math.cos", "cos.approx.ftz.f32 $0, $1;"},
        {"math.sqrt", "sqrt.rn.f32 $0, $1;"},
        {"math.absf", "abs.f32 $0, $1;"},
        {"math.ceil", "cvt.rpi.f32.f32 $0, $1;"},
        {"math.floor", "cvt.rmi.f32.f32 $0, $1;"},
        {"math.trunc", "cvt.rzi.f32.f32 $0, $1;"},
        {"math.roundeven", "cvt.rni.f32.f32 $0, $1;"},
        {"arith.maxnumf", "max.f32 $0, $1, $2;"},
        {"arith.minnumf", "min.f32 $0, $1, $2;"},
        {"math.copysign", "copysign.f32 $0, $2, $1;"},
};

static Value emitInstruction(ImplicitLocOpBuilder &b, llvm::StringRef text,
                             ValueRange operands) {
  return LLVM::InlineAsmOp::create(
             b, operands[0].getType(), operands, text,
             operands.size() == 1 ? "=f,f" : "=f,f,f",
             /*has_side_effects=*/false, /*is_align_stack=*/false,
             LLVM::tailcallkind::TailCallKind::None,
             LLVM::AsmDialectAttr::get(b.getContext(),
                                       LLVM::AsmDialect::AD_ATT),
             ArrayAttr())
      .getResult(0);
}

static LogicalResult selectInstructions(Operation *root) {
  llvm::SmallVector<Operation *> ops;
  root->walk([&](Operation *op) {
    if (isa<math::MathDialect>(op->getDialect()) ||
        isa<arith::MaxNumFOp, arith::MinNumFOp>(op))
      ops.push_back(op);
  });
  for (Operation *op : ops) {
    auto row = llvm::find_if(kInstructions, [&](const auto &entry) {
      return entry.first == op->getName().getStringRef();
    });
    // Those that LLVM lowers to instructions by itself.
    if (isa<math::AbsIOp, math::FmaOp>(op))
      continue;
    if (row == std::end(kInstructions))
      return op->emitOpError("has no lowering to PTX");
    Type type = op->getResult(0).getType();
    if (!getElementTypeOrSelf(type).isF32())
      return op->emitOpError("has no lowering to PTX: floating-point "
                             "arithmetic is in f32 only");
    ImplicitLocOpBuilder b(op->getLoc(), op);
    Value value;
    if (auto vector = dyn_cast<VectorType>(type)) {
      if (vector.getRank() != 1)
        return op->emitOpError("has no lowering to PTX: on a vector of rank ")
               << vector.getRank();
      llvm::SmallVector<Value> elements;
      for (int64_t i = 0; i < vector.getNumElements(); ++i)
        elements.push_back(emitInstruction(
            b, row->second,
            llvm::map_to_vector(op->getOperands(), [&](Value operand) -> Value {
              return vector::ExtractOp::create(b, operand, i);
            })));
      value = vector::FromElementsOp::create(b, vector, elements);
    } else {
      value = emitInstruction(b, row->second, op->getOperands());
    }
    op->getResult(0).replaceAllUsesWith(value);
    op->erase();
  }
  return success();
}

/// One array for the whole kernel, even if a loop declares it in each turn.
static void hoistArrays(gpu::GPUFuncOp function) {
  llvm::SmallVector<memref::AllocaOp> arrays;
  function.walk([&](memref::AllocaOp op) { arrays.push_back(op); });
  for (memref::AllocaOp array : arrays) {
    array->moveBefore(&function.getBody().front().front());
    array.setAlignment(16);
  }
}

/// Private memory is the default one, which is all that the conversion of
/// vector knows.
static void dropPrivateSpace(gpu::GPUModuleOp module) {
  AttrTypeReplacer replacer;
  replacer.addReplacement([](MemRefType type) -> std::optional<Type> {
    auto space =
        dyn_cast_if_present<gpu::AddressSpaceAttr>(type.getMemorySpace());
    if (!space || space.getValue() != gpu::AddressSpace::Private)
      return std::nullopt;
    return MemRefType::Builder(type).setMemorySpace({});
  });
  replacer.recursivelyReplaceElementsIn(module, /*replaceAttrs=*/true,
                                        /*replaceLocs=*/false,
                                        /*replaceTypes=*/true);
}

/// Vectors in shared memory are accessed by generic addresses, because the
/// conversion of vector knows no other; LLVM infers that they are shared.
static void makeVectorsGeneric(gpu::GPUModuleOp module) {
  module.walk([](Operation *op) {
    auto load = dyn_cast<vector::LoadOp>(op);
    auto store = dyn_cast<vector::StoreOp>(op);
    if (!load && !store)
      return;
    OpOperand &base = load ? load.getBaseMutable() : store.getBaseMutable();
    auto type = cast<MemRefType>(base.get().getType());
    if (!gpu::GPUDialect::hasWorkgroupMemoryAddressSpace(type))
      return;
    OpBuilder builder(op);
    MemRefType generic = MemRefType::Builder(type).setMemorySpace({});
    base.set(memref::MemorySpaceCastOp::create(builder, op->getLoc(), generic,
                                               base.get()));
  });
}

static LogicalResult prepare(gpu::GPUModuleOp module) {
  dropPrivateSpace(module);
  makeVectorsGeneric(module);
  expandGpuMath(module);
  if (failed(selectInstructions(module)))
    return failure();
  // Inner loops first.
  llvm::SmallVector<scf::ForOp> loops;
  module.walk([&](scf::ForOp loop) {
    if (loop->hasAttr(kUnrollAttrName))
      loops.push_back(loop);
  });
  for (scf::ForOp loop : loops) {
    auto factor = loop->getAttrOfType<IntegerAttr>(kUnrollAttrName);
    loop->removeAttr(kUnrollAttrName);
    if (failed(factor ? LogicalResult(loopUnrollByFactor(loop, factor.getInt()))
                      : loopUnrollFull(loop)))
      return loop.emitOpError("is to be unrolled, but its bounds are not "
                              "constants");
  }
  for (auto function : module.getOps<gpu::GPUFuncOp>())
    hoistArrays(function);
  // The other expansions of arith would take max.NaN apart.
  RewritePatternSet patterns(module.getContext());
  arith::populateCeilFloorDivExpandOpsPatterns(patterns);
  return applyPatternsGreedily(module, std::move(patterns));
}

static void addPasses(OpPassManager &pm) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createConvertNVGPUToNVVMPass());
  // Before the conversion of gpu, which makes calls of libdevice of them.
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  ConvertVectorToLLVMPassOptions vectors;
  // Accesses of 16 bytes, not of single elements.
  vectors.useVectorAlignment = true;
  pm.addPass(createConvertVectorToLLVMPass(vectors));
  ConvertGpuOpsToNVVMOpsOptions gpu;
  gpu.indexBitwidth = 64;
  pm.addPass(createConvertGpuOpsToNVVMOps(gpu));
  pm.addPass(createConvertNVVMToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

//===----------------------------------------------------------------------===//
// LLVM
//===----------------------------------------------------------------------===//

static FailureOr<std::unique_ptr<llvm::TargetMachine>>
createMachine(Operation *op, int sm) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
  });
  llvm::Triple triple("nvptx64-nvidia-cuda");
  std::string message;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, message);
  if (!target)
    return op->emitError("this LLVM has no NVPTX back end: ") << message;
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(
      triple, "sm_" + std::to_string(sm), /*Features=*/"",
      llvm::TargetOptions(), std::nullopt, std::nullopt,
      llvm::CodeGenOptLevel::Aggressive));
  if (!machine)
    return op->emitError("there is no code generator for sm_") << sm;
  return machine;
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::PassBuilder passes(&machine);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager calls;
  llvm::ModuleAnalysisManager modules;
  passes.registerModuleAnalyses(modules);
  passes.registerCGSCCAnalyses(calls);
  passes.registerFunctionAnalyses(functions);
  passes.registerLoopAnalyses(loops);
  passes.crossRegisterProxies(loops, functions, calls, modules);
  passes.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3)
      .run(module, modules);
}

FailureOr<std::string> attn::translateToPtx(gpu::GPUModuleOp module, int sm) {
  FailureOr<std::unique_ptr<llvm::TargetMachine>> machine =
      createMachine(module, sm);
  if (failed(machine))
    return failure();

  // Passes run on a module of its own.
  MLIRContext *context = module.getContext();
  // The conversion of gpu asks the dialects for theirs.
  DialectRegistry registry;
  arith::registerConvertArithToLLVMInterface(registry);
  cf::registerConvertControlFlowToLLVMInterface(registry);
  registerConvertFuncToLLVMInterface(registry);
  registerConvertMemRefToLLVMInterface(registry);
  context->appendDialectRegistry(registry);
  context->loadDialect<LLVM::LLVMDialect, NVVM::NVVMDialect,
                       vector::VectorDialect>();
  OwningOpRef<ModuleOp> root = ModuleOp::create(module.getLoc());
  OpBuilder builder = OpBuilder::atBlockEnd(root->getBody());
  auto copy = cast<gpu::GPUModuleOp>(builder.clone(*module));
  llvm::StringMap<int64_t> minBlocks;
  for (auto function : copy.getOps<gpu::GPUFuncOp>())
    if (auto blocks = function->getAttrOfType<IntegerAttr>(kMinBlocksAttrName))
      minBlocks[function.getName()] = blocks.getInt();
  if (failed(prepare(copy)))
    return failure();
  PassManager pm(context, gpu::GPUModuleOp::getOperationName());
  addPasses(pm);
  if (failed(pm.run(copy)))
    return failure();
  // Upstream's variable for dynamic shared memory is internal, which PTX takes
  // for a static one of no bytes.
  for (auto variable : copy.getOps<LLVM::GlobalOp>())
    if (auto array = dyn_cast<LLVM::LLVMArrayType>(variable.getGlobalType());
        array && array.getNumElements() == 0) {
      variable.setLinkage(LLVM::Linkage::External);
      variable.setAlignment(kSharedAlignment);
    }
  for (auto function : copy.getOps<LLVM::LLVMFuncOp>())
    if (auto it = minBlocks.find(function.getName()); it != minBlocks.end())
      function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                        builder.getI32IntegerAttr(it->second));

  registerBuiltinDialectTranslation(*context);
  registerGPUDialectTranslation(*context);
  registerLLVMDialectTranslation(*context);
  registerNVVMDialectTranslation(*context);
  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> code =
      translateModuleToLLVMIR(copy, llvmContext, "attention");
  if (!code)
    return failure();
  code->setTargetTriple((*machine)->getTargetTriple());
  code->setDataLayout((*machine)->createDataLayout());
  optimize(*code, **machine);

  llvm::SmallString<0> text;
  llvm::raw_svector_ostream stream(text);
  llvm::legacy::PassManager codegen;
  if ((*machine)->addPassesToEmitFile(codegen, stream, nullptr,
                                      llvm::CodeGenFileType::AssemblyFile))
    return module.emitError("the NVPTX back end cannot write PTX");
  codegen.run(*code);
  return text.str().str();
}
