# Where the tests find ptxas and nvrtc.  What is built needs neither: the cuda
# device opens the libraries of the machine that it runs on.

set(attn_cuda_default /usr/local/cuda)
if(NOT EXISTS "${attn_cuda_default}/bin/ptxas" OR
   NOT EXISTS "${attn_cuda_default}/lib64/libnvrtc.so.13")
  set(attn_cuda_default "${PROJECT_SOURCE_DIR}/.cuda")
endif()
set(ATTN_CUDA_ROOT "${attn_cuda_default}" CACHE PATH
  "A CUDA 13 toolkit, or what scripts/setup has fetched of it; for tests")
if(NOT EXISTS "${ATTN_CUDA_ROOT}/bin/ptxas" OR
   NOT EXISTS "${ATTN_CUDA_ROOT}/lib64/libnvrtc.so.13")
  message(WARNING "ATTN_CUDA_ROOT is '${ATTN_CUDA_ROOT}', which has no bin/ptxas "
    "or no lib64/libnvrtc.so.13. Everything builds, but the tests of the GPU "
    "parts will fail. Run scripts/setup, or pass -DATTN_CUDA_ROOT=<folder of a "
    "CUDA 13 toolkit>.")
endif()

# Compilers in tests find nvrtc there, as they do in a toolkit of the machine.
file(WRITE "${CMAKE_BINARY_DIR}/TestEnvironment.cmake"
  "set(ENV{CUDA_PATH} \"${ATTN_CUDA_ROOT}\")\n")
set_property(DIRECTORY "${PROJECT_SOURCE_DIR}" APPEND PROPERTY
  TEST_INCLUDE_FILES "${CMAKE_BINARY_DIR}/TestEnvironment.cmake")
