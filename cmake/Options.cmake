# SPDX-License-Identifier: LGPL-2.1-or-later
# How everything is compiled. Presets (CMakePresets.json) set these; nobody else needs to.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

set(IOTH_SANITIZE "" CACHE STRING "value for -fsanitize=, e.g. address,undefined or thread")
option(IOTH_LWIP "build the stack lwip, which needs liblwip-dev" ON)
option(IOTH_FUZZ "build the fuzz targets with libFuzzer (clang)" OFF)
option(IOTH_COVERAGE "instrument for gcov" OFF)

add_compile_definitions(_GNU_SOURCE)
add_compile_options(-Wall -Wextra -Wconversion -Wshadow -Werror -fno-strict-aliasing)

if(IOTH_SANITIZE)
    add_compile_options(-fsanitize=${IOTH_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${IOTH_SANITIZE})
    add_compile_definitions(IOTH_SANITIZED) # their runtimes need more system calls than we do: src/io/sandbox.c
    # libvdeplug's way to load its modules is refused by the sanitizers; the file says how it is kept from them.
    add_library(without_deepbind OBJECT cmake/without_deepbind.c)
    link_libraries($<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:$<TARGET_OBJECTS:without_deepbind>>)
endif()
if(IOTH_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(IOTH_COVERAGE)
    add_compile_options(--coverage)
    add_link_options(--coverage)
endif()
