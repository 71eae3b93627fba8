# SPDX-License-Identifier: Apache-2.0
"""A stand-in for ROS 2's `launch` where the real one is not installed: enough for this package's launch file.

It evaluates the file to the commands that the real one would run; `../../launch.py` runs them.
"""


class LaunchDescription:
    def __init__(self, entities=()):
        self.entities = list(entities)


class Context:
    """What is known while a launch file is evaluated."""

    def __init__(self, arguments):
        self.given = dict(arguments)
        self.configurations = {}
        self.nodes = []


def perform(context, value):
    """The text of a substitution, a list of them, or anything else."""
    if hasattr(value, 'perform'):
        return value.perform(context)
    if isinstance(value, (list, tuple)):
        return ''.join(perform(context, part) for part in value)
    return str(value)


def perform_bool(context, value):
    text = perform(context, value).strip().lower()
    if text not in ('true', 'false', '1', '0'):
        raise ValueError(f'neither true nor false: {text!r}')
    return text in ('true', '1')


def evaluate(path, arguments):
    """Evaluates a launch file; the context returned has `configurations` and the `nodes` to start."""
    scope = {'__file__': path, '__name__': 'launch_file'}
    with open(path, encoding='utf-8') as file:
        exec(compile(file.read(), path, 'exec'), scope)
    context = Context(arguments)
    for entity in scope['generate_launch_description']().entities:
        if entity.condition is None or entity.condition.evaluate(context):
            entity.visit(context)
    unknown = sorted(set(context.given) - set(context.configurations))
    if unknown:
        known = ', '.join(sorted(context.configurations))
        raise ValueError(f'no such launch argument: {", ".join(unknown)} (there are: {known})')
    return context
