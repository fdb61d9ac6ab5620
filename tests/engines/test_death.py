"""Why a process died: recorded texts of stderr, and exit codes."""

from __future__ import annotations

import signal

import pytest

from ingle.engines.death import LONGEST, StderrTail, how, last_words, with_last_lines

ASSERTION = "/project/ggml/src/ggml.c:123: GGML_ASSERT(n > 0) failed"

GDB = f"""\
load_tensors: loading model tensors, this can take a while... (mmap = true)
{ASSERTION}
[New LWP 4641]
[New LWP 4642]
[Thread debugging using libthread_db enabled]
Using host libthread_db library "/lib/x86_64-linux-gnu/libthread_db.so.1".
0x00007fda40ef1bd3 in __GI___wait4 (pid=4633, stat_loc=0x0) at ../sysdeps/unix/wait4.c:30
30	../sysdeps/unix/sysv/linux/wait4.c: No such file or directory.
#0  0x00007fda40ef1bd3 in __GI___wait4 (pid=4633, stat_loc=0x0) at ../sysdeps/unix/wait4.c:30
30	in ../sysdeps/unix/sysv/linux/wait4.c
#1  0x00007fda400daaeb in ggml_print_backtrace () from /usr/lib/xllamacpp.abi3.so
#2  0x00007fda400dac3d in ggml_abort () from /usr/lib/xllamacpp.abi3.so
[Inferior 1 (process 4632) detached]
"""

GDB_IN_A_SANDBOX = f"""\
{ASSERTION}
warning: File "/opt/python3.11-gdb.py" auto-loading has been declined by your `auto-load safe-path'
To enable execution of this file add
	add-auto-load-safe-path /opt/python3.11-gdb.py
line to your configuration file "/home/user/.config/gdb/gdbinit".
To completely disable this security protection add
	set auto-load safe-path /
line to your configuration file "/home/user/.config/gdb/gdbinit".
For more information about this security protection see the
"Auto-loading safe path" section in the GDB manual.  E.g., run from the shell:
	info "(gdb)Auto-loading safe path"
923	/tmp/python-build/Python-3.11.7/Modules/_ctypes/callproc.c: No such file or directory.
58	../sysdeps/nptl/libc_start_call_main.h: No such file or directory.
"""

GDB_REFUSED = f"""\
{ASSERTION}
Could not attach to process.  If your uid matches the uid of the target
process, check the setting of /proc/sys/kernel/yama/ptrace_scope, or try
again as the root user.  For more details, see /etc/sysctl.d/10-ptrace.conf
ptrace: Operation not permitted.
No stack.
The program is not being run.
"""

GDB_TWICE = f"""\
{ASSERTION}
warning: process 9682 is already traced by process 9683
ptrace: Operation not permitted.
No stack.
The program is not being run.
"""

LLDB = f"""\
{ASSERTION}
(lldb) process attach --pid 812
error: attach failed: Operation not permitted
(lldb) bt
error: Command requires a current process.
(lldb) quit
"""

LLDB_FRAMES = f"""\
{ASSERTION}
(lldb) process attach --pid 812
Process 812 stopped
* thread #1, name = 'python3', stop reason = signal SIGSTOP
    frame #0: 0x00007f0d1a2b3c4d libc.so.6`__wait4 + 29
Executable binary set to "/usr/bin/python3".
Architecture set to: x86_64-pc-linux-gnu.
(lldb) bt
    frame #1: 0x00007f0d1b2b3c4d libggml-base.so`ggml_abort + 292
(lldb) quit
Process 812 detached
"""

OWN_FRAMES = f"""\
{ASSERTION}
/usr/lib/libggml-base.so(+0x1838b) [0x7f7ae3f8138b]
/usr/lib/libggml-base.so(ggml_abort+0x156) [0x7f7ae3f81966]
/lib/x86_64-linux-gnu/libc.so.6(__libc_start_main+0x85) [0x7f7ae2e45305]
0   libggml-base.dylib                  0x00000001027c4a1c ggml_print_backtrace + 276
Aborted (core dumped)
"""

