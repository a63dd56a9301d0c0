# What is installed: the runtime, what it opens at run time, the headers of the
# API, and how CMake and pkg-config find them.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set_target_properties(attn_runtime_shared PROPERTIES EXPORT_NAME runtime)
target_include_directories(attn_runtime_shared INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
install(TARGETS attn_runtime_shared EXPORT AttnTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime)

# The compiler finds MLIR where it was built against it.
set_target_properties(attn_compiler PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
install(TARGETS attn_compiler attn_emulator_plugin attn_tbb
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime)

install(FILES include/attn/attn.h include/attn/c.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/attn COMPONENT development)
install(DIRECTORY include/attn/cpp
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/attn COMPONENT development)

set(attn_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Attn)
install(EXPORT AttnTargets NAMESPACE Attn:: DESTINATION ${attn_cmake_dir}
  COMPONENT development)
configure_package_config_file(cmake/AttnConfig.cmake.in
  ${PROJECT_BINARY_DIR}/cmake/AttnConfig.cmake
  INSTALL_DESTINATION ${attn_cmake_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cmake/AttnConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cmake/AttnConfig.cmake
  ${PROJECT_BINARY_DIR}/cmake/AttnConfigVersion.cmake
  DESTINATION ${attn_cmake_dir} COMPONENT development)

# Configured while installing, so that `cmake --install --prefix` counts.
install(CODE "
  set(PROJECT_VERSION \"${PROJECT_VERSION}\")
  set(CMAKE_INSTALL_LIBDIR \"${CMAKE_INSTALL_LIBDIR}\")
  set(CMAKE_INSTALL_INCLUDEDIR \"${CMAKE_INSTALL_INCLUDEDIR}\")
  configure_file(\"${PROJECT_SOURCE_DIR}/cmake/attn.pc.in\"
    \"${PROJECT_BINARY_DIR}/cmake/attn.pc\" @ONLY)
  file(INSTALL \"${PROJECT_BINARY_DIR}/cmake/attn.pc\"
    DESTINATION \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/pkgconfig\")"
  COMPONENT development)
