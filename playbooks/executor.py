"""How `fab task -- words` reaches the task. Named in fabric.yaml as tasks.executor_class."""

from collections.abc import Sequence
from typing import Any

import fabric


class Executor(fabric.Executor):  # type: ignore[misc] # fabric ships no types
    """Fabric's executor, which otherwise runs what follows `--` as a remote command and dies without a host."""

    def expand_calls(self, calls: Sequence[Any], apply_hosts: bool = True) -> Any:
        """The tasks to run; the words after `--` are the task's own and no call."""
        if not self.core[0].args.hosts.value:
            self.core.remainder = ""
        return super().expand_calls(calls, apply_hosts)


def words_after_dashes(argv: Sequence[str]) -> list[str]:
    """The words after the first `--`, each as the shell passed it; Invoke would join them and lose the quotes."""
    return list(argv[argv.index("--") + 1 :]) if "--" in argv else []
