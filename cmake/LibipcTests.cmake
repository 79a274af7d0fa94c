# How tests get into ctest: by lying in the right folder. Nothing is registered by hand.
#
# Every test runs under tests/support/isolate, in a run directory of its own, with the built tree on its paths.

set(LIBIPC_TEST_ENVIRONMENT
  "LIBIPC_HUB=${LIBIPC_LIBEXEC_OUTPUT_DIRECTORY}/ipc-hub"
  "LIBIPC_BUILD_DIR=${PROJECT_BINARY_DIR}"
  "PYTHON=${LIBIPC_PYTHON_EXECUTABLE}"
  "LUA=${LUA_EXECUTABLE}"
  "ASAN_OPTIONS=detect_stack_use_after_return=1:handle_abort=1"
  "UBSAN_OPTIONS=print_stacktrace=1"
  "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:suppressions=${PROJECT_SOURCE_DIR}/tests/tsan.supp")
set(lua_path "${LIBIPC_LUA_OUTPUT_DIRECTORY}/?.lua" "${LIBIPC_LUA_OUTPUT_DIRECTORY}/?/init.lua"
  "${PROJECT_SOURCE_DIR}/tests/support/?.lua")
string(JOIN "\\;" lua_path ${lua_path} "\\;")
set(LIBIPC_TEST_PATHS
  "PATH=path_list_prepend:${CMAKE_RUNTIME_OUTPUT_DIRECTORY}"
  "LD_LIBRARY_PATH=path_list_prepend:${CMAKE_LIBRARY_OUTPUT_DIRECTORY}"
  "PKG_CONFIG_PATH=path_list_prepend:${CMAKE_LIBRARY_OUTPUT_DIRECTORY}/pkgconfig"
  "PYTHONPATH=path_list_prepend:${PROJECT_SOURCE_DIR}/tests/support"
  "PYTHONPATH=path_list_prepend:${LIBIPC_PYTHON_OUTPUT_DIRECTORY}"
  "PYTHONDONTWRITEBYTECODE=set:1"
  "LUA_PATH=set:${lua_path}"
  "LUA_CPATH=set:${LIBIPC_LUA_OUTPUT_DIRECTORY}/?.so\\;\\;")

# Over which lanes (docs/lanes.md) a test runs. Those of these folders run on each of them; of them, LIBIPC_ZMQ_TESTS speak
# ZeroMQ themselves, so that they run on that lane alone, and LIBIPC_SHM_TESTS write a session's memory themselves;
# LIBIPC_LANELESS_TESTS reach no hub or choose lanes themselves, and
# run once, like all others.
set(LIBIPC_LANES shm zmq)
set(LIBIPC_LANE_FOLDERS conformance fault integration)

# libipc_lanes_of(NAME VARIABLE): the lanes of the test folder/name; none: it runs once, and says nothing of lanes.
function(libipc_lanes_of name variable)
  string(REGEX MATCH "^[^/]+" folder "${name}")
  set(lanes ${LIBIPC_LANES})
  if(NOT folder IN_LIST LIBIPC_LANE_FOLDERS OR name IN_LIST LIBIPC_LANELESS_TESTS)
    set(lanes)
  elseif(name IN_LIST LIBIPC_ZMQ_TESTS)
    set(lanes zmq)
  elseif(name IN_LIST LIBIPC_SHM_TESTS)
    set(lanes shm)
  endif()
  set(${variable} ${lanes} PARENT_SCOPE)
endfunction()

