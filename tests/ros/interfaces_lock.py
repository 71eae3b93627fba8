#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Freezes the public interfaces: interfaces.lock holds a hash of every message, service and action.

Any change of a field, also an added one, makes old and new nodes unable to talk and recorded bags unreadable. To change
an interface on purpose: raise the version in Cargo.toml and package.xml, say so in the change's description, `make build`,
then `. scripts/env.sh && python3 tests/ros/interfaces_lock.py --write`, and commit the lock beside the change.
"""

import hashlib
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOCK = pathlib.Path(__file__).with_name('interfaces.lock')


def canonical(text):
    """The definition without comments, blank lines and differences of spacing."""
    lines = []
    for line in text.splitlines():
        line = re.sub(r'''^((?:[^#'"]|'[^']*'|"[^"]*")*)#.*''', r'\1', line)
        line = re.sub(r'\s*=\s*', '=', ' '.join(line.split()))
        if line:
            lines.append(line)
    return '\n'.join(lines) + '\n'


def source_hashes():
    files = sorted(path for kind in ('msg', 'srv', 'action') for path in ROOT.glob(f'{kind}/*.{kind}'))
    return {f'{path.parent.name}/{path.stem}': hashlib.sha256(canonical(path.read_text()).encode()).hexdigest() for path in files}


def type_hashes(share):
    """ROS 2's own hashes of the installed types (RIHS01), empty before Iron, which has none."""
    hashes = {}
    for path in sorted(pathlib.Path(share).glob('*/*.json')):
        if path.parent.name in ('msg', 'srv', 'action'):
            for entry in json.loads(path.read_text())['type_hashes']:
                if entry['type_name'].startswith('spatialclaw/'):
                    hashes[entry['type_name']] = entry['hash_string']
    return hashes


def read():
    return json.loads(LOCK.read_text())


def main():
    from ament_index_python.packages import get_package_share_directory

    found = {'sources': source_hashes(), 'types': type_hashes(get_package_share_directory('spatialclaw'))}
    if sys.argv[1:] == ['--write']:
        LOCK.write_text(json.dumps(found, indent=1, sort_keys=True) + '\n')
        return 0
    return 0 if found == read() else 'interfaces.lock does not match; see the head of this file'


if __name__ == '__main__':
    sys.exit(main())
