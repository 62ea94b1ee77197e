"""Presets: which numbers made a figure.

One module per study, one function per preset; its docstring says what it costs and what it reaches.
"""
