# SPDX-License-Identifier: Apache-2.0
"""A simulated household robot camera with exact truth, and the client that checks the node against it.

Nothing in here imports, calls or reads the code of the node it examines.
"""
