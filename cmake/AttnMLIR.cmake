# Finds LLVM and MLIR, checks their version, and defines the helpers that the
# project's CMakeLists use.  Everything links against the dylibs MLIR and LLVM
# and never against LLVM's static component libraries: a process that holds
# both has two copies of every TypeID and command line option.

set(ATTN_LLVM_MAJOR 22)
list(APPEND CMAKE_PREFIX_PATH /usr/lib/llvm-${ATTN_LLVM_MAJOR})
find_package(MLIR CONFIG QUIET)
if(NOT MLIR_FOUND)
  message(FATAL_ERROR "MLIR ${ATTN_LLVM_MAJOR} was not found. Run scripts/setup "
    "(Debian 12), or pass -DMLIR_DIR=<prefix>/lib/cmake/mlir.")
endif()
if(NOT LLVM_VERSION_MAJOR EQUAL ATTN_LLVM_MAJOR)
  message(FATAL_ERROR "attn-mlir builds against LLVM/MLIR ${ATTN_LLVM_MAJOR}, "
    "but ${MLIR_DIR} holds ${LLVM_PACKAGE_VERSION}. Pass "
    "-DMLIR_DIR=<prefix of ${ATTN_LLVM_MAJOR}>/lib/cmake/mlir.")
endif()
if(NOT TARGET MLIR OR NOT TARGET LLVM)
  message(FATAL_ERROR "${MLIR_DIR} has no shared libraries libMLIR and libLLVM; "
    "attn-mlir needs an LLVM built with LLVM_BUILD_LLVM_DYLIB.")
endif()
find_package(LLD CONFIG REQUIRED HINTS ${LLVM_DIR}/../lld)

list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
set(MLIR_TABLEGEN_EXE ${LLVM_TOOLS_BINARY_DIR}/mlir-tblgen)
include(TableGen)
include(AddLLVM)
include(AddMLIR)

# LLVM_DEFINITIONS is one string of flags, not a list.
separate_arguments(ATTN_LLVM_DEFINITIONS NATIVE_COMMAND ${LLVM_DEFINITIONS})
set(ATTN_LLVM_INCLUDE_DIRS ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
# mlir_tablegen searches the directories of the current scope.
include_directories(SYSTEM ${ATTN_LLVM_INCLUDE_DIRS})

# attn_add_mlir_library(NAME sources... [DEPENDS tablegen targets...]
#                       [LINK libraries...])
# A static library that uses MLIR.  All of them share one precompiled header,
# because parsing MLIR's headers is most of the time of a build.
function(attn_add_mlir_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_compile_definitions(${name} PRIVATE ${ATTN_LLVM_DEFINITIONS})
  target_link_libraries(${name} PUBLIC ${ARG_LINK} MLIR LLVM)
  if(TARGET AttnPch)
    target_precompile_headers(${name} REUSE_FROM AttnPch)
  endif()
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()

# attn_add_mlir_executable(NAME sources... [LINK libraries...])
function(attn_add_mlir_executable name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_compile_definitions(${name} PRIVATE ${ATTN_LLVM_DEFINITIONS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} MLIR LLVM)
  # The precompiled header is compiled with -fPIC; -fPIE would not match it.
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${name} PRIVATE -fPIC)
  if(TARGET AttnPch)
    target_precompile_headers(${name} REUSE_FROM AttnPch)
  endif()
endfunction()

file(WRITE ${PROJECT_BINARY_DIR}/pch/empty.cpp "")
add_library(AttnPch STATIC ${PROJECT_BINARY_DIR}/pch/empty.cpp)
target_compile_definitions(AttnPch PRIVATE ${ATTN_LLVM_DEFINITIONS})
target_precompile_headers(AttnPch PRIVATE
  <mlir/Dialect/Arith/IR/Arith.h> <mlir/Dialect/Func/IR/FuncOps.h>
  <mlir/Dialect/MemRef/IR/MemRef.h> <mlir/Dialect/SCF/IR/SCF.h>
  <mlir/Dialect/Vector/IR/VectorOps.h> <mlir/Dialect/Math/IR/Math.h>
  <mlir/Dialect/Tensor/IR/Tensor.h> <mlir/IR/Builders.h>
  <mlir/IR/PatternMatch.h> <mlir/Pass/Pass.h>)
