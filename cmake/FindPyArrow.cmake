# Arrow C++ as the PyPI package `pyarrow` ships it: headers, and libraries with versioned sonames only, so every target
# is imported by its full path. Set PYARROW_PYTHON to the interpreter whose environment has pyarrow.
# Targets: PyArrow::arrow, PyArrow::parquet, PyArrow::compute.
execute_process(
  COMMAND ${PYARROW_PYTHON} -c "import pyarrow as p; print(p.get_include(), p.get_library_dirs()[0], p.cpp_build_info.so_version, p.__version__, sep=';')"
  OUTPUT_VARIABLE pyarrow_facts RESULT_VARIABLE pyarrow_failed OUTPUT_STRIP_TRAILING_WHITESPACE)
if(pyarrow_failed)
  message(FATAL_ERROR "pyarrow cannot be imported by '${PYARROW_PYTHON}'; run tools/setup.sh")
endif()
list(GET pyarrow_facts 0 PyArrow_INCLUDE_DIR)
list(GET pyarrow_facts 1 PyArrow_LIBRARY_DIR)
list(GET pyarrow_facts 2 PyArrow_SO_VERSION)
list(GET pyarrow_facts 3 PyArrow_VERSION)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(PyArrow REQUIRED_VARS PyArrow_INCLUDE_DIR PyArrow_LIBRARY_DIR VERSION_VAR PyArrow_VERSION)

function(pyarrow_target name file)
  if(NOT TARGET PyArrow::${name})
    add_library(PyArrow::${name} SHARED IMPORTED GLOBAL)
    set_target_properties(PyArrow::${name} PROPERTIES
      IMPORTED_LOCATION "${PyArrow_LIBRARY_DIR}/lib${file}.so.${PyArrow_SO_VERSION}"
      INTERFACE_INCLUDE_DIRECTORIES "${PyArrow_INCLUDE_DIR}"
      INTERFACE_LINK_LIBRARIES "${ARGN}")
  endif()
endfunction()
pyarrow_target(arrow arrow)
pyarrow_target(compute arrow_compute PyArrow::arrow)
pyarrow_target(parquet parquet PyArrow::arrow)
