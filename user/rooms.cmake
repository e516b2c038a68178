# One folder in user/ is one room and one static library, sockdog_<room>. The DEPS of a room are the only
# rooms below it that it may include: the link lines are the architecture, tests/house checks the includes.

add_library(sockdog_flags INTERFACE)
target_compile_options(sockdog_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
                       -Wnon-virtual-dtor -Woverloaded-virtual -Wformat=2 -fno-omit-frame-pointer)
# GCC 12 sees accesses past the end in concatenations of std::string that it has inlined: five places, all false, and
# whichever of these warnings is off, it tells of them by the next.
target_compile_options(sockdog_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds -Wno-stringop-overflow
                       -Wno-stringop-overread>)
# A program loads the libraries that it uses, not all that some room does: no HTTP server in sockdogd.
target_link_options(sockdog_flags INTERFACE -Wl,--as-needed)
if(SOCKDOG_WERROR)
  target_compile_options(sockdog_flags INTERFACE -Werror)
endif()
if(SOCKDOG_FUZZ)
  target_compile_options(sockdog_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(SOCKDOG_SANITIZE)
  target_compile_options(sockdog_flags INTERFACE -fsanitize=${SOCKDOG_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(sockdog_flags INTERFACE -fsanitize=${SOCKDOG_SANITIZE})
endif()

# Most of what a file costs is headers and templates, paid once this way; a changed file then compiles its whole room.
# What is local to a file must have a name of its own in its room.
option(SOCKDOG_UNITY "Compile a room as one file where a program takes all of it or nothing" OFF)

# sockdog_room(NAME [APART] DEPS room... LIBS library...)
# APART: programs take some of its files only, and with them the libraries that those need.

function(sockdog_room name)
  cmake_parse_arguments(ROOM "APART" "" "DEPS;LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "_main\\.cpp$")
  list(TRANSFORM ROOM_DEPS PREPEND sockdog_)
  if(sources)
    add_library(sockdog_${name} STATIC ${sources})
    set(scope PUBLIC)
  else()
    add_library(sockdog_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(sockdog_${name} ${scope} ${CMAKE_SOURCE_DIR}/user)
  target_link_libraries(sockdog_${name} ${scope} sockdog_flags spdlog::spdlog ${ROOM_DEPS} ${ROOM_LIBS})
  sockdog_precompile(sockdog_${name})
  if(SOCKDOG_UNITY AND NOT ROOM_APART)
    set_target_properties(sockdog_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)
    # GCC takes what a .cpp file has in its unnamed namespace for that of a header.
    target_compile_options(sockdog_${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  endif()
endfunction()

# The headers that take longest to read, read once: halves the time of a build. Made by the ground floor, used by all.
function(sockdog_precompile target)
  if(target STREQUAL sockdog_base)
    target_precompile_headers(${target} PRIVATE <nlohmann/json.hpp> <spdlog/spdlog.h> <chrono> <filesystem> <functional>
                              <map> <memory> <optional> <span> <string> <vector>)
  else()
    target_precompile_headers(${target} REUSE_FROM sockdog_base)
  endif()
endfunction()
