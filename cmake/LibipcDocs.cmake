# The target docs: the reference of the C API, made by Doxygen from the public headers. A comment that does not fit its
# function (a parameter that is not there, or one of several that is not explained) is an error.

configure_file(cmake/Doxyfile.in Doxyfile @ONLY)
add_custom_target(docs
  COMMAND doxygen "${PROJECT_BINARY_DIR}/Doxyfile"
  COMMAND "${CMAKE_COMMAND}" -E echo "The reference is in ${PROJECT_BINARY_DIR}/docs/html/index.html"
  VERBATIM)
