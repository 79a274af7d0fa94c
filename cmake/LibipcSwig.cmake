# What the bindings' CMakeLists.txt share: running SWIG, and laying scripts beside the module it makes.

find_package(SWIG 4.1 REQUIRED)

# Generated code is not ours to tidy: these are what SWIG's output runs into.
set(LIBIPC_SWIG_NO_WARNINGS
  -Wno-conversion -Wno-sign-conversion -Wno-shadow -Wno-undef -Wno-unused-parameter -Wno-missing-prototypes
  -Wno-strict-prototypes -Wno-cast-function-type -Wno-missing-field-initializers)

# libipc_swig(LANGUAGE OUTPUT_VAR flags...): run SWIG on libipc.i in this folder, into a C file. It is made anew whenever
# a file that libipc.i includes changes: SWIG itself writes down which these are.
function(libipc_swig language output_var)
  set(output "${CMAKE_CURRENT_BINARY_DIR}/libipc_${language}_wrap.c")
  set(interface "${CMAKE_CURRENT_SOURCE_DIR}/libipc.i")
  add_custom_command(
    OUTPUT "${output}"
    DEPENDS "${interface}"
    DEPFILE "${output}.d"
    COMMAND "${SWIG_EXECUTABLE}" -${language} ${ARGN}
      $<$<BOOL:${LIBIPC_WERROR}>:-Werror>
      -I${PROJECT_SOURCE_DIR}/libipc/include -I${PROJECT_SOURCE_DIR}/bindings/swig -I${CMAKE_CURRENT_SOURCE_DIR}
      -MMD -MF "${output}.d" -MT "${output}" -MP
      -outdir "${CMAKE_CURRENT_BINARY_DIR}" -o "${output}" "${interface}"
    COMMENT "Generating the ${language} binding"
    VERBATIM COMMAND_EXPAND_LISTS) # which leaves out an option that is empty
  set_source_files_properties("${output}" PROPERTIES COMPILE_OPTIONS "${LIBIPC_SWIG_NO_WARNINGS}")
  set(${output_var} "${output}" PARENT_SCOPE)
endfunction()

# libipc_binding_module(TARGET OUTPUT_DIR): what the two modules have in common.
function(libipc_binding_module target output_dir)
  target_include_directories(${target} PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/bindings/swig")
  target_include_directories(${target} SYSTEM PRIVATE "${MSGPACK_INCLUDE_DIR}")
  target_link_libraries(${target} PRIVATE libipc libipc_warnings)
  set_target_properties(${target} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY "${output_dir}")
endfunction()

# libipc_link_scripts(SOURCE_DIR OUTPUT_DIR pattern...): link the scripts under SOURCE_DIR into the build tree, so that an
# edit counts at once; links to scripts that are gone are taken away.
function(libipc_link_scripts source_dir output_dir)
  list(TRANSFORM ARGN PREPEND "${source_dir}/" OUTPUT_VARIABLE patterns)
  file(GLOB_RECURSE scripts CONFIGURE_DEPENDS RELATIVE "${source_dir}" ${patterns})
  file(GLOB_RECURSE present "${output_dir}/*")
  foreach(path IN LISTS present)
    if(IS_SYMLINK "${path}" AND NOT EXISTS "${path}")
      file(REMOVE "${path}")
    endif()
  endforeach()
  foreach(script IN LISTS scripts)
    cmake_path(GET script PARENT_PATH folder)
    file(MAKE_DIRECTORY "${output_dir}/${folder}")
    file(CREATE_LINK "${source_dir}/${script}" "${output_dir}/${script}" SYMBOLIC)
  endforeach()
endfunction()
