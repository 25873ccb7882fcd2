# The instruction sets kernels are compiled for. Each has its own namespace, flags and vector size; dispatch.cpp chooses
# among them when the library is loaded.
#
#   wengert_per_target(<cmake target> <source.cpp>)
#
# compiles <source.cpp> once for every instruction set, with WG_TARGET and WG_VECTOR_BYTES defined (see vec.h).
if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64|ARM64")
  set(WENGERT_ISAS scalar arm64)
else()
  set(WENGERT_ISAS scalar x86_64_v2 x86_64_v3 x86_64_v4)
endif()

set(WENGERT_FLAGS_scalar "")
set(WENGERT_FLAGS_arm64 "")
set(WENGERT_FLAGS_x86_64_v2 "-march=x86-64-v2")
set(WENGERT_FLAGS_x86_64_v3 "-march=x86-64-v3")
set(WENGERT_FLAGS_x86_64_v4 "-march=x86-64-v4;-mprefer-vector-width=512")
set(WENGERT_BYTES_scalar 0)
set(WENGERT_BYTES_arm64 16)
set(WENGERT_BYTES_x86_64_v2 16)
set(WENGERT_BYTES_x86_64_v3 32)
set(WENGERT_BYTES_x86_64_v4 64)

# Contraction off: a*b+c is fused where the source says fma() and nowhere else, so no result depends on a lane.
set(WENGERT_KERNEL_FLAGS -O3 -ffp-contract=off -fno-math-errno -fno-trapping-math -Wno-psabi -Wno-uninitialized)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND WENGERT_KERNEL_FLAGS -Wno-maybe-uninitialized)
endif()
# Sanitizers look at the narrowest and the widest kernels; those between differ from the widest in the number of lanes
# only, and instrumenting all of them would double a build of many minutes.
if(WENGERT_ASAN OR WENGERT_TSAN)
  list(REMOVE_ITEM WENGERT_KERNEL_FLAGS -O3)
  list(APPEND WENGERT_KERNEL_FLAGS -O1 -g0)
  set(WENGERT_FLAGS_x86_64_v2 "-march=x86-64-v2;-fno-sanitize=all")
  set(WENGERT_FLAGS_x86_64_v3 "-march=x86-64-v3;-fno-sanitize=all")
endif()

# Every shape of register tile is a function of its own: with the large ones gemm_kernels.cpp alone takes seven minutes
# under a sanitizer.
set(small_tiles OFF)
if(WENGERT_ASAN OR WENGERT_TSAN)
  set(small_tiles ON)
endif()
option(WENGERT_SMALL_TILES "Matrix products in small register tiles: slower, and much less to compile" ${small_tiles})
if(WENGERT_SMALL_TILES)
  list(APPEND WENGERT_KERNEL_FLAGS -DWG_SMALL_TILES)
endif()

# More flags after the source are for it alone.
function(wengert_per_target target source)
  get_filename_component(path ${source} ABSOLUTE)
  get_filename_component(stem ${source} NAME_WE)
  foreach(isa IN LISTS WENGERT_ISAS)
    set(stub ${CMAKE_CURRENT_BINARY_DIR}/${stem}_${isa}.cpp)
    file(CONFIGURE OUTPUT ${stub} CONTENT "#include \"@path@\"\n" @ONLY)
    set_source_files_properties(${stub} PROPERTIES
      COMPILE_OPTIONS "${WENGERT_FLAGS_${isa}};${WENGERT_KERNEL_FLAGS};${ARGN}"
      COMPILE_DEFINITIONS "WG_TARGET=${isa};WG_VECTOR_BYTES=${WENGERT_BYTES_${isa}}"
      OBJECT_DEPENDS ${path})
    target_sources(${target} PRIVATE ${stub})
  endforeach()
endfunction()

# A test that the kernels of these targets define no symbol outside the namespace of their instruction set: the linker
# would keep one copy for everybody, perhaps the one with AVX-512.
function(wengert_test_kernel_symbols)
  if(CMAKE_NM AND CMAKE_EXECUTABLE_FORMAT STREQUAL "ELF")
    foreach(target IN LISTS ARGN)
      add_test(NAME kernel_symbols_${target} COMMAND ${CMAKE_COMMAND} -DNM=${CMAKE_NM} "-DISAS=${WENGERT_ISAS}"
        "-DOBJECTS=$<TARGET_OBJECTS:${target}>" -P ${CMAKE_CURRENT_SOURCE_DIR}/kernel_symbols.cmake)
    endforeach()
  endif()
endfunction()