CUDA = """\
ggml_cuda_compute_forward: MUL_MAT failed
CUDA error: out of memory
  current device: 0, in function ggml_cuda_compute_forward at /x/ggml-cuda/ggml-cuda.cu:2455
  err
/x/ggml/src/ggml-cuda/ggml-cuda.cu:103: CUDA error
ptrace: Operation not permitted.
No stack.
The program is not being run.
"""

THROWN = """\
llama_context: n_ctx = 4096
terminate called after throwing an instance of 'vk::DeviceLostError'
  what():  vk::Queue::submit: ErrorDeviceLost
"""

BAD_ALLOC = """\
terminate called after throwing an instance of 'std::bad_alloc'
  what():  std::bad_alloc
Aborted
"""

PYTHON = """\
Traceback (most recent call last):
  File "/x/worker.py", line 12, in <module>
    main()
  File "/x/worker.py", line 9, in main
    raise Unheard("of")
x.Unheard: of
/usr/lib/python3.11/multiprocessing/resource_tracker.py:254: UserWarning: resource_tracker: \
There appear to be 1 leaked semaphore objects to clean up at shutdown
  warnings.warn('resource_tracker: There appear to be %d '
"""

CHAINED = """\
Traceback (most recent call last):
  File "/x/a.py", line 2, in f
KeyError: 'k'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/x/a.py", line 9, in <module>
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB.
"""

LAUNCHED = """\
[rank0]: Traceback (most recent call last):
[rank0]:   File "/x/inside/__main__.py", line 36, in main
[rank0]: ValueError: the rows do not fit
Traceback (most recent call last):
  File "/x/accelerate/commands/launch.py", line 1190, in main
    simple_launcher(args)
subprocess.CalledProcessError: Command '['python', '-m', 'x']' returned non-zero exit status 1.
"""

ELASTIC = """\
Traceback (most recent call last):
  File "/x/torch/distributed/run.py", line 10, in main
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
========================================================
ingle.training.trl.inside FAILED
--------------------------------------------------------
  rank      : 1 (local_rank: 1)
  exitcode  : -9 (pid: 4711)
  error_file: <N/A>
  traceback : Signal 9 (SIGKILL) received by PID 4711
========================================================
"""

GLOO = """\
terminate called after throwing an instance of 'gloo::IoException'
  what():  Connection closed by peer [127.0.0.1]:1234
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
  exitcode  : -6 (pid: 9)
  traceback : Signal 6 (SIGABRT) received by PID 9
"""

FAULT = """\
Fatal Python error: Segmentation fault

Current thread 0x00007f0d1a2b3c4d (most recent call first):
  File "/x/a.py", line 3 in f
  File "/x/a.py", line 6 in <module>

Extension modules: numpy.core._multiarray_umath, xllamacpp.xllamacpp (total: 2)
"""

RUST = """\
thread 'main' panicked at parser/src/earley/parser.rs:801:9:
index out of bounds: the len is 3 but the index is 3
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
"""

ENGINE_LOG = """\
0.00.002.174 E llama_model_load: error loading model: unknown model architecture: ''
0.00.002.180 E llama_model_load_from_file_impl: failed to load model
0.00.002.689 E srv          init: exiting due to model loading error
"""

PIP = """\
ERROR: Could not find a version that satisfies the requirement trl==9 (from versions: none)
[notice] A new release of pip is available: 24.0 -> 26.1
"""


