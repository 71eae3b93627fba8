# SPDX-License-Identifier: Apache-2.0
from . import perform


class DeclareLaunchArgument:
    def __init__(self, name, *, default_value=None, description='', condition=None):
        self.name = name
        self.default_value = default_value
        self.description = description
        self.condition = condition

    def visit(self, context):
        if self.name in context.given:
            value = context.given[self.name]
        elif self.default_value is None:
            raise ValueError(f'the launch argument {self.name} needs a value')
        else:
            value = perform(context, self.default_value)
        context.configurations[self.name] = value
