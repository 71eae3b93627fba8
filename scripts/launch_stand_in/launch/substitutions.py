# SPDX-License-Identifier: Apache-2.0
import os

from . import perform


class LaunchConfiguration:
    def __init__(self, name):
        self.name = name

    def perform(self, context):
        if self.name not in context.configurations:
            raise ValueError(f'no launch argument of the name {self.name} was declared')
        return context.configurations[self.name]


class PathJoinSubstitution:
    def __init__(self, parts):
        self.parts = parts

    def perform(self, context):
        return os.path.join(*[perform(context, part) for part in self.parts])