@pytest.mark.parametrize(
    ("stderr", "words"),
    [
        (GDB, ASSERTION),
        (GDB_IN_A_SANDBOX, ASSERTION),
        (GDB_REFUSED, ASSERTION),
        (GDB_TWICE, ASSERTION),
        (LLDB, ASSERTION),
        (LLDB_FRAMES, ASSERTION),
        (OWN_FRAMES, ASSERTION),
        (ASSERTION + "\nllama-server ended with status -6\n", ASSERTION),
        (CUDA, "CUDA error: out of memory"),
        (THROWN, "vk::DeviceLostError: vk::Queue::submit: ErrorDeviceLost"),
        (THROWN.rpartition("  what")[0], "vk::DeviceLostError"),
        (BAD_ALLOC, "std::bad_alloc"),
        ("libc++abi: terminating due to uncaught exception of type std::bad_alloc\n",) * 2,
        ("python3: a.c:7: main: Assertion `n > 0' failed.\nAborted (core dumped)\n",
         "python3: a.c:7: main: Assertion `n > 0' failed."),
        ("free(): invalid pointer\nAborted\n", "free(): invalid pointer"),
        ("*** stack smashing detected ***: terminated\n",) * 2,
        (PYTHON, "x.Unheard: of"),
        (CHAINED, "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB."),
        (LAUNCHED, "ValueError: the rows do not fit"),
        (ELASTIC, "Signal 9 (SIGKILL) received by PID 4711"),
        (PYTHON + ELASTIC, "Signal 9 (SIGKILL) received by PID 4711"),
        (GLOO, "gloo::IoException: Connection closed by peer [127.0.0.1]:1234"),
        (GLOO.rpartition("what")[2].partition("\n")[2], "Signal 6 (SIGABRT) received by PID 9"),
        (FAULT, "Fatal Python error: Segmentation fault"),
        (RUST, "thread 'main' panicked at parser/src/earley/parser.rs:801:9: "
               "index out of bounds: the len is 3 but the index is 3"),
        (ENGINE_LOG, "llama_model_load: error loading model: unknown model architecture: ''"),
        (PIP, "ERROR: Could not find a version that satisfies the requirement trl==9 "
              "(from versions: none)"),
        ("main: error: cannot open it\nmain: 0 tokens\n", "main: error: cannot open it"),
        ("bwrap: Can't find source path /x: No such file or directory\n",) * 2,
        ("one\ntwo\n\n", "two"),
        ("No stack.\n", "No stack."),
        ("\n \n", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_the_line_that_tells_is_chosen(stderr: str, words: str) -> None:
    assert last_words(stderr.splitlines()) == words.rstrip("\n")


def test_a_long_line_is_told_in_part() -> None:
    assert last_words(["ValueError: " + "x" * 10_000]) == ("ValueError: " + "x" * 10_000)[:LONGEST]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (None, "it closed its socket"),
        (0, "exit status 0"),
        (3, "exit status 3"),
        (-signal.SIGSEGV, "killed by SIGSEGV"),
        (128 + signal.SIGABRT, "killed by SIGABRT"),
        (-signal.SIGKILL, "killed by SIGKILL, possibly because memory ran out"),
        (128 + signal.SIGKILL, "killed by SIGKILL, possibly because memory ran out"),
        (-50, "killed by signal 50"),
        (255, "exit status 255"),
    ],
)
def test_an_exit_code_is_told_in_words(code: int | None, words: str) -> None:
    assert how(code) == words


def test_our_own_kill_is_not_blamed_on_memory() -> None:
    assert how(-signal.SIGKILL, ours=True) == "killed by SIGKILL"


def test_a_death_has_its_last_words_only_if_there_are_any() -> None:
    assert with_last_lines("exit status 1", []) == "(exit status 1)"
    assert with_last_lines("exit status 1", ["x"]) == "(exit status 1); its last words: x"


def test_a_tail_keeps_lines_however_they_arrive() -> None:
    text = "one\ntwo\r\n\n 10 %\r 20 %\rthrée\nfour".encode()
    whole, bytewise = StderrTail(3), StderrTail(3)
    whole.feed(text)
    for place in range(len(text)):
        bytewise.feed(text[place : place + 1])
    assert whole.lines == [" 10 %", " 20 %", "thrée", "four"]
    assert bytewise.lines == whole.lines


def test_a_line_that_never_ends_takes_no_more_memory() -> None:
    tail = StderrTail(2)
    for _ in range(1000):
        tail.feed(b"x" * 10_000)
    tail.feed(b"\nend")
    assert [len(line) for line in tail.lines] == [8192, 3]
