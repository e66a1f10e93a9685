"""What Fabric looks for: the tasks live in playbooks/. Fabric cannot be told otherwise from a project's fabric.yaml."""

from playbooks import namespace

__all__ = ["namespace"]
