# SPDX-License-Identifier: Apache-2.0
import os

import yaml
from ament_index_python.packages import get_package_prefix
from launch import perform, perform_bool

from .parameter_descriptions import ParameterFile, temporary_yaml


class Node:
    def __init__(self, *, package, executable, name=None, namespace=None, output='log', parameters=(), remappings=(),
                 arguments=(), ros_arguments=(), respawn=False, respawn_delay=0.0, condition=None):
        self.package = package
        self.executable = executable
        self.name = name
        self.namespace = namespace
        self.output = output
        self.parameters = parameters
        self.remappings = remappings
        self.arguments = arguments
        self.ros_arguments = ros_arguments
        self.respawn = respawn
        self.respawn_delay = respawn_delay
        self.condition = condition

    def visit(self, context):
        """Sets `command`, the command line as launch_ros makes it, and `respawn`."""
        package, executable = perform(context, self.package), perform(context, self.executable)
        path = os.path.join(get_package_prefix(package), 'lib', package, executable)
        if not os.access(path, os.X_OK):
            raise FileNotFoundError(f'no executable {path}')
        self.command = [path, *[perform(context, a) for a in self.arguments], '--ros-args']
        self.command += [perform(context, a) for a in self.ros_arguments]
        if self.name:
            self.command += ['-r', f'__node:={perform(context, self.name)}']
        namespace = perform(context, self.namespace or '').strip('/')
        if namespace:
            self.command += ['-r', f'__ns:=/{namespace}']
        for parameters in self.parameters:
            self.command += ['--params-file', self._parameter_file(context, parameters)]
        for source, target in self.remappings:
            self.command += ['-r', f'{perform(context, source)}:={perform(context, target)}']
        self.respawn = perform_bool(context, self.respawn)
        context.nodes.append(self)

    @staticmethod
    def _parameter_file(context, parameters):
        if isinstance(parameters, ParameterFile):
            return parameters.evaluate(context)
        values = {name: yaml.safe_load(perform(context, value)) for name, value in parameters.items()}
        return temporary_yaml(yaml.safe_dump({'/**': {'ros__parameters': values}}))