# libipc_add_test(NAME name LABELS label... [LANES lane...] [FAIL_ON regex] TIMEOUT seconds COMMAND command...)
#
# With LANES one test for each, name@lane, labelled with the lane, which LIBIPC_LANE tells it and all that it starts.
function(libipc_add_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;TIMEOUT;FAIL_ON" "LABELS;LANES;COMMAND")
  set(names "${arg_NAME}")
  if(arg_LANES)
    list(TRANSFORM arg_LANES PREPEND "${arg_NAME}@" OUTPUT_VARIABLE names)
  endif()
  foreach(name IN LISTS names)
    string(REGEX MATCH "[^@]*$" lane "${name}")
    if(arg_LANES)
      set(labels ${arg_LABELS} "${lane}")
      set(use "LIBIPC_LANE=set:${lane}")
    else()
      set(labels ${arg_LABELS})
      set(use "LIBIPC_LANE=unset:")
    endif()
    add_test(NAME "${name}" COMMAND isolate ${arg_COMMAND} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
    set_tests_properties("${name}" PROPERTIES
      LABELS "${labels}"
      TIMEOUT "${arg_TIMEOUT}"
      ENVIRONMENT "${LIBIPC_TEST_ENVIRONMENT}"
      ENVIRONMENT_MODIFICATION "${LIBIPC_TEST_PATHS};${use}")
    if(arg_FAIL_ON)
      set_tests_properties("${name}" PROPERTIES FAIL_REGULAR_EXPRESSION "${arg_FAIL_ON}")
    endif()
  endforeach()
endfunction()

# libipc_add_c_tests(FOLDER LINK library... TIMEOUT seconds): every test_*.c of the folder is a program and a test of its
# own. Other .c files of the folder are helpers that all its programs share; those in tests/support serve all folders. In
# a test_*_nomem.c the allocator is the test's: it defines __wrap_malloc, __wrap_calloc, __wrap_realloc and __wrap_free.
function(libipc_add_c_tests folder)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "LINK")
  file(GLOB programs CONFIGURE_DEPENDS "${folder}/test_*.c")
  file(GLOB helpers CONFIGURE_DEPENDS "${folder}/*.c")
  list(REMOVE_ITEM helpers ${programs})
  if(helpers)
    add_library(test_${folder}_helpers STATIC ${helpers})
    target_link_libraries(test_${folder}_helpers
      PUBLIC test_support ${arg_LINK} PkgConfig::CMOCKA PRIVATE libipc_warnings)
  endif()
  foreach(source IN LISTS programs)
    cmake_path(GET source STEM name)
    set(target "${folder}_${name}")
    add_executable(${target} "${source}")
    target_link_libraries(${target} PRIVATE
      $<TARGET_NAME_IF_EXISTS:test_${folder}_helpers> test_support ${arg_LINK} PkgConfig::CMOCKA libipc_warnings)
    set_target_properties(${target} PROPERTIES
      OUTPUT_NAME "${name}"
      RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests/${folder}")
    if(name MATCHES "_nomem$")
      target_link_options(${target} PRIVATE
        LINKER:--wrap=malloc LINKER:--wrap=calloc LINKER:--wrap=realloc LINKER:--wrap=free)
    endif()
    libipc_lanes_of("${folder}/${name}" lanes)
    libipc_add_test(NAME "${folder}/${name}" LABELS c ${folder} LANES ${lanes} TIMEOUT ${arg_TIMEOUT}
      COMMAND $<TARGET_FILE:${target}>)
  endforeach()
endfunction()

# libipc_add_memcheck(TEST [ARG...]): a C test, as folder/name, once more under valgrind; an error there, or a block that
# nothing leads to any more, fails it. Its tests are those with the hub inproc, if it has several.
function(libipc_add_memcheck test)
  string(REPLACE "/" "_" target "${test}")
  libipc_lanes_of("${test}" lanes)
  libipc_add_test(NAME "memcheck/${test}" LABELS c memcheck LANES ${lanes} TIMEOUT 180
    COMMAND env "LIBIPC_TEST_ONLY=*inproc*"
      "${VALGRIND_EXECUTABLE}" -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect
      --errors-for-leak-kinds=definite,indirect $<TARGET_FILE:${target}> ${ARGN})
endfunction()

function(libipc_add_memchecks)
  foreach(test IN LISTS ARGN)
    libipc_add_memcheck("${test}")
  endforeach()
endfunction()

# libipc_add_script_tests(PATTERN LANGUAGE TIMEOUT seconds [FAIL_ON regex] COMMAND interpreter...): every file under this
# folder whose name is like PATTERN is a test of its own, labelled with the language and the folder it lies in. It fails
# when it says so by its exit status, or when its output matches FAIL_ON.
function(libipc_add_script_tests pattern language)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "TIMEOUT;FAIL_ON" "COMMAND")
  file(GLOB_RECURSE scripts CONFIGURE_DEPENDS RELATIVE "${CMAKE_CURRENT_SOURCE_DIR}" "${pattern}")
  foreach(script IN LISTS scripts)
    string(REGEX MATCH "^[^/]+" folder "${script}")
    libipc_lanes_of("${script}" lanes)
    libipc_add_test(NAME "${script}" LABELS ${language} ${folder} LANES ${lanes} TIMEOUT ${arg_TIMEOUT}
      FAIL_ON "${arg_FAIL_ON}" COMMAND ${arg_COMMAND} "${CMAKE_CURRENT_SOURCE_DIR}/${script}")
  endforeach()
endfunction()
