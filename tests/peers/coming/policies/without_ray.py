"""Stands for Ray, which packages import beside losses that do not use it."""

import importlib.machinery
import sys
import types


class _Absent(types.ModuleType):
    """A module whose names are classes that, called, give back their argument, as decorators do."""

    def __init__(self, name):
        super().__init__(name)
        self.__spec__ = importlib.machinery.ModuleSpec(name, None)
        self.__path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {"__new__": lambda kind, value=None, *_, **__: value})


for _name in ("ray", "ray.util", "ray.util.scheduling_strategies", "ray.util.placement_group", "ray.experimental",
              "ray.experimental.state", "ray.experimental.state.api", "ray._private", "ray._private.services"):
    sys.modules.setdefault(_name, _Absent(_name))
