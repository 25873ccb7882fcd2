"""Small programs that may crash, each in a process of its own: one interpreter is started for a table, and forks.

`ended(table)` gives how each program ended, "" where it came to its end. As a program it reads such a table from its
standard input. Programs find `np`, `wg`, `wnp` and the functions below.
"""

import json
import os
import subprocess
import sys

KINDS = (ValueError, TypeError, IndexError, MemoryError, OverflowError, RuntimeError)  # and what derives from them
CHILD_SECONDS, MEMORY = 20, 8 << 30


def ended(table, **environment):
    done = subprocess.run(
        [sys.executable, __file__],
        input=json.dumps(table),
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def refused(f, *args, **kwargs):
    """f(*args) raises one of the exceptions that answer bad input, with a message."""
    y = survived(f, *args, **kwargs)
    if isinstance(y, KINDS) and (str(y) or isinstance(y, MemoryError)):
        return y
    raise AssertionError(f"accepted: {str(y)[:200]}")


def survived(f, *args, **kwargs):
    """f(*args) gives something, or raises one of those exceptions."""
    try:
        return f(*args, **kwargs)
    except KINDS as error:
        return error


def in_small_thread(f, *args, kilobytes=512):
    """The result of f, called on a thread with a small stack."""
    import threading

    out = []
    before = threading.stack_size(kilobytes * 1024)
    thread = threading.Thread(target=lambda: out.append(f(*args)))
    thread.start()
    thread.join()
    threading.stack_size(before)
    assert out, "an exception on the thread"
    return out[0]


def forked(code, space):
    import traceback

    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(write, 1)
        os.dup2(write, 2)
        import faulthandler
        import resource
        import signal

        faulthandler.enable()
        signal.alarm(CHILD_SECONDS)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        try:
            exec(compile(code, "<program>", "exec"), dict(space))
            code = 0
        except BaseException:
            code = 1
            traceback.print_exc()
        sys.stdout.flush()
        os._exit(code)
    os.close(write)
    said = b""
    while part := os.read(read, 65536):
        said += part
    os.close(read)
    status = os.waitpid(child, 0)[1]
    if status == 0:
        return ""
    how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "exception"
    return f"{how}: {said.decode(errors='replace')[-1500:]}"


def main():
    import gc
    import threading

    import numpy as np
    import optree
    import wengert as wg
    import wengert.numpy as wnp

    space = {**globals(), "np": np, "wg": wg, "wnp": wnp, "optree": optree, "gc": gc, "threading": threading}
    table = json.load(sys.stdin)
    report = {name: forked(code, space) for name, code in table.items()}
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main()
