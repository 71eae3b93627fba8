# SPDX-License-Identifier: Apache-2.0
"""A stand-in for ROS 2's `launch_ros`; see `../launch`."""
