# SPDX-License-Identifier: Apache-2.0
from ament_index_python.packages import get_package_share_directory
from launch import perform


class FindPackageShare:
    def __init__(self, package):
        self.package = package

    def perform(self, context):
        return get_package_share_directory(perform(context, self.package))
