"""The noise that training draws inside its graph, anew for every patch.

A module a family, each a pure function of clean patches and a source of random numbers; `layer`
puts them together as an experiment asks. They are written in Keras operations, so they run on any
backend. None multiplies matrices or convolves by the backend's own operations: on processors these
are turned into bfloat16 for speed, which cannot hold 8-bit levels.
"""
