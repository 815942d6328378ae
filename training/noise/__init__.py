"""The noise that training draws inside its graph, anew for every patch.

There is a module for each family, a pure function of clean patches and a source of random numbers;
`layer` combines them as an experiment asks. They consist of Keras operations and run on any
backend. None uses the backend's own matrix products or convolutions: on processors, these run in
bfloat16, which cannot represent 8-bit levels.
"""
