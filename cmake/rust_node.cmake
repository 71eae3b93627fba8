# SPDX-License-Identifier: Apache-2.0
# Builds and installs the Rust node and the command line program against the interfaces of this same package.

# Only r2r's generated code needs these: asking for them here turns a link error into a plain message.
foreach(package IN ITEMS rcl rcl_action rcl_interfaces rosgraph_msgs std_srvs tf2_msgs visualization_msgs)
  find_package(${package} REQUIRED)
endforeach()
find_program(CARGO cargo HINTS "$ENV{CARGO_HOME}/bin" "$ENV{HOME}/.cargo/bin")
if(NOT CARGO)
  message(FATAL_ERROR "cargo was not found. Install Rust, or build the interfaces alone with -DSPATIALCLAW_INTERFACES_ONLY=ON")
endif()

# r2r reads installed interface packages, so show it this package's as a small prefix in the build tree. The
# prefix's name carries a hash of the interfaces: r2r watches AMENT_PREFIX_PATH, not the files in it, and would
# otherwise keep its old bindings when an interface changes.
set(hash "")
set(index "")
foreach(file IN LISTS interface_files)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
  file(SHA256 "${CMAKE_CURRENT_SOURCE_DIR}/${file}" file_hash)
  string(APPEND hash "${file} ${file_hash}\n")
  string(REGEX REPLACE "\\.(msg|srv|action)$" ".idl" idl "${file}")
  string(APPEND index "${idl}\n")
endforeach()
string(SHA256 hash "${hash}")
string(SUBSTRING "${hash}" 0 12 hash)

set(stage_root "${CMAKE_CURRENT_BINARY_DIR}/r2r_prefix")
set(stage "${stage_root}/${hash}")
file(GLOB old_stages "${stage_root}/*")
list(REMOVE_ITEM old_stages "${stage}")
if(old_stages)
  file(REMOVE_RECURSE ${old_stages})
endif()
file(WRITE "${stage}/share/ament_index/resource_index/rosidl_interfaces/${PROJECT_NAME}" "${index}")

set(stage_commands "")
foreach(generator IN ITEMS rosidl_generator_c rosidl_typesupport_introspection_c)
  list(APPEND stage_commands COMMAND "${CMAKE_COMMAND}" -E copy_directory
    "${CMAKE_CURRENT_BINARY_DIR}/${generator}/${PROJECT_NAME}" "${stage}/include/${PROJECT_NAME}/${PROJECT_NAME}")
endforeach()
set(stage_libraries "")
foreach(kind IN ITEMS rosidl_generator_c rosidl_typesupport_c rosidl_typesupport_introspection_c)
  list(APPEND stage_libraries ${PROJECT_NAME}__${kind})
  list(APPEND stage_commands COMMAND "${CMAKE_COMMAND}" -E copy_if_different
    "$<TARGET_FILE:${PROJECT_NAME}__${kind}>" "${stage}/lib/")
endforeach()
add_custom_target(spatialclaw_r2r_prefix
  COMMAND "${CMAKE_COMMAND}" -E make_directory "${stage}/lib"
  ${stage_commands}
  DEPENDS ${stage_libraries} VERBATIM)

# An earlier install of this package would add its old interfaces to r2r's list.
string(REPLACE ":" ";" prefixes "$ENV{AMENT_PREFIX_PATH}")
set(ament_prefix_path "${stage}")
foreach(prefix IN LISTS prefixes)
  file(GLOB packages RELATIVE "${prefix}/share/ament_index/resource_index/packages"
    "${prefix}/share/ament_index/resource_index/packages/*")
  if(NOT "${packages}" STREQUAL "${PROJECT_NAME}")
    string(APPEND ament_prefix_path ":${prefix}")
  endif()
endforeach()

if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  set(cargo_profile dev)
  set(cargo_output debug)
else()
  set(cargo_profile release)
  set(cargo_output release)
endif()
# Records of sessions say what they were made with; a source archive has no commit.
execute_process(COMMAND git rev-parse --short=12 HEAD
  WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" OUTPUT_VARIABLE git_hash OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
set(git_hash_setting "")
if(git_hash)
  set(git_hash_setting "SPATIALCLAW_GIT_HASH=${git_hash}")
endif()
# r2r also reads CMAKE_PREFIX_PATH and CMAKE_IDL_PACKAGES and builds anew when they change: AMENT_PREFIX_PATH says it all.
add_custom_target(spatialclaw_cargo_build ALL
  COMMAND "${CMAKE_COMMAND}" -E env
    --unset=CMAKE_PREFIX_PATH --unset=CMAKE_IDL_PACKAGES --unset=CMAKE_INCLUDE_DIRS
    "AMENT_PREFIX_PATH=${ament_prefix_path}"
    "LD_LIBRARY_PATH=${stage}/lib:$ENV{LD_LIBRARY_PATH}" ${git_hash_setting}
    "${CARGO}" build --quiet --locked --features ros --bin spatialclaw_node --bin spatialclaw --bin spatialclaw_kernel
    --profile ${cargo_profile} --target-dir "${SPATIALCLAW_CARGO_TARGET_DIR}"
  WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" VERBATIM)
add_dependencies(spatialclaw_cargo_build spatialclaw_r2r_prefix)

install(PROGRAMS
  "${SPATIALCLAW_CARGO_TARGET_DIR}/${cargo_output}/spatialclaw_node"
  "${SPATIALCLAW_CARGO_TARGET_DIR}/${cargo_output}/spatialclaw_kernel"
  "${SPATIALCLAW_CARGO_TARGET_DIR}/${cargo_output}/spatialclaw"
  DESTINATION lib/${PROJECT_NAME})
install(DIRECTORY launch config DESTINATION share/${PROJECT_NAME})
