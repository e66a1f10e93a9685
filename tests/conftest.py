"""For all tests: a terminal's signals, whatever started pytest."""

import signal

# Started in the background (`nohup … &`), pytest would ignore Ctrl-C, and so would every program that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
