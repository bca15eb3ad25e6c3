"""A stand-in of a real shop, in a process of its own.

It sells, it refuses, it can be told to misbehave, and it keeps a log of what truly happened.
It imports nothing of the rest of the package: to freezeguard it is one more foreign system.
"""
