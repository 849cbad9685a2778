# SPDX-License-Identifier: LGPL-2.1-or-later
# A room is one folder of sources that becomes one library. Sources are globbed: a new file needs no line here.

# ioth_room(NAME [LIBS...] [SOURCES pattern...]): an internal static library of this folder's .c files, or of those that the
# patterns name. Includes are written from src/ ("base/cursor.h") or, for public headers, from include/.
function(ioth_room name)
    cmake_parse_arguments(arg "" "" "SOURCES" ${ARGN})
    if(NOT arg_SOURCES)
        set(arg_SOURCES *.c)
    endif()
    file(GLOB sources CONFIGURE_DEPENDS ${arg_SOURCES})
    add_library(${name} STATIC ${sources})
    target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
    target_link_libraries(${name} PUBLIC ${arg_UNPARSED_ARGUMENTS})
endfunction()

# ioth_public_library(NAME HEADERS h... LIBS l... [PRIVATE_LIBS l...] [CORE room]): an installed shared library libNAME.so of
# this folder's .c files, exporting what NAME.map lists, with its headers from include/ and a pkg-config file. CORE: a
# room made of some of the folder's files, for those who need no more than that; it goes into the library whole.
function(ioth_public_library name)
    cmake_parse_arguments(arg "" "CORE" "HEADERS;LIBS;PRIVATE_LIBS" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS *.c)
    if(arg_CORE)
        get_target_property(core_sources ${arg_CORE} SOURCES)
        list(REMOVE_ITEM sources ${core_sources})
        list(APPEND arg_PRIVATE_LIBS ${arg_CORE})
    endif()
    add_library(${name} SHARED ${sources})
    target_include_directories(${name}
        PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
        PRIVATE ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(${name} PUBLIC ${arg_LIBS} PRIVATE ${arg_PRIVATE_LIBS})
    target_link_options(${name} PRIVATE -Wl,--version-script=${CMAKE_CURRENT_SOURCE_DIR}/${name}.map)
    set_property(TARGET ${name} PROPERTY LINK_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}.map)
    set_target_properties(${name} PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
        INSTALL_RPATH "$ORIGIN") # one library of ours finds another below any prefix

    set(pc_requires ${arg_LIBS})
    list(TRANSFORM pc_requires PREPEND lib)
    list(JOIN pc_requires " " pc_requires)
    set(pc_name ${name})
    # From the folder of the .pc file, so that `cmake --install --prefix` and a moved prefix are right.
    file(RELATIVE_PATH pc_prefix /x/${CMAKE_INSTALL_LIBDIR}/pkgconfig /x)
    string(REGEX REPLACE "/$" "" pc_prefix "${pc_prefix}")
    configure_file(${PROJECT_SOURCE_DIR}/cmake/library.pc.in ${CMAKE_CURRENT_BINARY_DIR}/lib${name}.pc @ONLY)
    install(TARGETS ${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/lib${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
    list(TRANSFORM arg_HEADERS PREPEND ${PROJECT_SOURCE_DIR}/include/)
    install(FILES ${arg_HEADERS} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
endfunction()

# ioth_unit_tests(ROOM [LIBS...]): every test_*.c of this folder is one cmocka program, one CTest named ROOM.x, with
# the label `threads` if its text speaks of threads; with the thread sanitizer the others are built by the target unit_tests alone.
function(ioth_unit_tests room)
    file(GLOB tests CONFIGURE_DEPENDS test_*.c)
    foreach(source ${tests})
        get_filename_component(stem ${source} NAME_WE)
        string(REPLACE "test_" "" short ${stem})
        set(target unit_${room}_${short})
        add_executable(${target} ${source})
        target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests/unit)
        target_compile_definitions(${target} PRIVATE SOURCE_DIR="${PROJECT_SOURCE_DIR}" BUILD_DIR="${PROJECT_BINARY_DIR}")
        target_link_libraries(${target} PRIVATE ${ARGN} cmocka)
        target_compile_options(${target} PRIVATE -O0) # what is fast or sanitized is the code under test; its tests compile faster so
        file(STRINGS ${source} threads REGEX "[Tt]hread" LIMIT_COUNT 1)
        if(IOTH_SANITIZE STREQUAL "thread" AND NOT threads)
            set_target_properties(${target} PROPERTIES EXCLUDE_FROM_ALL TRUE)
        endif()
        add_dependencies(unit_tests ${target})
        add_test(NAME ${room}.${short} COMMAND ${target})
        # 77: cannot run here; the program has printed why.
        set_tests_properties(${room}.${short} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 600)
        if(threads) # they wait, so they begin first
            set_tests_properties(${room}.${short} PROPERTIES LABELS threads COST 1)
        endif()
    endforeach()
endfunction()
