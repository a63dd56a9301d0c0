# Installs the project, and configures, builds and runs the host project in
# examples/cpp against what was installed, with an empty cache.

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output
    ERROR_VARIABLE output)
  message(STATUS "${ARGN}\n${output}")
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "failed (${status}): ${ARGN}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${WORK})
set(prefix ${WORK}/prefix)
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})

file(GLOB_RECURSE libraries ${prefix}/*.so)
list(LENGTH libraries count)
if(NOT count EQUAL 4)
  message(FATAL_ERROR "expected 4 libraries, installed were: ${libraries}")
endif()
file(GLOB_RECURSE internal ${prefix}/include/attn/Runtime/*)
if(internal)
  message(FATAL_ERROR "internal headers were installed: ${internal}")
endif()

# The same build tool: make may be missing.
run(${CMAKE_COMMAND} -G ${GENERATOR} -S ${EXAMPLE} -B ${WORK}/build
  -DCMAKE_PREFIX_PATH=${prefix} -DCMAKE_C_COMPILER=${C_COMPILER}
  -DCMAKE_CXX_COMPILER=${CXX_COMPILER} "-DCMAKE_C_FLAGS=${FLAGS}"
  "-DCMAKE_CXX_FLAGS=${FLAGS}")
run(${CMAKE_COMMAND} --build ${WORK}/build)
set(ENV{ATTN_CACHE_DIR} ${WORK}/cache)
unset(ENV{ATTN_COMPILER_LIBRARY})
run(${WORK}/build/prefill)
if(NOT output MATCHES "prefill: 0 of 4224 outputs are wrong")
  message(FATAL_ERROR "unexpected output")
endif()
run(${WORK}/build/decode)
if(NOT output MATCHES "29 launches of one kernel")
  message(FATAL_ERROR "unexpected output")
endif()
# The second time, no compiler is needed.
set(ENV{ATTN_COMPILER_LIBRARY} /nonexistent)
run(${WORK}/build/decode)

find_program(PKG_CONFIG pkg-config)
if(PKG_CONFIG)
  file(GLOB_RECURSE file ${prefix}/*/attn.pc)
  run(${PKG_CONFIG} --cflags --libs ${file})
  if(NOT output MATCHES "-I${prefix}/include" OR
     NOT output MATCHES "-lattn_runtime")
    message(FATAL_ERROR "unexpected flags")
  endif()
endif()
