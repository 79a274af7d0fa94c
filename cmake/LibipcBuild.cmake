# How everything of ours is compiled, and where in the build tree it goes.
#
# The build tree has the layout of an installed one, so that the library finds the hub program beside itself:
#   lib/  bin/  libexec/libipc/  python/libipc/  lua/libipc/

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
set(LIBIPC_LIBEXEC_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/libexec/libipc")
set(LIBIPC_PYTHON_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/python")
set(LIBIPC_LUA_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lua")

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Debug, Release, RelWithDebInfo or MinSizeRel" FORCE)
endif()

# What every target of ours is compiled with. Linux is where it runs, so GNU's own functions are there for all (defined
# as empty, a file that defines _GNU_SOURCE itself does no harm).
add_library(libipc_compile_options INTERFACE)
target_compile_definitions(libipc_compile_options INTERFACE _GNU_SOURCE=)
target_compile_options(libipc_compile_options INTERFACE $<$<BOOL:${LIBIPC_WERROR}>:-Werror>)
if(LIBIPC_SANITIZE)
  target_compile_options(libipc_compile_options INTERFACE
    -fsanitize=${LIBIPC_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(libipc_compile_options INTERFACE -fsanitize=${LIBIPC_SANITIZE})
  # gcc tells the code by these; clang has a way of its own, which gcc does not know.
  if(CMAKE_C_COMPILER_ID MATCHES Clang AND LIBIPC_SANITIZE MATCHES "address")
    target_compile_definitions(libipc_compile_options INTERFACE __SANITIZE_ADDRESS__)
  endif()
  if(CMAKE_C_COMPILER_ID MATCHES Clang AND LIBIPC_SANITIZE MATCHES "thread")
    target_compile_definitions(libipc_compile_options INTERFACE __SANITIZE_THREAD__)
  endif()
endif()

# What is written by hand, on top of that.
add_library(libipc_warnings INTERFACE)
target_compile_options(libipc_warnings INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef -Wwrite-strings)
target_link_libraries(libipc_warnings INTERFACE libipc_compile_options)

# libipc_install_rpath(TARGET DIR): let TARGET, installed in DIR, find an installed libipc that the loader would not.
function(libipc_install_rpath target dir)
  cmake_path(ABSOLUTE_PATH dir BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}" NORMALIZE)
  if(CMAKE_INSTALL_FULL_LIBDIR IN_LIST CMAKE_C_IMPLICIT_LINK_DIRECTORIES)
    return()
  endif()
  file(RELATIVE_PATH relative "${dir}" "${CMAKE_INSTALL_FULL_LIBDIR}")
  set_target_properties(${target} PROPERTIES INSTALL_RPATH "$ORIGIN/${relative}")
endfunction()
