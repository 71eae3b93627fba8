# SPDX-License-Identifier: Apache-2.0
from . import perform_bool


class IfCondition:
    def __init__(self, predicate):
        self.predicate = predicate

    def evaluate(self, context):
        return perform_bool(context, self.predicate)
