# SPDX-License-Identifier: Apache-2.0
import atexit
import os
import re
import tempfile

from ament_index_python.packages import get_package_share_directory
from launch import perform


def temporary_yaml(text):
    with tempfile.NamedTemporaryFile('w', prefix='launch_params_', suffix='.yaml', delete=False) as file:
        file.write(text)
    atexit.register(os.unlink, file.name)
    return file.name


class ParameterFile:
    def __init__(self, param_file, *, allow_substs=False):
        self.param_file = param_file
        self.allow_substs = allow_substs

    def evaluate(self, context):
        path = perform(context, self.param_file)
        with open(path, encoding='utf-8') as file:
            text = file.read()
        if not self.allow_substs or '$(' not in text:
            return path
        return temporary_yaml(re.sub(r'\$\(([^()]*)\)', lambda match: self._substitute(context, match[1]), text))

    @staticmethod
    def _substitute(context, expression):
        kind, name, *default = expression.split()
        if kind == 'env' and (name in os.environ or default):
            return os.environ.get(name, *default)
        if kind == 'var' and name in context.configurations:
            return context.configurations[name]
        if kind == 'find-pkg-share':
            return get_package_share_directory(name)
        raise ValueError(f'cannot substitute $({expression})')
