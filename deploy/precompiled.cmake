# Precompiled headers of libraries: a third of a cold build was reading the same of them again. None of ours is among them, so nobody recompiles
# for having changed one, and every file still includes what it uses: -DACTORD_PCH=OFF builds without, as clang does (tests/long).
#
# Not CMake's target_precompile_headers: that makes one for each target, and ccache then misses in every other folder, since no two runs of the
# compiler write the same .gch. Here all targets share these, and beside each lies the digest of what it was made from, which ccache takes for it.

set(pch_default OFF)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_BUILD_TYPE)
  set(pch_default ON)
endif()
option(ACTORD_PCH "Precompile the headers of libraries (g++ only)" ${pch_default})

set(pch_standard algorithm array atomic bit charconv chrono cmath compare condition_variable cstddef cstdint cstring deque functional limits map
  memory mutex numeric optional set shared_mutex span string string_view thread unordered_map unordered_set utility variant vector fmt/format.h)
set(pch_actors ${pch_standard} caf/actor.hpp caf/actor_cast.hpp caf/actor_control_block.hpp caf/actor_system.hpp caf/actor_system_config.hpp
  caf/allowed_unsafe_message_type.hpp caf/event_based_actor.hpp caf/scheduled_actor.hpp caf/scoped_actor.hpp caf/send.hpp caf/stateful_actor.hpp
  caf/typed_actor.hpp caf/typed_event_based_actor.hpp caf/typed_response_promise.hpp)

# precompile(NAME): makes build/precompiled/NAME.hpp.gch of the list pch_NAME, with the flags that all targets have.
function(precompile name)
  set(header ${CMAKE_BINARY_DIR}/precompiled/${name}.hpp)
  set(text "")
  foreach(library_header ${pch_${name}})
    string(APPEND text "#include <${library_header}>\n")
  endforeach()
  file(CONFIGURE OUTPUT ${header} CONTENT "${text}" @ONLY)
  string(TOUPPER ${CMAKE_BUILD_TYPE} type)
  separate_arguments(flags NATIVE_COMMAND "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${type}}")
  get_target_property(options actord_flags INTERFACE_COMPILE_OPTIONS)
  get_target_property(definitions fmt::fmt INTERFACE_COMPILE_DEFINITIONS)
  list(TRANSFORM definitions PREPEND -D)
  set(compile ${CMAKE_CXX_COMPILER} ${definitions} ${flags} ${options} -std=c++20 -w -x c++-header)
  string(REPLACE ";" " " digested "${definitions} ${flags} ${options}")
  add_custom_command(OUTPUT ${header}.gch ${header}.gch.sum
    COMMAND ${compile} -MD -MT precompiled/${name}.hpp.gch -MF ${header}.d -o ${header}.gch ${header}
    COMMAND sh -c "{ echo '${digested}'; \"$@\"; } | sha256sum >\"$0.gch.sum\"" ${header} ${compile} -E -dD -P ${header}
    DEPENDS ${header} DEPFILE ${header}.d COMMENT "Precompiling ${name}.hpp" VERBATIM)
  add_custom_target(precompiled_${name} DEPENDS ${header}.gch)
endfunction()

# precompiled(NAME TARGETS…): their files are compiled as if they began with all headers of the list pch_NAME.
function(precompiled name)
  if(NOT ACTORD_PCH)
    return()
  endif()
  if(NOT TARGET precompiled_${name})
    precompile(${name})
  endif()
  foreach(target ${ARGN})
    get_target_property(type ${target} TYPE)
    if(NOT type STREQUAL INTERFACE_LIBRARY)
      # g++ forgets what "#pragma GCC diagnostic" in a precompiled header said, and the standard library silences three warnings so. Builds
      # without precompiled headers, and clang, still give them.
      target_compile_options(${target} PRIVATE -Winvalid-pch -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread
        "SHELL:-include \"${CMAKE_BINARY_DIR}/precompiled/${name}.hpp\"")
      add_dependencies(${target} precompiled_${name})
    endif()
  endforeach()
endfunction()
