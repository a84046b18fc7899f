"""Runs an AWS Lambda handler: python -S -u bootstrap.py [module.function].

It only finds its package: the interpreter compiles this file on every start,
the package's files once.
"""

import os
import sys

_here = os.path.dirname(os.path.abspath(__file__))
if sys.path[:1] != [_here]:  # PYTHONSAFEPATH leaves it out
    sys.path.insert(0, _here)

from rouse_lambda import loop

loop.main(sys.argv, _here)
